"""Strategies of the `certificates.k8s.io` group. Same rules as `apiserver.registry.core`."""
