"""Lab 11's trial: things change under the controller, and behind its back; somebody kills it in between."""

from __future__ import annotations

from functools import partial
from itertools import count

from cli.lab.arena import Arena, run
from cli.lab.evidence import JSON
from cli.lab.fields import at

CALM = 5  # changes of a Deployment that leave its Service as it is
TRY_EVERY = 10  # looks


def deployment(name: str, **labels: str) -> JSON:
    pod = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "c", "image": "orrery/busybox:1"}]}}
    spec = {"replicas": 0, "selector": {"matchLabels": {"app": name}}, "template": pod}
    return {"metadata": {"name": name, "labels": labels}, "spec": spec}


def service(name: str) -> JSON:
    """Somebody's, for something else."""
    return {"metadata": {"name": name}, "spec": {"selector": {"of": "another"}, "ports": [{"port": 7}]}}


def label(arena: Arena, name: str, port: str | None) -> None:
    arena.patch(f"deployment/{name}", {"metadata": {"labels": {"expose": port}}})


def has_port(arena: Arena, name: str, port: int) -> bool:
    found = arena.get(f"service/{name}") or {}
    return bool(at(found, "spec.ports[0].port") == port and at(found, "spec.selector.app") == name)


def services_of(arena: Arena, name: str) -> list[JSON]:
    """Those that lead to a Deployment's pods, whatever they are called."""
    return [one for one in arena.all("services") if at(one, "spec.selector.app") == name]


def wake(arena: Arena, prefix: str) -> None:
    """Start it, and wait until it hears what happens. One that only watches does not hear of what was there before."""
    arena.program.start()
    tries = count()

    def heard() -> bool:
        number = next(tries)
        if number % TRY_EVERY == 0:
            arena.create("deployments", deployment(f"{prefix}-{number}", expose="80"))
        return any(one["metadata"]["name"].startswith(prefix) for one in arena.all("services"))

    arena.marker("a Service for a Deployment labelled expose=80", heard)


def exposed(arena: Arena, name: str) -> None:
    """A marker: when this Service is there, the controller has had its chance to see all that happened before."""
    arena.create("deployments", deployment(name, expose="80"))
    arena.marker(f"a Service for Deployment {name}, labelled expose=80", partial(services_of, arena, name))


def while_it_runs(arena: Arena) -> None:
    wake(arena, "first")
    arena.create("deployments", deployment("plain"))
    for name in ("web", "shop", "blog"):
        exposed(arena, name)
    owner = at(arena.get("service/web") or {}, "metadata.ownerReferences[kind=Deployment].name")
    arena.facts |= {"made": has_port(arena, "web", 80), "owner": owner == "web"}
    label(arena, "web", "8080")
    for one in services_of(arena, "shop"):
        arena.patch(f"service/{one['metadata']['name']}", {"spec": {"ports": [{"port": 9}]}})
    for one in services_of(arena, "blog"):
        arena.delete(f"service/{one['metadata']['name']}")
    ends = {"follows": ("web", 8080), "repairs": ("shop", 80), "makes-again": ("blog", 80)}
    arena.note({fact: partial(has_port, arena, *end) for fact, end in ends.items()})


def in_calm(arena: Arena) -> None:
    """Changes that do not matter cost nothing."""
    exposed(arena, "calm")
    before = arena.revision("services")
    for number in range(CALM):
        arena.patch("deployment/calm", {"metadata": {"annotations": {"note": str(number)}}})
    exposed(arena, "calm-marker")
    arena.create("services", service("last"))
    writes = 0
    for _, changed in arena.changes("services", before):
        if changed["metadata"]["name"] == "last":
            break
        writes += changed["spec"]["selector"] != {"app": "calm-marker"}
    arena.facts["writes-in-calm"] = writes


def while_it_is_dead(arena: Arena) -> None:
    for name in ("changed", "hidden", "removed"):
        exposed(arena, name)
    arena.program.kill()
    arena.delete("deployment/removed")
    label(arena, "changed", "8080")
    label(arena, "hidden", None)
    label(arena, "plain", "80")
    arena.create("services", service("taken"))
    arena.create("deployments", deployment("taken", expose="80"))
    collected = arena.facts["owner"] and arena.at_last(lambda: not services_of(arena, "removed"))
    arena.facts["collected"] = collected


def when_it_is_back(arena: Arena) -> None:
    wake(arena, "again")
    missed = {"missed-label": ("plain", 80), "missed-change": ("changed", 8080)}
    arena.note(
        {
            **{fact: partial(has_port, arena, *end) for fact, end in missed.items()},
            "missed-removal": lambda: not services_of(arena, "hidden"),
        }
    )
    taken = arena.get("service/taken") or {}
    arena.facts["left-alone"] = taken.get("spec", {}).get("selector") == {"of": "another"}


def trial(arena: Arena) -> None:
    while_it_runs(arena)
    in_calm(arena)
    while_it_is_dead(arena)
    when_it_is_back(arena)


if __name__ == "__main__":
    run(trial, "my_controller.py")
