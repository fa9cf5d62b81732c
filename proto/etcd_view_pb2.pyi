from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class KeysRequest(_message.Message):
    __slots__ = ("prefix",)
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    prefix: str
    def __init__(self, prefix: _Optional[str] = ...) -> None: ...

class KeysPage(_message.Message):
    __slots__ = ("revision", "keys")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    revision: int
    keys: _containers.RepeatedCompositeFieldContainer[Key]
    def __init__(self, revision: _Optional[int] = ..., keys: _Optional[_Iterable[_Union[Key, _Mapping]]] = ...) -> None: ...

class Key(_message.Message):
    __slots__ = ("key", "revision", "created_revision", "version", "size")
    KEY_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CREATED_REVISION_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    key: str
    revision: int
    created_revision: int
    version: int
    size: int
    def __init__(self, key: _Optional[str] = ..., revision: _Optional[int] = ..., created_revision: _Optional[int] = ..., version: _Optional[int] = ..., size: _Optional[int] = ...) -> None: ...

class GetRequest(_message.Message):
    __slots__ = ("key", "revision", "secrets")
    KEY_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    SECRETS_FIELD_NUMBER: _ClassVar[int]
    key: str
    revision: int
    secrets: bool
    def __init__(self, key: _Optional[str] = ..., revision: _Optional[int] = ..., secrets: _Optional[bool] = ...) -> None: ...

class HistoryRequest(_message.Message):
    __slots__ = ("key", "secrets")
    KEY_FIELD_NUMBER: _ClassVar[int]
    SECRETS_FIELD_NUMBER: _ClassVar[int]
    key: str
    secrets: bool
    def __init__(self, key: _Optional[str] = ..., secrets: _Optional[bool] = ...) -> None: ...

class WatchRequest(_message.Message):
    __slots__ = ("prefix", "secrets")
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    SECRETS_FIELD_NUMBER: _ClassVar[int]
    prefix: str
    secrets: bool
    def __init__(self, prefix: _Optional[str] = ..., secrets: _Optional[bool] = ...) -> None: ...

class Revision(_message.Message):
    __slots__ = ("key", "revision", "created_revision", "version", "size", "deleted", "writer", "traceparent", "raw", "before_history", "omitted", "previous")
    KEY_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CREATED_REVISION_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    WRITER_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    BEFORE_HISTORY_FIELD_NUMBER: _ClassVar[int]
    OMITTED_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_FIELD_NUMBER: _ClassVar[int]
    key: str
    revision: int
    created_revision: int
    version: int
    size: int
    deleted: bool
    writer: str
    traceparent: str
    raw: bytes
    before_history: bool
    omitted: int
    previous: bytes
    def __init__(self, key: _Optional[str] = ..., revision: _Optional[int] = ..., created_revision: _Optional[int] = ..., version: _Optional[int] = ..., size: _Optional[int] = ..., deleted: _Optional[bool] = ..., writer: _Optional[str] = ..., traceparent: _Optional[str] = ..., raw: _Optional[bytes] = ..., before_history: _Optional[bool] = ..., omitted: _Optional[int] = ..., previous: _Optional[bytes] = ...) -> None: ...

class StateRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StateResponse(_message.Message):
    __slots__ = ("cluster_id", "revision", "cache_cluster_id", "cache_revision", "ready")
    CLUSTER_ID_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CACHE_CLUSTER_ID_FIELD_NUMBER: _ClassVar[int]
    CACHE_REVISION_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    cluster_id: int
    revision: int
    cache_cluster_id: int
    cache_revision: int
    ready: bool
    def __init__(self, cluster_id: _Optional[int] = ..., revision: _Optional[int] = ..., cache_cluster_id: _Optional[int] = ..., cache_revision: _Optional[int] = ..., ready: _Optional[bool] = ...) -> None: ...
