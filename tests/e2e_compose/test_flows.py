"""What people do with kubectl, as in the host form."""

from __future__ import annotations

import pytest

from tests.e2e.test_kubectl import (
    test_a_deleted_pod_is_replaced,
    test_a_deployments_life,
    test_apply_creates_changes_and_leaves_alone,
    test_cordon_drain_and_back,
    test_edit_label_annotate_and_patch,
    test_events_tell_the_story_of_a_pod,
    test_explain_api_resources_and_can_i,
    test_logs_exec_cp_and_port_forward,
    test_logs_follow_to_the_end_and_previous,
)

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.kubectl]

__all__ = [
    "test_a_deleted_pod_is_replaced",
    "test_a_deployments_life",
    "test_apply_creates_changes_and_leaves_alone",
    "test_cordon_drain_and_back",
    "test_edit_label_annotate_and_patch",
    "test_events_tell_the_story_of_a_pod",
    "test_explain_api_resources_and_can_i",
    "test_logs_exec_cp_and_port_forward",
    "test_logs_follow_to_the_end_and_previous",
]
