"""Strategies of the `node.k8s.io` group. Same rules as `apiserver.registry.core`."""
