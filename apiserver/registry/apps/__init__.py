"""Strategies of the `apps` group: workload controllers. Same rules as `apiserver.registry.core`."""
