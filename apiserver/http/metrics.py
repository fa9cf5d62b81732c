"""Counts and latencies of the front door in Prometheus' text format."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final, NamedTuple

from apiserver.http.limits import LATENCY_SERIES

_BUCKETS: Final = (
    0.005,
    0.025,
    0.05,
    0.1,
    0.2,
    0.4,
    0.6,
    0.8,
    1.0,
    1.25,
    1.5,
    2,
    3,
    4,
    5,
    6,
    8,
    10,
    15,
    20,
    30,
    45,
    60,
)
_LONG_RUNNING: Final = frozenset({"watch", "connect"})


class Series(NamedTuple):
    verb: str
    group: str
    version: str
    resource: str
    subresource: str
    scope: str


class _Latency:
    __slots__ = ("buckets", "total")

    def __init__(self) -> None:
        self.buckets = [0] * (len(_BUCKETS) + 1)
        self.total = 0.0


class Metrics:
    """All series of one process."""

    def __init__(self) -> None:
        self._requests: dict[tuple[Series, int], int] = {}
        self._latencies: dict[Series, _Latency] = {}
        self._long_running: dict[Series, int] = {}
        self._watches: dict[tuple[str, str, str], int] = {}

    def observe(self, series: Series, code: int, seconds: float) -> None:
        """A request was answered. Series past the bound are not kept."""
        if len(self._requests) < LATENCY_SERIES or (series, code) in self._requests:
            self._requests[series, code] = self._requests.get((series, code), 0) + 1
        if series.verb in _LONG_RUNNING:
            return
        latency = self._latencies.get(series)
        if latency is None:
            if len(self._latencies) >= LATENCY_SERIES:
                return
            latency = self._latencies[series] = _Latency()
        latency.buckets[bisect_left(_BUCKETS, seconds)] += 1
        latency.total += seconds

    def begin(self, series: Series) -> None:
        """A watch or a stream begins."""
        self._long_running[series] = self._long_running.get(series, 0) + 1

    def end(self, series: Series) -> None:
        self._long_running[series] -= 1

    def render(self) -> str:
        lines: list[str] = []
        _header(lines, "apiserver_request_total", "counter", "Requests by verb, resource and HTTP response code.")
        for (series, code), count in self._requests.items():
            lines.append(f"apiserver_request_total{_labels(series, code=str(code))} {count}")
        name = "apiserver_request_duration_seconds"
        _header(lines, name, "histogram", "Response latency in seconds by verb and resource.")
        for series, latency in self._latencies.items():
            self._render_latency(lines, name, series, latency)
        name = "apiserver_longrunning_requests"
        _header(lines, name, "gauge", "Watches and streams under way.")
        lines += [f"{name}{_labels(series)} {count}" for series, count in self._long_running.items()]
        return "\n".join(lines) + "\n"

    @staticmethod
    def _render_latency(lines: list[str], name: str, series: Series, latency: _Latency) -> None:
        running = 0
        for bound, count in zip((*_BUCKETS, "+Inf"), latency.buckets, strict=True):
            running += count
            lines.append(f"{name}_bucket{_labels(series, le=str(bound))} {running}")
        lines.append(f"{name}_sum{_labels(series)} {latency.total:.6f}")
        lines.append(f"{name}_count{_labels(series)} {running}")


def _header(lines: list[str], name: str, kind: str, text: str) -> None:
    lines += (f"# HELP {name} {text}", f"# TYPE {name} {kind}")


def _labels(series: Series, **more: str) -> str:
    pairs = {**series._asdict(), "verb": series.verb.upper(), "component": "apiserver", **more}
    return "{" + ",".join(f'{key}="{value}"' for key, value in pairs.items()) + "}"
