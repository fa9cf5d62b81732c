"""What every backend does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from kube_proxy.services import PortRules

Desired = Mapping[str, Sequence[PortRules]]
"""Per service, by `namespace/name`, the rules of its ports."""


class BackendError(Exception):
    """The rules could not be applied; the message says why. It is worth trying again."""


class Backend(Protocol):
    @property
    def told(self) -> str:
        """What the last `apply` told the kernel, as text; "" if nothing had to change."""
        ...

    async def apply(self, desired: Desired) -> bool:
        """Make the node do exactly this. True if anything had to be changed. Raises BackendError."""
        ...

    async def check(self) -> bool:
        """Is what was applied still in force? False asks for `apply` again."""
        ...
