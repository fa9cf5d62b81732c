"""Strategies of the `flowcontrol.apiserver.k8s.io` group. Same rules as `apiserver.registry.core`."""
