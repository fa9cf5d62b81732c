"""Strategies of the `policy` group. Same rules as `apiserver.registry.core`."""
