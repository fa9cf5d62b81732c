"""Strategies of the `apiextensions.k8s.io` group. Same rules as `apiserver.registry.core`."""
