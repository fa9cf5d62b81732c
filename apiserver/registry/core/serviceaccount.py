"""Service accounts: identities for pods."""

from __future__ import annotations

from apiserver.registry.strategy import Strategy


class ServiceAccountStrategy(Strategy):
    allow_unconditional_update = False
