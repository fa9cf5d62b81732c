"""Lab 12's trial: tenants change while the news of their disks is held back; then it comes, all at once."""

from __future__ import annotations

from functools import partial

from cli.lab.arena import Arena, run
from cli.lab.evidence import JSON

CLAIMS = "persistentvolumeclaims"
TOUCHES = 2  # changes of a tenant, each of which brings the controller to look at it


def tenant(name: str) -> JSON:
    return {"metadata": {"name": name, "labels": {"app": "tenant"}}}


def disks_of(arena: Arena, name: str) -> list[str]:
    """Asked of the apiserver, which no hold keeps from answering."""
    return [one["metadata"]["name"] for one in arena.all(CLAIMS, f"tenant={name}")]


def served(arena: Arena, name: str) -> None:
    """A marker: when this new tenant has its disk, the controller has seen to the older ones before it."""
    arena.create("configmaps", tenant(name))
    arena.marker(f"a disk for tenant {name}", partial(disks_of, arena, name))


def touch(arena: Arena, name: str, marker: str) -> None:
    """One change after the other, so that they cannot be taken for one."""
    for number in range(TOUCHES):
        arena.patch(f"configmap/{name}", {"data": {"note": str(number)}})
        served(arena, f"{marker}-{number}")


def with_old_news(arena: Arena) -> None:
    served(arena, "first")
    before = arena.revision(CLAIMS)
    with arena.held(f"apiwatch:{CLAIMS}"):
        served(arena, "acme")
        touch(arena, "acme", "meanwhile")
    served(arena, "last")
    arena.soon(lambda: len(disks_of(arena, "acme")) == 1)
    made, deleted = told(arena, before)
    arena.facts |= {"made": made, "deleted": deleted, "left": len(disks_of(arena, "acme"))}


def told(arena: Arena, since: str) -> tuple[int, int]:
    """How many disks of acme were made and deleted in all, by the apiserver's own account."""
    arena.create(CLAIMS, claim("end"))
    counts = {"ADDED": 0, "DELETED": 0, "MODIFIED": 0}
    for what, one in arena.changes(CLAIMS, since):
        if one["metadata"]["name"] == "end":
            break
        counts[what] += one["metadata"].get("labels", {}).get("tenant") == "acme"
    return counts["ADDED"], counts["DELETED"]


def claim(name: str) -> JSON:
    return {
        "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }


def when_a_disk_is_lost(arena: Arena) -> None:
    for name in disks_of(arena, "first"):
        arena.delete(f"persistentvolumeclaim/{name}")
    served(arena, "after")
    arena.note({"made-again": partial(disks_of, arena, "first")})


def after_a_restart(arena: Arena) -> None:
    """Whoever remembers what it made does not remember it any more."""
    arena.program.kill()
    arena.program.start()
    served(arena, "restarted")
    arena.patch("configmap/acme", {"data": {"note": "again"}})
    served(arena, "restarted-marker")
    arena.facts["after-restart"] = len(disks_of(arena, "last"))


def trial(arena: Arena) -> None:
    arena.program.start()
    with_old_news(arena)
    when_a_disk_is_lost(arena)
    after_a_restart(arena)


if __name__ == "__main__":
    run(trial, "my_disks.py")
