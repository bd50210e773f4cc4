"""TLS transports: asyncio's SSLProtocol with its hot half in C.

What is here and in asyncio.sslproto does what happens once in a connection:
handshake, shutdown, errors. What happens with every message is in C
(ssl_read.c, ssl_write.c), on attributes that both halves share.
"""

# mypy: ignore-errors
# It stands on asyncio's own methods, which have no types.
from __future__ import annotations

from asyncio import sslproto
from typing import Any

from bide._core import _SSLBase


class SSLTransport(sslproto._SSLProtocolTransport):
    """The transport that an application on TLS sees."""

    def __init__(self, loop: Any, ssl_protocol: SSLProtocol) -> None:
        super().__init__(loop, ssl_protocol)
        # Found before the class's methods: straight into C.
        self.__dict__["write"] = ssl_protocol._app_write
        self.__dict__["writelines"] = ssl_protocol._write_appdata

    def write(self, data: Any) -> None:
        """For those who ask the class, and after the second close()."""
        if self._ssl_protocol is not None:
            super().write(data)

    def writelines(self, list_of_data: Any) -> None:
        if self._ssl_protocol is not None:
            super().writelines(list_of_data)

    def close(self) -> None:
        """Close the transport once buffered data is out."""
        if self._closed:
            # As asyncio does with _ssl_protocol: no cycle is left.
            self.__dict__.pop("write", None)
            self.__dict__.pop("writelines", None)
        super().close()


class SSLProtocol(_SSLBase, sslproto.SSLProtocol):
    """The protocol between an application's and a transport."""

    # asyncio's __init__ makes a buffer of this size; ours is made on demand.
    max_size = 0

    def _get_app_transport(self) -> Any:
        if self._app_transport is None and not self._app_transport_created:
            self._app_transport = SSLTransport(self._loop, self)
            self._app_transport_created = True
        return super()._get_app_transport()
