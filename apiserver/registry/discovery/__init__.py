"""Strategies of the `discovery.k8s.io` group. Same rules as `apiserver.registry.core`."""
