"""The Debug services of a running cluster's processes, and its view of etcd, synchronously, for tests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import grpc

from cli.kinds import etcd_key
from proto import debug_pb2, debug_pb2_grpc, etcd_view_pb2, etcd_view_pb2_grpc
from tests.support.cluster import Cluster


def debug_port(cluster: Cluster, component: str) -> int:
    """The apiserver's Debug is on its gRPC port; everyone else has one port."""
    ports = json.loads((cluster.root / "cluster.json").read_text())["ports"]
    return int(ports["apiserver-rpc" if component == "apiserver" else "dns-debug" if component == "dns" else component])


def components(cluster: Cluster) -> list[str]:
    """Everyone who serves Debug: all but etcd."""
    return [name for name in cluster.processes() if name != "etcd"]


@contextmanager
def debug_of(cluster: Cluster, component: str) -> Iterator[debug_pb2_grpc.DebugStub]:
    """A stub to one component, as admin."""
    with _channel(cluster, component) as channel:
        yield debug_pb2_grpc.DebugStub(channel)


def etcd_history(cluster: Cluster, what: str, after: int = 0) -> list[etcd_view_pb2.Revision]:
    """The revisions of `node/worker-1` later than `after`."""
    with _channel(cluster, "apiserver") as channel:
        view = etcd_view_pb2_grpc.EtcdViewStub(channel)
        found = view.History(etcd_view_pb2.HistoryRequest(key=etcd_key(what)))
        return [one for one in found if one.revision > after]


@contextmanager
def _channel(cluster: Cluster, component: str) -> Iterator[grpc.Channel]:
    pki = cluster.pki
    credentials = grpc.ssl_channel_credentials(
        (pki / "ca.crt").read_bytes(), (pki / "admin.key").read_bytes(), (pki / "admin.crt").read_bytes()
    )
    options = [("grpc.ssl_target_name_override", "orrery"), ("grpc.enable_http_proxy", 0)]
    address = f"127.0.0.1:{debug_port(cluster, component)}"
    with grpc.secure_channel(address, credentials, options) as channel:
        yield channel


def set_clock(cluster: Cluster, rate: float) -> None:
    """Everyone's clock to the same line: anchored now, at `rate`. The state is agreed once and then adopted by all."""
    state: debug_pb2.ClockState | None = None
    for component in components(cluster):
        with debug_of(cluster, component) as debug:
            state = debug.SetClock(state or debug_pb2.ClockState(rate=rate))


def spans(cluster: Cluster, trace_id: str = "") -> list[debug_pb2.Span]:
    """Every process's spans of one trace (or all), by start."""
    found: list[debug_pb2.Span] = []
    for component in components(cluster):
        with debug_of(cluster, component) as debug:
            found += debug.Spans(debug_pb2.SpansRequest(trace_id=trace_id))
    return sorted(found, key=lambda span: span.start)
