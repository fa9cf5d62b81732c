"""Strategies of the `batch` group. Same rules as `apiserver.registry.core`."""
