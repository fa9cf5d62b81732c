"""What people type for short instead of a resource's plural, as upstream's discovery tells it."""

from __future__ import annotations

from typing import Final

SHORT_NAMES: Final = {
    "po": "pods", "deploy": "deployments", "rs": "replicasets", "sts": "statefulsets", "ds": "daemonsets",
    "svc": "services", "ep": "endpoints", "cm": "configmaps", "ns": "namespaces", "no": "nodes", "ev": "events",
    "sa": "serviceaccounts", "pvc": "persistentvolumeclaims", "pv": "persistentvolumes", "cj": "cronjobs",
    "ing": "ingresses", "netpol": "networkpolicies", "hpa": "horizontalpodautoscalers", "pdb": "poddisruptionbudgets",
    "sc": "storageclasses", "pc": "priorityclasses", "rc": "replicationcontrollers", "quota": "resourcequotas",
    "limits": "limitranges", "crd": "customresourcedefinitions", "csr": "certificatesigningrequests",
}  # fmt: skip
