"""Names of hosts. An address in figures needs no thread; what does has threads of
bide's, so that it waits for no job of the default executor, nor holds one up."""

# mypy: ignore-errors
# It stands on asyncio's own methods, which have no types.
from __future__ import annotations

import socket

from bide._core import spawn_blocking

_FIGURES = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV


def _is_literal(host: object) -> bool:
    if isinstance(host, bytes):
        try:
            host = host.decode("ascii")
        except UnicodeDecodeError:
            return False
    if not isinstance(host, str) or "%" in host:
        return False
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except (OSError, ValueError):
            continue
        return True
    return False


def _is_number(port: object) -> bool:
    return (port is None or isinstance(port, int)
            or (isinstance(port, (str, bytes)) and port.isascii()
                and port.isdigit()))


class NamesMixin:
    async def getaddrinfo(self, host, port, *, family=0, type=0, proto=0,
                          flags=0):
        """The addresses of a host, as socket.getaddrinfo()."""
        self._check_closed()
        if self.get_debug():
            return await spawn_blocking(self._getaddrinfo_debug, host, port,
                                        family, type, proto, flags)
        if not _is_literal(host) or not _is_number(port):
            return await spawn_blocking(socket.getaddrinfo, host, port, family,
                                        type, proto, flags)
        return socket.getaddrinfo(
            host, port, family, type, proto,
            flags | socket.AI_NUMERICHOST | socket.AI_NUMERICSERV)

    async def getnameinfo(self, sockaddr, flags=0):
        """The name of an address, as socket.getnameinfo()."""
        self._check_closed()
        if (isinstance(flags, int) and flags & _FIGURES == _FIGURES
                and not self.get_debug()):
            return socket.getnameinfo(sockaddr, flags)
        return await spawn_blocking(socket.getnameinfo, sockaddr, flags)
