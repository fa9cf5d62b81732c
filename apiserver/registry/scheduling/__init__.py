"""Strategies of the `scheduling.k8s.io` group. Same rules as `apiserver.registry.core`."""
