"""asyncio's streams, with what each message goes through in C.

open_connection() and start_server() make objects of asyncio's own classes. When
the loop makes a transport for them they become objects of subclasses that add
methods in C and no state."""

# mypy: ignore-errors
# It stands on asyncio's own methods, which have no types.
from __future__ import annotations

from asyncio.streams import StreamReader, StreamReaderProtocol, StreamWriter
from functools import partial
from typing import Any

from bide._core import _stream_types

_READER, _PROTOCOL, _WRITER = _stream_types()

_REPLACED = {
    StreamReader: ("read", "readexactly", "feed_data", "_wait_for_data",
                   "_wakeup_waiter", "_maybe_resume_transport"),
    StreamReaderProtocol: ("data_received", "_drain_helper"),
    StreamWriter: ("write", "drain"),
}
_STOCK = [(kind, name, getattr(kind, name))
          for kind, names in _REPLACED.items() for name in names]


def quicken(protocol: Any) -> None:
    """Takes the methods in C, if protocol and reader are just asyncio's."""
    if type(protocol) is not StreamReaderProtocol:
        return
    reader = protocol._stream_reader
    if type(reader) is not StreamReader or not _untouched():
        return
    reader.__class__ = _READER
    protocol.__class__ = _PROTOCOL
    callback = protocol._client_connected_cb
    if callback is not None:
        protocol._client_connected_cb = partial(_connected, callback)


def _untouched() -> bool:
    """No program has put methods of its own in the place of asyncio's."""
    return all(getattr(kind, name) is stock for kind, name, stock in _STOCK)


def _connected(callback: Any, reader: Any, writer: Any) -> Any:
    if type(writer) is StreamWriter:
        writer.__class__ = _WRITER
    return callback(reader, writer)
