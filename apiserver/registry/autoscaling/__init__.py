"""Strategies of the `autoscaling` group. Same rules as `apiserver.registry.core`."""
