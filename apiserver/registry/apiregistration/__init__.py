"""Strategies of the `apiregistration.k8s.io` group. Same rules as `apiserver.registry.core`."""
