"""Strategies of the `admissionregistration.k8s.io` group. Same rules as `apiserver.registry.core`."""
