"""What labs hand out to students, `labs/kit/kube.py`: a cache that lists and watches, and what it tells."""

from __future__ import annotations

import importlib.util
import queue
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from cli.lab.model import LABS

REVISION = 7


@pytest.fixture(scope="module")
def kube() -> ModuleType:
    spec = importlib.util.spec_from_file_location("kube", LABS / "kit" / "kube.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pod(name: str, revision: int = REVISION, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "n", "resourceVersion": str(revision)}, "spec": spec}


class FakeApi:
    """An apiserver of which each list is one of `lists`, and whose watch tells what is put into it."""

    namespace = "n"

    def __init__(self, *lists: list[dict[str, Any]]) -> None:
        self._lists = iter(lists)
        self.events: queue.Queue[tuple[str, dict[str, Any]] | Exception] = queue.Queue()
        self.asked: list[str] = []

    def path(self, resource: str, name: str = "", *, namespace: str = "", everywhere: bool = False) -> str:
        return f"/{resource}"

    def get(self, path: str) -> dict[str, Any]:
        return {"metadata": {"resourceVersion": str(REVISION)}, "items": next(self._lists)}

    def watch(self, path: str, revision: str) -> Iterator[tuple[str, dict[str, Any]]]:
        self.asked.append(revision)
        while True:
            event = self.events.get()
            if isinstance(event, Exception):
                raise event
            yield event


def test_a_cache_tells_of_everything_that_is_there_and_of_every_change(kube: ModuleType) -> None:
    api, changes = FakeApi([pod("a"), pod("b")]), kube.Changes()
    cache = kube.Cache(api, "pods", changes)
    cache.wait()
    assert [changes.next(5)[1]["metadata"]["name"] for _ in range(2)] == ["a", "b"]
    api.events.put(("MODIFIED", pod("a", 8, nodeName="w")))
    resource, told = changes.next(5)
    assert (resource, told["spec"]) == ("pods", {"nodeName": "w"})
    assert cache.get("a") == told
    api.events.put(("DELETED", pod("a", 9)))
    assert changes.next(5)[1]["metadata"]["name"] == "a"
    assert cache.get("a") is None
    assert [one["metadata"]["name"] for one in cache.all()] == ["b"]


def test_a_watch_that_broke_goes_on_where_it_was(kube: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kube, "RETRY_SECONDS", 0.0)
    api, changes = FakeApi([pod("a")]), kube.Changes()
    kube.Cache(api, "pods", changes)
    api.events.put(("MODIFIED", pod("b", 12)))
    api.events.put(ConnectionResetError())
    api.events.put(("MODIFIED", pod("c", 13)))
    assert [changes.next(5)[1]["metadata"]["name"] for _ in range(3)] == ["a", "b", "c"]
    assert api.asked == ["7", "12"]


def test_after_expired_it_lists_again_and_what_is_missing_counts_as_gone(
    kube: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kube, "RETRY_SECONDS", 0.0)
    api, changes = FakeApi([pod("a"), pod("b")], [pod("b"), pod("c")]), kube.Changes()
    cache = kube.Cache(api, "pods", changes)
    assert {changes.next(5)[1]["metadata"]["name"] for _ in range(2)} == {"a", "b"}
    api.events.put(kube.Refused({"code": 410, "reason": "Expired"}))
    assert [changes.next(5)[1]["metadata"]["name"] for _ in range(3)] == ["a", "b", "c"]
    assert cache.get("a") is None


def test_an_object_waits_once_however_often_it_changed(kube: ModuleType) -> None:
    changes = kube.Changes()
    for revision in (1, 2, 3):
        changes.put("pods", pod("a", revision))
    changes.put("services", pod("a", 4))
    assert changes.next(5)[1]["metadata"]["resourceVersion"] == "3"
    assert changes.next(5)[0] == "services"
    with pytest.raises(TimeoutError):
        changes.next(0)


QUANTITIES = [("2", 2.0), ("500m", 0.5), ("1.5", 1.5), ("2Ki", 2048.0), ("1Gi", 2.0**30), ("3M", 3e6), ("1k", 1e3)]


@pytest.mark.parametrize(("text", "number"), QUANTITIES)
def test_a_quantity_is_a_number(kube: ModuleType, text: str, number: float) -> None:
    assert kube.amount(text) == pytest.approx(number)


def test_a_path_is_of_a_namespace_of_all_or_of_the_cluster(kube: ModuleType) -> None:
    api = object.__new__(kube.Api)
    api.namespace = "n"
    assert api.path("pods", "a") == "/api/v1/namespaces/n/pods/a"
    assert api.path("pods", everywhere=True) == "/api/v1/pods"
    assert api.path("nodes", "w") == "/api/v1/nodes/w"
    assert api.path("deployments", namespace="m") == "/apis/apps/v1/namespaces/m/deployments"
