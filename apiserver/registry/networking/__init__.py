"""Strategies of the `networking.k8s.io` group. Same rules as `apiserver.registry.core`."""
