"""Strategies of the `coordination.k8s.io` group. Same rules as `apiserver.registry.core`."""
