"""The loop's side of transports and servers: asyncio's hooks, on the transports
in C. Checking arguments, resolving names and racing addresses stays asyncio's,
as the version at hand has it."""

# mypy: ignore-errors
# It stands on asyncio's own methods, which have no types.
from __future__ import annotations

import errno
import socket
import ssl as ssl_module
from asyncio import constants, selector_events, trsock
from asyncio.log import logger
from typing import TYPE_CHECKING, Any

from bide._core import _datagram_type, _socket_transport
from bide.aio._ssl import SSLProtocol
from bide.aio._streams import quicken

if TYPE_CHECKING:
    from asyncio.unix_events import _UnixSelectorEventLoop as _Base
else:
    _Base = object

_OUT_OF_RESOURCES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


#: Whose addresses C can tell.
_FAMILIES = {socket.AF_INET, socket.AF_INET6, socket.AF_UNIX}


class DatagramTransport(_datagram_type()):
    """asyncio's, with what every datagram goes through in C."""

    def __init__(self, loop, sock, protocol, address=None, waiter=None,
                 extra=None):
        super().__init__(loop, sock, protocol, address, waiter, extra)
        #: 0: it is connected, and no datagram needs an address.
        self._bide_family = (0 if self._extra["peername"]
                             else int(sock.family))


class TransportsMixin(_Base):
    #: Transports that the reactor watches: a transport goes on although nobody
    #: else refers to it.
    _bide_watched: dict[int, Any]

    # -- making ----------------------------------------------------------------

    def _make_socket_transport(  # type: ignore
            self, sock, protocol, waiter=None, *, extra=None, server=None):
        self._ensure_fd_no_transport(sock)
        quicken(protocol)
        return _socket_transport(self, sock, protocol, waiter, extra, server)

    def _make_ssl_transport(  # type: ignore
            self, rawsock, protocol, sslcontext, waiter=None, *,
            server_side=False, server_hostname=None, extra=None, server=None,
            ssl_handshake_timeout=constants.SSL_HANDSHAKE_TIMEOUT,
            ssl_shutdown_timeout=constants.SSL_SHUTDOWN_TIMEOUT):
        self._ensure_fd_no_transport(rawsock)
        quicken(protocol)
        secure = SSLProtocol(
            self, protocol, sslcontext, waiter, server_side, server_hostname,
            ssl_handshake_timeout=ssl_handshake_timeout,
            ssl_shutdown_timeout=ssl_shutdown_timeout)
        _socket_transport(self, rawsock, secure, None, extra, server)
        return secure._app_transport

    def _make_datagram_transport(  # type: ignore
            self, sock, protocol, address=None, waiter=None, extra=None):
        self._ensure_fd_no_transport(sock)
        kind = (DatagramTransport if sock.family in _FAMILIES
                else selector_events._SelectorDatagramTransport)
        return kind(self, sock, protocol, address, waiter, extra)

    async def start_tls(  # type: ignore
            self, transport, protocol, sslcontext, *, server_side=False,
            server_hostname=None, ssl_handshake_timeout=None,
            ssl_shutdown_timeout=None):
        """Upgrade transport to TLS.

        Return a new transport that *protocol* should start using
        immediately."""
        if not isinstance(sslcontext, ssl_module.SSLContext):
            raise TypeError(
                f"sslcontext is expected to be an instance of "
                f"ssl.SSLContext, got {sslcontext!r}")
        if not getattr(transport, "_start_tls_compatible", False):
            raise TypeError(
                f"transport {transport!r} is not supported by start_tls()")
        waiter = self.create_future()
        secure = SSLProtocol(
            self, protocol, sslcontext, waiter, server_side, server_hostname,
            ssl_handshake_timeout=ssl_handshake_timeout,
            ssl_shutdown_timeout=ssl_shutdown_timeout,
            call_connection_made=False)
        # Nothing may be read before the handshake has begun.
        transport.pause_reading()
        transport.set_protocol(secure)
        steps = (self.call_soon(secure.connection_made, transport),
                 self.call_soon(transport.resume_reading))
        try:
            await waiter
        except BaseException:
            transport.close()
            for step in steps:
                step.cancel()
            raise
        return secure._app_transport

    # -- serving ---------------------------------------------------------------

    def _accept_connection(  # type: ignore
            self, protocol_factory, sock, sslcontext=None, server=None,
            backlog=100,
            ssl_handshake_timeout=constants.SSL_HANDSHAKE_TIMEOUT,
            ssl_shutdown_timeout=constants.SSL_SHUTDOWN_TIMEOUT):
        """The listening socket is ready: takes all connections there are."""
        settings = (sslcontext, server, ssl_handshake_timeout,
                    ssl_shutdown_timeout)
        for _ in range(backlog):
            try:
                conn, address = sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as exc:
                if exc.errno not in _OUT_OF_RESOURCES:
                    raise
                self._pause_serving(sock, exc, protocol_factory, sslcontext,
                                    server, backlog, ssl_handshake_timeout,
                                    ssl_shutdown_timeout)
                return
            if self._debug:
                logger.debug("%r got a new connection from %r: %r", server,
                             address, conn)
            conn.setblocking(False)
            extra = {"peername": address}
            if sslcontext is None:
                self.call_soon(self._begin_connection, protocol_factory, conn,
                               extra, server)
            else:
                self.create_task(self._accept_connection2(
                    protocol_factory, conn, extra, *settings))

    def _pause_serving(self, sock: Any, exc: OSError, protocol_factory: Any,
                       *settings: Any) -> None:
        """Out of descriptors: connections wait in the system's queue."""
        self.call_exception_handler({
            "message": "socket.accept() out of system resource",
            "exception": exc,
            "socket": trsock.TransportSocket(sock),
        })
        self._remove_reader(sock.fileno())
        self.call_later(constants.ACCEPT_RETRY_DELAY, self._resume_serving,
                        protocol_factory, sock, *settings)

    def _resume_serving(self, protocol_factory: Any, sock: Any,
                        *settings: Any) -> None:
        if sock.fileno() >= 0:
            self._start_serving(protocol_factory, sock, *settings)

    def _begin_connection(self, protocol_factory: Any, conn: Any,
                          extra: dict[str, Any], server: Any) -> None:
        """An accepted connection without TLS, of which nobody waits to hear
        that it is there: no task is needed."""
        protocol = None
        try:
            protocol = protocol_factory()
            quicken(protocol)
            _socket_transport(self, conn, protocol, None, extra, server)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            conn.close()
            if self._debug:
                context = {
                    "message": "Error on transport creation for incoming "
                               "connection",
                    "exception": exc,
                }
                if protocol is not None:
                    context["protocol"] = protocol
                self.call_exception_handler(context)

    # -- sendfile --------------------------------------------------------------

    async def _sendfile_native(self, transp, file, offset, count):  # type: ignore
        resume = transp.is_reading()
        self._transports.pop(transp._sock_fd, None)
        transp.pause_reading()
        try:
            await transp._make_empty_waiter()
            transp._unwatch()
            return await self.sock_sendfile(transp._sock, file, offset, count,
                                            fallback=False)
        finally:
            transp._reset_empty_waiter()
            transp._watch()
            if resume:
                transp.resume_reading()
            self._transports[transp._sock_fd] = transp
