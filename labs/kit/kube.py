"""The Kubernetes API for a program of yours, with nothing but Python's standard library.

    api = Api()
    api.get(api.path("configmaps", "settings"))   # an object, as a dict; Refused if the apiserver says no
    changes = Changes()
    pods = Cache(api, "pods", changes)             # list and watch, in a thread: what this program has heard of
    resource, pod = changes.next()                 # something happened to this pod; look at it again

Run by `orrery swap` it has the identity of the component that it stands in for; otherwise that in `access.json`, which
lies beside it.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import queue
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

Object = dict[str, Any]

GROUPS = {"deployments": "apis/apps/v1", "replicasets": "apis/apps/v1", "leases": "apis/coordination.k8s.io/v1"}
CLUSTER_WIDE = ("nodes", "namespaces", "persistentvolumes")
WATCH_SECONDS = 300
RETRY_SECONDS = 0.5
CHANGES = 100_000  # that may wait to be looked at


class Refused(Exception):
    """The apiserver said no. `reason` is NotFound, AlreadyExists, Conflict, Forbidden, Expired, ..."""

    def __init__(self, status: Object) -> None:
        super().__init__(f"{status.get('code')} {status.get('reason')}: {status.get('message')}")
        self.code = int(status.get("code", 0))
        self.reason = str(status.get("reason", ""))


class Api:
    """Requests to the apiserver, in one namespace if nothing else is said."""

    def __init__(self) -> None:
        here = Path(__file__).resolve().parent / "access.json"
        access = json.loads(here.read_text()) if here.exists() else {}
        self.namespace = os.environ.get("ORRERY_NAMESPACE") or access.get("namespace", "default")
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if "ORRERY_CERT" in os.environ:  # given by orrery swap
            server = os.environ["ORRERY_APISERVER_REST"]
            self._tls = ssl.create_default_context(cafile=os.environ["ORRERY_CA"])
            self._tls.load_cert_chain(os.environ["ORRERY_CERT"], os.environ["ORRERY_KEY"])
        else:
            server = access["server"]
            self._tls = ssl.create_default_context(cadata=base64.b64decode(access["ca"]).decode())
            self._headers["Authorization"] = f"Bearer {access['token']}"
        self._host = urlsplit(server).netloc

    def path(self, resource: str, name: str = "", *, namespace: str = "", everywhere: bool = False) -> str:
        """`/api/v1/namespaces/NAMESPACE/pods/NAME`; `everywhere` is all namespaces."""
        inside = "" if everywhere or resource in CLUSTER_WIDE else f"/namespaces/{namespace or self.namespace}"
        return f"/{GROUPS.get(resource, 'api/v1')}{inside}/{resource}" + (f"/{name}" if name else "")

    def get(self, path: str) -> Object:
        return self.call("GET", path)

    def list(self, path: str, labels: str = "") -> list[Object]:
        """What is there now, asked of the apiserver. `labels`: a selector, such as `app=web`."""
        found: list[Object] = self.get(f"{path}?{urlencode({'labelSelector': labels})}")["items"]
        return found

    def create(self, path: str, body: Object) -> Object:
        """`path` of the collection, or of a subresource. Refused, AlreadyExists, if there is one of that name."""
        return self.call("POST", path, body)

    def replace(self, path: str, body: Object) -> Object:
        """The whole object. Refused, Conflict, if its resourceVersion is not the newest one."""
        return self.call("PUT", path, body)

    def delete(self, path: str) -> Object:
        return self.call("DELETE", path)

    def call(self, method: str, path: str, body: Object | None = None) -> Object:
        connection = http.client.HTTPSConnection(self._host, context=self._tls, timeout=30)
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, self._headers)
            answer = connection.getresponse()
            found: Object = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status >= 400:
            raise Refused(found)
        return found

    def watch(self, path: str, revision: str) -> Iterator[tuple[str, Object]]:
        """ADDED, MODIFIED or DELETED, with the object; what happened after `revision`. Refused, Expired, if too old."""
        query = urlencode({"watch": 1, "resourceVersion": revision, "timeoutSeconds": WATCH_SECONDS})
        connection = http.client.HTTPSConnection(self._host, context=self._tls, timeout=WATCH_SECONDS + 30)
        try:
            connection.request("GET", f"{path}?{query}", headers=self._headers)
            answer = connection.getresponse()
            if answer.status >= 400:
                raise Refused(json.loads(answer.read()))
            while line := answer.readline():
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise Refused(event["object"])
                yield event["type"], event["object"]
        finally:
            connection.close()


class Changes:
    """What there is to look at again: not what happened, only to which object. The same one waits at most once."""

    def __init__(self) -> None:
        self._queue: queue.Queue[tuple[str, str, str]] = queue.Queue(CHANGES)
        self._latest: dict[tuple[str, str, str], Object] = {}
        self._lock = threading.Lock()

    def put(self, resource: str, obj: Object) -> None:
        key = (resource, obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
        with self._lock:
            waits = key in self._latest
            self._latest[key] = obj
        if not waits:
            self._queue.put(key)

    def next(self, seconds: float | None = None) -> tuple[str, Object]:
        """Waits for one: its resource, and the object as it was last heard of. TimeoutError after so many seconds."""
        try:
            key = self._queue.get(timeout=seconds)
        except queue.Empty:
            raise TimeoutError from None
        with self._lock:
            return key[0], self._latest.pop(key)


class Cache:
    """Objects of one resource, as far as this program has heard: a thread lists them, and then watches.

    Every object that is there at the beginning, and every one that changes or goes, is put into `changes`.
    """

    def __init__(self, api: Api, resource: str, changes: Changes, *, everywhere: bool = False) -> None:
        self._api = api
        self._resource = resource
        self._path = api.path(resource, everywhere=everywhere)
        self._changes = changes
        self._objects: dict[tuple[str, str], Object] = {}
        self._filled = threading.Event()
        threading.Thread(target=self._follow, daemon=True).start()

    def get(self, name: str, namespace: str = "") -> Object | None:
        """None if it has not heard of it (or has heard that it is gone)."""
        inside = "" if self._resource in CLUSTER_WIDE else namespace or self._api.namespace
        return self._objects.get((inside, name))

    def all(self) -> list[Object]:
        return list(self._objects.values())

    def wait(self) -> None:
        """Until the first list is in: before that, not to have heard of something means nothing."""
        self._filled.wait()

    def _follow(self) -> None:
        revision = ""
        while True:
            try:
                if not revision:
                    revision = self._list()
                for what, obj in self._api.watch(self._path, revision):
                    revision = obj["metadata"]["resourceVersion"]
                    self._heard(what, obj)
            except Refused as error:
                print(f"{self._resource}: {error}", flush=True)
                revision = ""  # what happened meanwhile is not known any more: begin at the beginning
                time.sleep(RETRY_SECONDS)
            except (OSError, http.client.HTTPException, ValueError) as error:
                print(f"{self._resource}: {error!r}", flush=True)
                time.sleep(RETRY_SECONDS)

    def _list(self) -> str:
        found = self._api.get(self._path)
        there = {_key(one): one for one in found["items"]}
        for key in [key for key in self._objects if key not in there]:
            self._heard("DELETED", self._objects[key])
        for one in there.values():
            self._heard("ADDED", one)
        self._filled.set()
        return str(found["metadata"]["resourceVersion"])

    def _heard(self, what: str, obj: Object) -> None:
        if what == "DELETED":
            self._objects.pop(_key(obj), None)
        else:
            self._objects[_key(obj)] = obj
        self._changes.put(self._resource, obj)


def _key(obj: Object) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def amount(text: str) -> float:
    """A quantity as a number: `500m` is 0.5, `2Ki` is 2048."""
    units = {"m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
    binary = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40}
    for unit, factor in {**binary, **units}.items():
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    return float(text)
