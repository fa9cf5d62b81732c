from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class InfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class InfoResponse(_message.Message):
    __slots__ = ("component", "version", "pid", "started")
    COMPONENT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    component: str
    version: str
    pid: int
    started: float
    def __init__(self, component: _Optional[str] = ..., version: _Optional[str] = ..., pid: _Optional[int] = ..., started: _Optional[float] = ...) -> None: ...

class GetClockRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ClockState(_message.Message):
    __slots__ = ("monotonic", "cluster_time", "rate")
    MONOTONIC_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_TIME_FIELD_NUMBER: _ClassVar[int]
    RATE_FIELD_NUMBER: _ClassVar[int]
    monotonic: float
    cluster_time: float
    rate: float
    def __init__(self, monotonic: _Optional[float] = ..., cluster_time: _Optional[float] = ..., rate: _Optional[float] = ...) -> None: ...

class ListTimersRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListTimersResponse(_message.Message):
    __slots__ = ("timers",)
    TIMERS_FIELD_NUMBER: _ClassVar[int]
    timers: _containers.RepeatedCompositeFieldContainer[Timer]
    def __init__(self, timers: _Optional[_Iterable[_Union[Timer, _Mapping]]] = ...) -> None: ...

class Timer(_message.Message):
    __slots__ = ("deadline", "why")
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    deadline: float
    why: str
    def __init__(self, deadline: _Optional[float] = ..., why: _Optional[str] = ...) -> None: ...

class DriveRequest(_message.Message):
    __slots__ = ("clock",)
    CLOCK_FIELD_NUMBER: _ClassVar[int]
    clock: ClockState
    def __init__(self, clock: _Optional[_Union[ClockState, _Mapping]] = ...) -> None: ...

class DriveReport(_message.Message):
    __slots__ = ("clock", "progress", "timers", "work", "waiting")
    CLOCK_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    TIMERS_FIELD_NUMBER: _ClassVar[int]
    WORK_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    clock: ClockState
    progress: int
    timers: _containers.RepeatedCompositeFieldContainer[Timer]
    work: _containers.RepeatedCompositeFieldContainer[Work]
    waiting: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, clock: _Optional[_Union[ClockState, _Mapping]] = ..., progress: _Optional[int] = ..., timers: _Optional[_Iterable[_Union[Timer, _Mapping]]] = ..., work: _Optional[_Iterable[_Union[Work, _Mapping]]] = ..., waiting: _Optional[_Iterable[str]] = ...) -> None: ...

class Work(_message.Message):
    __slots__ = ("name", "span_id", "parent_id", "seconds", "key")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SPAN_ID_FIELD_NUMBER: _ClassVar[int]
    PARENT_ID_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    name: str
    span_id: str
    parent_id: str
    seconds: float
    key: str
    def __init__(self, name: _Optional[str] = ..., span_id: _Optional[str] = ..., parent_id: _Optional[str] = ..., seconds: _Optional[float] = ..., key: _Optional[str] = ...) -> None: ...

class ListEdgesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListEdgesResponse(_message.Message):
    __slots__ = ("edges",)
    EDGES_FIELD_NUMBER: _ClassVar[int]
    edges: _containers.RepeatedCompositeFieldContainer[Edge]
    def __init__(self, edges: _Optional[_Iterable[_Union[Edge, _Mapping]]] = ...) -> None: ...

class Edge(_message.Message):
    __slots__ = ("name", "passed", "held", "dropped", "failed", "timed", "mean_seconds", "max_seconds", "delayed", "doubled", "waiting")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PASSED_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    TIMED_FIELD_NUMBER: _ClassVar[int]
    MEAN_SECONDS_FIELD_NUMBER: _ClassVar[int]
    MAX_SECONDS_FIELD_NUMBER: _ClassVar[int]
    DELAYED_FIELD_NUMBER: _ClassVar[int]
    DOUBLED_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    name: str
    passed: int
    held: int
    dropped: int
    failed: int
    timed: int
    mean_seconds: float
    max_seconds: float
    delayed: int
    doubled: int
    waiting: int
    def __init__(self, name: _Optional[str] = ..., passed: _Optional[int] = ..., held: _Optional[int] = ..., dropped: _Optional[int] = ..., failed: _Optional[int] = ..., timed: _Optional[int] = ..., mean_seconds: _Optional[float] = ..., max_seconds: _Optional[float] = ..., delayed: _Optional[int] = ..., doubled: _Optional[int] = ..., waiting: _Optional[int] = ...) -> None: ...

class Rule(_message.Message):
    __slots__ = ("id", "edge", "kind", "namespace", "name", "action", "delay_seconds", "error_code", "count", "peer", "jitter_seconds", "probability", "expires", "seed", "cut", "taken")
    class Action(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        HOLD: _ClassVar[Rule.Action]
        DELAY: _ClassVar[Rule.Action]
        DROP: _ClassVar[Rule.Action]
        ERROR: _ClassVar[Rule.Action]
        DUPLICATE: _ClassVar[Rule.Action]
        REORDER: _ClassVar[Rule.Action]
    HOLD: Rule.Action
    DELAY: Rule.Action
    DROP: Rule.Action
    ERROR: Rule.Action
    DUPLICATE: Rule.Action
    REORDER: Rule.Action
    ID_FIELD_NUMBER: _ClassVar[int]
    EDGE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    DELAY_SECONDS_FIELD_NUMBER: _ClassVar[int]
    ERROR_CODE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    JITTER_SECONDS_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    CUT_FIELD_NUMBER: _ClassVar[int]
    TAKEN_FIELD_NUMBER: _ClassVar[int]
    id: str
    edge: str
    kind: str
    namespace: str
    name: str
    action: Rule.Action
    delay_seconds: float
    error_code: str
    count: int
    peer: str
    jitter_seconds: float
    probability: float
    expires: float
    seed: int
    cut: bool
    taken: int
    def __init__(self, id: _Optional[str] = ..., edge: _Optional[str] = ..., kind: _Optional[str] = ..., namespace: _Optional[str] = ..., name: _Optional[str] = ..., action: _Optional[_Union[Rule.Action, str]] = ..., delay_seconds: _Optional[float] = ..., error_code: _Optional[str] = ..., count: _Optional[int] = ..., peer: _Optional[str] = ..., jitter_seconds: _Optional[float] = ..., probability: _Optional[float] = ..., expires: _Optional[float] = ..., seed: _Optional[int] = ..., cut: _Optional[bool] = ..., taken: _Optional[int] = ...) -> None: ...

class RuleRef(_message.Message):
    __slots__ = ("id", "release")
    ID_FIELD_NUMBER: _ClassVar[int]
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    id: str
    release: bool
    def __init__(self, id: _Optional[str] = ..., release: _Optional[bool] = ...) -> None: ...

class ListRulesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListRulesResponse(_message.Message):
    __slots__ = ("rules",)
    RULES_FIELD_NUMBER: _ClassVar[int]
    rules: _containers.RepeatedCompositeFieldContainer[Rule]
    def __init__(self, rules: _Optional[_Iterable[_Union[Rule, _Mapping]]] = ...) -> None: ...

class ListHeldRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListHeldResponse(_message.Message):
    __slots__ = ("held",)
    HELD_FIELD_NUMBER: _ClassVar[int]
    held: _containers.RepeatedCompositeFieldContainer[Held]
    def __init__(self, held: _Optional[_Iterable[_Union[Held, _Mapping]]] = ...) -> None: ...

class Held(_message.Message):
    __slots__ = ("id", "edge", "kind", "namespace", "name", "rule_id", "traceparent", "detail", "seconds", "arrived")
    ID_FIELD_NUMBER: _ClassVar[int]
    EDGE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    RULE_ID_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    ARRIVED_FIELD_NUMBER: _ClassVar[int]
    id: int
    edge: str
    kind: str
    namespace: str
    name: str
    rule_id: str
    traceparent: str
    detail: str
    seconds: float
    arrived: float
    def __init__(self, id: _Optional[int] = ..., edge: _Optional[str] = ..., kind: _Optional[str] = ..., namespace: _Optional[str] = ..., name: _Optional[str] = ..., rule_id: _Optional[str] = ..., traceparent: _Optional[str] = ..., detail: _Optional[str] = ..., seconds: _Optional[float] = ..., arrived: _Optional[float] = ...) -> None: ...

class ReleaseRequest(_message.Message):
    __slots__ = ("ids", "drop")
    IDS_FIELD_NUMBER: _ClassVar[int]
    DROP_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[int]
    drop: bool
    def __init__(self, ids: _Optional[_Iterable[int]] = ..., drop: _Optional[bool] = ...) -> None: ...

class ReleaseResponse(_message.Message):
    __slots__ = ("released",)
    RELEASED_FIELD_NUMBER: _ClassVar[int]
    released: int
    def __init__(self, released: _Optional[int] = ...) -> None: ...

class SpansRequest(_message.Message):
    __slots__ = ("trace_id", "related")
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    RELATED_FIELD_NUMBER: _ClassVar[int]
    trace_id: str
    related: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, trace_id: _Optional[str] = ..., related: _Optional[_Iterable[str]] = ...) -> None: ...

class Span(_message.Message):
    __slots__ = ("trace_id", "span_id", "parent_id", "links", "component", "name", "start", "end", "attributes")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    SPAN_ID_FIELD_NUMBER: _ClassVar[int]
    PARENT_ID_FIELD_NUMBER: _ClassVar[int]
    LINKS_FIELD_NUMBER: _ClassVar[int]
    COMPONENT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    trace_id: str
    span_id: str
    parent_id: str
    links: _containers.RepeatedScalarFieldContainer[str]
    component: str
    name: str
    start: float
    end: float
    attributes: _containers.ScalarMap[str, str]
    def __init__(self, trace_id: _Optional[str] = ..., span_id: _Optional[str] = ..., parent_id: _Optional[str] = ..., links: _Optional[_Iterable[str]] = ..., component: _Optional[str] = ..., name: _Optional[str] = ..., start: _Optional[float] = ..., end: _Optional[float] = ..., attributes: _Optional[_Mapping[str, str]] = ...) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("resource", "namespace", "name")
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    resource: str
    namespace: str
    name: str
    def __init__(self, resource: _Optional[str] = ..., namespace: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class ExplainResponse(_message.Message):
    __slots__ = ("explanations",)
    EXPLANATIONS_FIELD_NUMBER: _ClassVar[int]
    explanations: _containers.RepeatedCompositeFieldContainer[Explanation]
    def __init__(self, explanations: _Optional[_Iterable[_Union[Explanation, _Mapping]]] = ...) -> None: ...

class Explanation(_message.Message):
    __slots__ = ("topic", "json")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    JSON_FIELD_NUMBER: _ClassVar[int]
    topic: str
    json: bytes
    def __init__(self, topic: _Optional[str] = ..., json: _Optional[bytes] = ...) -> None: ...

class WireRequest(_message.Message):
    __slots__ = ("method", "kind", "namespace", "name", "errors", "bodies", "secrets", "recent", "served")
    METHOD_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    BODIES_FIELD_NUMBER: _ClassVar[int]
    SECRETS_FIELD_NUMBER: _ClassVar[int]
    RECENT_FIELD_NUMBER: _ClassVar[int]
    SERVED_FIELD_NUMBER: _ClassVar[int]
    method: str
    kind: str
    namespace: str
    name: str
    errors: bool
    bodies: bool
    secrets: bool
    recent: bool
    served: bool
    def __init__(self, method: _Optional[str] = ..., kind: _Optional[str] = ..., namespace: _Optional[str] = ..., name: _Optional[str] = ..., errors: _Optional[bool] = ..., bodies: _Optional[bool] = ..., secrets: _Optional[bool] = ..., recent: _Optional[bool] = ..., served: _Optional[bool] = ...) -> None: ...

class WireMessage(_message.Message):
    __slots__ = ("time", "component", "caller", "callee", "method", "detail", "kind", "namespace", "name", "request_bytes", "response_bytes", "seconds", "status", "failed", "streamed", "served", "traceparent", "revision", "request", "response", "before", "lost")
    TIME_FIELD_NUMBER: _ClassVar[int]
    COMPONENT_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    CALLEE_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_BYTES_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    STREAMED_FIELD_NUMBER: _ClassVar[int]
    SERVED_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    LOST_FIELD_NUMBER: _ClassVar[int]
    time: float
    component: str
    caller: str
    callee: str
    method: str
    detail: str
    kind: str
    namespace: str
    name: str
    request_bytes: int
    response_bytes: int
    seconds: float
    status: str
    failed: bool
    streamed: bool
    served: bool
    traceparent: str
    revision: int
    request: bytes
    response: bytes
    before: bytes
    lost: int
    def __init__(self, time: _Optional[float] = ..., component: _Optional[str] = ..., caller: _Optional[str] = ..., callee: _Optional[str] = ..., method: _Optional[str] = ..., detail: _Optional[str] = ..., kind: _Optional[str] = ..., namespace: _Optional[str] = ..., name: _Optional[str] = ..., request_bytes: _Optional[int] = ..., response_bytes: _Optional[int] = ..., seconds: _Optional[float] = ..., status: _Optional[str] = ..., failed: _Optional[bool] = ..., streamed: _Optional[bool] = ..., served: _Optional[bool] = ..., traceparent: _Optional[str] = ..., revision: _Optional[int] = ..., request: _Optional[bytes] = ..., response: _Optional[bytes] = ..., before: _Optional[bytes] = ..., lost: _Optional[int] = ...) -> None: ...
