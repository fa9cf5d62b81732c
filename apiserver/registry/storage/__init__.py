"""Strategies of the `storage.k8s.io` group. Same rules as `apiserver.registry.core`."""
