"""Strategies of the `resource.k8s.io` group. Same rules as `apiserver.registry.core`."""
