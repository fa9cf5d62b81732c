"""The built-in plugins in the order they run, which is upstream's. Webhooks and policies belong just before quota."""

from __future__ import annotations

from apiserver.handlers.admission import AdmissionPlugin
from apiserver.handlers.admission.certificates import (
    CertificateApproval,
    CertificateSigning,
    CertificateSubjectRestriction,
)
from apiserver.handlers.admission.default_tolerations import DefaultTolerationSeconds
from apiserver.handlers.admission.defaults_by_class import DefaultIngressClass, DefaultStorageClass
from apiserver.handlers.admission.limit_ranger import LimitRanger
from apiserver.handlers.admission.namespace_lifecycle import NamespaceLifecycle
from apiserver.handlers.admission.node_restriction import NodeRestriction
from apiserver.handlers.admission.pod_security import PodSecurity
from apiserver.handlers.admission.priority import Priority
from apiserver.handlers.admission.rbac_escalation import RbacEscalation
from apiserver.handlers.admission.resource_quota import ResourceQuota
from apiserver.handlers.admission.runtime_class import RuntimeClass
from apiserver.handlers.admission.service_account import ServiceAccount
from apiserver.handlers.admission.taint_nodes import TaintNodesByCondition
from apiserver.handlers.authz import Authorizer


def build_chain(authorizer: Authorizer) -> list[AdmissionPlugin]:
    """Some plugins ask the authorizer whether the user might do more."""
    return [
        NamespaceLifecycle(),
        LimitRanger(),
        ServiceAccount(),
        NodeRestriction(),
        PodSecurity(),
        Priority(),
        DefaultTolerationSeconds(),
        DefaultStorageClass(),
        RuntimeClass(),
        TaintNodesByCondition(),
        CertificateApproval(authorizer),
        CertificateSigning(authorizer),
        CertificateSubjectRestriction(),
        DefaultIngressClass(),
        RbacEscalation(authorizer),
        ResourceQuota(),
    ]
