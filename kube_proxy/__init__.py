"""kube-proxy, one per node: turns Services and their endpoints into packet rules of its node's network namespace.

Belongs here: what a service's address means on this node (pure), and the backends that make it so. Does not belong
here: which pods are endpoints (the controller-manager says), names (cluster DNS), routes of pods (the runtime). Nobody
imports it; it imports `client`, `wire`, `api` and `apimachinery`.
"""
