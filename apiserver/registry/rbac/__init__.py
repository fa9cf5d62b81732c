"""Strategies of the `rbac.authorization.k8s.io` group. Same rules as `apiserver.registry.core`."""
