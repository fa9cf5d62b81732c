"""Service addresses, from pods and from the host, as in the host form."""

from __future__ import annotations

import pytest

from tests.e2e.test_services import (
    test_dns_name_and_node_port_reach_all_replicas,
    test_the_kubernetes_service_answers_in_pods,
)

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.kubectl]

__all__ = ["test_dns_name_and_node_port_reach_all_replicas", "test_the_kubernetes_service_answers_in_pods"]
