"""Faults as people ask for them, on the command line or in a file, made into rules. Pure."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from cli.debugging.durations import parse_duration, show_duration
from cli.debugging.edges import keeps_order
from cli.debugging.near import did_you_mean
from cli.debugging.numbers import counted
from cli.errors import UserError
from wire.rules import Action, Rule, Subject

CODES = (
    "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
    "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)  # fmt: skip
MATCHED = Subject._fields


@dataclass(frozen=True)
class Fault:
    """What was asked for; names are those of the flags. Durations are text, as typed."""

    edge: str
    component: str = "*"
    match: str = ""
    drop: bool = False
    delay: str = ""
    jitter: str = ""
    duplicate: bool = False
    reorder: bool = False
    error: str = ""
    probability: float = 1.0
    count: int = 0
    duration: str = ""
    seed: int | None = None
    forever: bool = False


def parse_match(text: str) -> Subject:
    """`kind=Pod,name=web-*` as the patterns of a rule. Raises UserError."""
    found: dict[str, str] = {}
    for part in filter(None, (one.strip() for one in text.split(","))):
        key, sign, value = part.partition("=")
        if not sign or not value:
            raise UserError(f"--match {part}: write KEY=PATTERN, as in kind=Pod,name=web-*")
        if key not in MATCHED:
            raise UserError(f"--match {key}: no such key{did_you_mean(key, MATCHED)}")
        found[key] = value
    return Subject(**found)


def fault_from_tree(tree: Mapping[str, Any]) -> Fault:
    """An entry of a file of faults. Raises UserError for what it does not know."""
    known = {field.name for field in fields(Fault)}
    for key in tree:
        if key not in known:
            raise UserError(f"fault: no such field {key}{did_you_mean(key, known)}")
    if not tree.get("edge"):
        raise UserError(f"fault: edge is missing in {dict(tree)}")
    match = tree.get("match", "")
    if isinstance(match, Mapping):
        match = ",".join(f"{key}={value}" for key, value in match.items())
    texts = {name: str(tree[name]) for name in ("delay", "jitter", "duration") if name in tree}
    return Fault(**{**tree, **texts, "match": match})


def check(fault: Fault) -> None:
    """Raises UserError for what makes no sense, with a way out."""
    ends = [flag for flag in ("drop", "duplicate", "error") if getattr(fault, flag)]
    if len(ends) > 1:
        raise UserError(f"--{ends[0]} and --{ends[1]}: a message can end only one way; add two faults")
    if not ends and not fault.delay and not fault.reorder:
        raise UserError("what should happen? One of --drop, --delay, --duplicate, --reorder, --error CODE")
    if fault.jitter and not fault.delay:
        raise UserError("--jitter varies a delay: say --delay too")
    if fault.reorder and keeps_order(fault.edge):
        raise UserError(
            f"--reorder at {fault.edge}: these messages come on one stream, which keeps their order, as in Kubernetes; "
            "--delay makes a watch stale, and --reorder works on rpc:, serve:, reconcile: and schedule: edges"
        )
    if fault.duplicate and fault.edge.startswith("schedule:"):
        raise UserError(f"--duplicate at {fault.edge}: a step of the scheduler is no message and happens once; "
                        "--duplicate works on all other edges")  # fmt: skip
    if fault.error and fault.error not in CODES:
        raise UserError(f"--error {fault.error}: no such code{did_you_mean(fault.error, CODES)}")
    if not 0 < fault.probability <= 1:
        raise UserError(f"--probability {fault.probability:g}: must be above 0 and at most 1")
    if fault.count < 0 or (fault.seed or 0) < 0:
        raise UserError(f"--{'count' if fault.count < 0 else 'seed'}: must not be negative")
    for flag in ("delay", "duration"):
        if getattr(fault, flag):
            parse_length(flag, getattr(fault, flag))
    if fault.jitter:
        parse_duration(fault.jitter)
    require_one_end(forever=fault.forever, count=fault.count, duration=fault.duration)
    if not (fault.count or fault.duration or fault.forever):
        raise UserError(
            "when should it end? Say --count N (messages), --duration 5m (cluster time), or --forever if you mean it"
        )


def parse_length(flag: str, text: str) -> float:
    """Seconds of a duration that has a length. Raises UserError."""
    found = parse_duration(text)
    if not found:
        raise UserError(f"--{flag} {text}: must be above 0")
    return found


def require_one_end(*, forever: bool, count: int = 0, duration: str = "") -> None:
    """Raises UserError for what has no end and an end."""
    other = "count" if count else "duration"
    if forever and (count or duration):
        raise UserError(f"--forever and --{other}: does it end, or not? One of the two, please")


def rules_of(fault: Fault, now: float) -> list[Rule]:
    """The rules of a checked fault that begins `now`. A fault without a seed draws one, so that it can be told."""
    seed = fault.seed if fault.seed is not None else random.randrange(1, 2**31)
    common: dict[str, Any] = {
        "edge": fault.edge,
        **parse_match(fault.match)._asdict(),
        "count": fault.count,
        "probability": fault.probability,
        "expires": now + parse_duration(fault.duration) if fault.duration else 0.0,
        "seed": seed if fault.probability < 1 or fault.jitter else 0,
    }
    delay = parse_duration(fault.delay) if fault.delay else 0.0
    rules = []
    if fault.delay:
        jitter = parse_duration(fault.jitter) if fault.jitter else 0.0
        rules.append(Rule(action=Action.DELAY, delay_seconds=delay, jitter_seconds=jitter, **common))
    if fault.reorder:
        rules.append(Rule(action=Action.REORDER, **common))
    if fault.drop:
        rules.append(Rule(action=Action.DROP, **common))
    if fault.duplicate:
        rules.append(Rule(action=Action.DUPLICATE, **common))
    if fault.error:
        rules.append(Rule(action=Action.ERROR, error_code=fault.error, **common))
    return rules


def describe(rule: Rule) -> str:
    """What the rule does, in the words of the flags."""
    words = [_deed(rule)]
    matched = ",".join(f"{key}={getattr(rule, key)}" for key in MATCHED if getattr(rule, key))
    words += [f"of {matched}"] if matched else []
    words += [f"to {rule.peer}"] if rule.peer else []
    words += [f"with probability {rule.probability:g}"] if rule.probability < 1 else []
    words += [f"seed {rule.seed}"] if rule.seed else []
    return " ".join(words)


def _deed(rule: Rule) -> str:
    match rule.action:
        case Action.DELAY:
            jitter = f" ± {show_duration(rule.jitter_seconds)}" if rule.jitter_seconds else ""
            return f"delay {show_duration(rule.delay_seconds)}{jitter}"
        case Action.ERROR:
            return f"error {rule.error_code}"
        case _:
            return str(rule.action.value)


def ending(rule: Rule, taken: int, now: float) -> str:
    """When it ends."""
    ends = []
    if rule.count:
        ends.append(f"after {counted(rule.count, 'message')}")
    if rule.expires:
        ends.append(f"in {show_duration(max(0.0, rule.expires - now))}")
    return " or ".join(ends) or ("when released" if rule.action is Action.HOLD else "never")
