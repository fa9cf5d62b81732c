"""Strategies of rbac.authorization.k8s.io. Only the registry's table imports them."""
