"""`orrery why OBJECT`: gathers the evidence and shows what follows from it."""

from __future__ import annotations

from dataclasses import asdict

from cli.objects import Ref, parse_ref
from cli.why.evidence import JSON, Finding
from cli.why.findings import findings
from cli.why.gathering import gather


async def why(name: str, target: str, namespace: str) -> str:
    """As text. Raises UserError if `target` names no kind, or the cluster does not run."""
    evidence = await gather(name, parse_ref(target, namespace))
    return render(evidence.ref, findings(evidence))


async def why_tree(name: str, target: str, namespace: str) -> list[JSON]:
    """As JSON."""
    return [asdict(one) for one in findings(await gather(name, parse_ref(target, namespace)))]


def render(ref: Ref, found: list[Finding]) -> str:
    lines = [ref.shown + (f" in namespace {ref.namespace}" if ref.namespace else "")]
    for one in found:
        lines.append(f"- {one.text}")
        lines += [f"    {detail}" for detail in one.details]
        if one.evidence:
            lines.append(f"    evidence: {'; '.join(one.evidence)}")
    return "\n".join(lines)
