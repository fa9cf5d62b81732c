from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class Stored(_message.Message):
    __slots__ = ("raw", "traceparent", "writer")
    RAW_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    WRITER_FIELD_NUMBER: _ClassVar[int]
    raw: bytes
    traceparent: str
    writer: str
    def __init__(self, raw: _Optional[bytes] = ..., traceparent: _Optional[str] = ..., writer: _Optional[str] = ...) -> None: ...
