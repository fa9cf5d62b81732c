"""What `orrery wire` was asked for, and which messages that is."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from cli.debugging.near import did_you_mean
from cli.errors import UserError
from cli.kinds import Named, near_kinds, parse_object, plural
from proto.debug_pb2 import WireMessage, WireRequest
from wire.capture import takes
from wire.rules import fold_kind

_ENDS: Final = ("etcd", "Docker", "nftables", "kubectl")  # of messages, beside components


@dataclass(frozen=True)
class WireOptions:
    """As on the command line. Patterns are shell patterns."""

    component: str = "*"
    method: str = ""
    object: str = ""
    follow: str = ""
    exclude: str = ""
    errors: bool = False
    served: bool = False
    recent: bool = False
    body: bool = False
    diff: bool = False
    secrets: bool = False
    json: bool = False
    record: str = ""
    read: str = ""
    count: int = 0
    duration: float = 0.0

    def check(self) -> None:
        """Raises UserError for what does not go together."""
        if self.object and self.follow:
            raise UserError("--object and --follow: one of the two, please; --follow shows more")
        if self.read and self.record:
            raise UserError("--read and --record: copy the file instead")
        if self.read and (self.recent or self.duration):
            raise UserError("--recent and --duration are for live traffic, not for --read")
        if self.follow and not self.followed.name:
            raise UserError(f"--follow {self.follow}: which one? --follow {self.follow}/NAME")

    @property
    def followed(self) -> Named:
        return parse_object(self.follow)

    @property
    def needs_everything(self) -> bool:
        """A diff and the ids of a followed pod's containers are learnt from messages that are not shown."""
        return bool(self.diff or self.follow)

    @property
    def wanted(self) -> WireRequest:
        """Which messages are shown, but for --component, --exclude and --follow."""
        named = parse_object(self.object) if self.object else Named("", "", "")
        return WireRequest(
            method=self.method,
            kind=named.kind,
            namespace=named.namespace,
            name=named.name,
            errors=self.errors,
            bodies=bool(self.body or self.diff or self.record or self.json or self.follow),
            secrets=self.secrets,
            recent=self.recent,
            served=self.served,
        )

    @property
    def asked(self) -> WireRequest:
        """What components are asked to send."""
        wanted = self.wanted
        if self.needs_everything:
            for field in ("method", "kind", "namespace", "name", "errors"):
                wanted.ClearField(field)
        return wanted

    def shows(self, message: WireMessage) -> bool:
        """But for --follow, which has to remember."""
        ends = (message.component, message.caller, message.callee)
        return (
            takes(self.wanted, message)
            and any(_is(one, self.component) for one in ends)
            and fold_kind(message.kind) not in self._excluded
        )

    @property
    def _excluded(self) -> set[str]:
        return {fold_kind(plural(one.strip())) for one in self.exclude.split(",") if one.strip()}

    def require_known(self, components: Sequence[str], resources: Container[str]) -> None:
        """Raises UserError for what would never come, because nothing is called so. `resources` are the custom ones.

        Who else calls the apiserver is not known before: a pattern finds any program.
        """
        for doubt in self.doubts(components):
            if doubt.startswith("no component"):
                raise UserError(f"{doubt}; another client's program: --component '{self.component}*'")
            if parse_object(self.object or self.follow).kind not in resources:
                raise UserError(f"{doubt}; a custom resource that is yet to come: write RESOURCE.GROUP")

    def doubts(self, components: Sequence[str]) -> list[str]:
        """What was asked for that may never come, because nothing is called so."""
        found = [near_kinds(one).removeprefix("; ") for one in (self.object, self.follow) if one]
        there = [*components, *_ENDS]
        if not any(sign in self.component for sign in "*?[") and self.component not in there:
            found.append(f"no component {self.component}{did_you_mean(self.component, there)}")
        return [one for one in found if one]


def _is(end: str, pattern: str) -> bool:
    """`kubectl` is also `kubectl (kubernetes-admin)`."""
    return fnmatchcase(end, pattern) or fnmatchcase(end.partition(" (")[0], pattern)
