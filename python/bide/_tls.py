"""TLS: making connections and listeners. What flows is the extension's."""

from __future__ import annotations

import errno
import os
import ssl as _ssl
import stat
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import Any, Self

from . import _core, _helpers
from ._core import (
    CancelToken,
    ClosedError,
    File,
    Listener,
    Stream,
    TLSStream,
)

_HANDSHAKE_TIMEOUT = 60.0
_PIECE = 256 * 1024


class TLSInfo:
    """What the two ends of a TLSStream have agreed on, and who the peer is.

    `ssl_object` is the ssl.SSLObject, for all that is not here."""

    def __init__(self, ssl_object: _ssl.SSLObject) -> None:
        self.ssl_object = ssl_object

    @property
    def version(self) -> str | None:
        """Such as "TLSv1.3"; None before the handshake."""
        return self.ssl_object.version()

    @property
    def cipher(self) -> str | None:
        """The name of the cipher suite; None before the handshake."""
        cipher = self.ssl_object.cipher()
        return cipher[0] if cipher else None

    @property
    def alpn(self) -> str | None:
        """The protocol chosen by ALPN, if one was."""
        return self.ssl_object.selected_alpn_protocol()

    @property
    def peer_certificate(self) -> dict[str, Any] | None:
        """The peer's certificate as of SSLSocket.getpeercert(); {} if it was
        not verified, None if there is none."""
        return self.ssl_object.getpeercert()

    @property
    def peer_certificate_der(self) -> bytes | None:
        """The same in DER, verified or not."""
        return self.ssl_object.getpeercert(binary_form=True)

    @property
    def session(self) -> _ssl.SSLSession | None:
        """To be given to the next connection. With TLS 1.3 it comes with the
        first data that is read."""
        return self.ssl_object.session

    @property
    def session_reused(self) -> bool:
        """Whether the handshake resumed a session."""
        return bool(self.ssl_object.session_reused)

    def __repr__(self) -> str:
        return f"<TLSInfo {self.version} {self.cipher} alpn={self.alpn}>"


def _client_context(ssl: _ssl.SSLContext | None) -> _ssl.SSLContext:
    return _ssl.create_default_context() if ssl is None else _check(ssl)


def _check(ssl: _ssl.SSLContext) -> _ssl.SSLContext:
    if isinstance(ssl, _ssl.SSLContext):
        return ssl
    raise TypeError(
        f"ssl must be an ssl.SSLContext, not {type(ssl).__name__}"
    )


def _check_talks(stream: Stream) -> None:
    """There is nobody to shake hands with in a file."""
    if stream.closed:
        return
    fd = stream.fileno()
    mode = os.fstat(fd).st_mode
    if stat.S_ISREG(mode) or (stat.S_ISCHR(mode) and not os.isatty(fd)):
        raise OSError(
            errno.ENOTSUP,
            "TLS needs a socket, a pipe or a terminal: this stream is a file "
            "or a device",
        )


async def _handshake(
    stream: TLSStream, handshake_timeout: float | None
) -> TLSStream:
    """The handshake with a deadline; closes the stream unless it succeeds."""
    done = False
    try:
        with _core.timeout(handshake_timeout):
            await stream.handshake()
        done = True
    finally:
        if not done:
            stream.close()
    return stream


async def start_tls(
    stream: Stream,
    ssl: _ssl.SSLContext | None = None,
    *,
    server_side: bool = False,
    server_hostname: str | None = None,
    session: _ssl.SSLSession | None = None,
    handshake_timeout: float | None = _HANDSHAKE_TIMEOUT,
) -> TLSStream:
    """Stream.start_tls()."""
    if server_side and ssl is None:
        raise TypeError(
            "ssl is missing: a server needs an ssl.SSLContext with its "
            "certificate"
        )
    context = _client_context(ssl)
    if not server_side and context.check_hostname and not server_hostname:
        raise ValueError(
            "server_hostname is missing: it is the name that the peer's "
            "certificate is checked for (or set ssl.check_hostname = False)"
        )
    _check_talks(stream)
    tls = _core._wrap_tls(
        stream, context, bool(server_side), server_hostname, session
    )
    return await _handshake(tls, handshake_timeout)


async def sendfile(
    stream: TLSStream, file: File, offset: int = 0, count: int | None = None
) -> int:
    """TLSStream.sendfile()."""
    if not isinstance(file, File):
        raise TypeError(
            "file must be a bide.File, which open_file() gives in a binary "
            f"mode, not {type(file).__name__}"
        )
    if count is not None and count < 0:
        raise ValueError("count must be at least 0, or None")
    sent = 0
    while count is None or sent < count:
        left = _PIECE if count is None else min(count - sent, _PIECE)
        piece = await file.pread(left, offset + sent)
        if not piece:
            break
        await stream.write(piece)
        sent += len(piece)
    return sent


async def connect_tls(
    host: str,
    port: int,
    *,
    ssl: _ssl.SSLContext | None = None,
    server_hostname: str | None = None,
    session: _ssl.SSLSession | None = None,
    handshake_timeout: float | None = _HANDSHAKE_TIMEOUT,
    nodelay: bool = True,
    keepalive: int | None = None,
) -> TLSStream:
    """Connect as connect_tcp() does and make the TLS handshake; gives a TLSStream.

    `ssl`: an ssl.SSLContext; None is ssl.create_default_context(), which checks
    the certificate and its host name. `server_hostname`: the name that is asked
    for and checked; None is `host`. `session`: of an earlier connection
    (TLSInfo.session), to resume it. `handshake_timeout`: seconds, or None.

    ssl.SSLError when TLS fails, such as SSLCertVerificationError; TimeoutError;
    else the errors of connect_tcp()."""
    context = _client_context(ssl)
    stream = await _core.connect_tcp(
        host, port, nodelay=nodelay, keepalive=keepalive
    )
    try:
        return await start_tls(
            stream,
            context,
            server_hostname=host if server_hostname is None else server_hostname,
            session=session,
            handshake_timeout=handshake_timeout,
        )
    finally:
        stream.close()


class TLSListener:
    """A listening socket whose connections speak TLS, from listen_tls().

        async with listener:              # closed at the end
            await listener.serve(handler) # a task per connection

    accept() does not wait for the handshake, which the first read, write or
    handshake() of the connection makes, so that a slow client delays nobody.
    serve() makes it in the connection's task. `failures` counts the handshakes
    of serve() that failed, `last_failure` is the last one's exception."""

    def __init__(
        self,
        listener: Listener,
        context: _ssl.SSLContext,
        handshake_timeout: float | None,
    ) -> None:
        self._listener = listener
        self._context = context
        self._handshake_timeout = handshake_timeout
        self.failures = 0
        self.last_failure: Exception | None = None

    @property
    def address(self) -> tuple[str, int] | Any:
        """Where it listens: (host, port)."""
        return self._listener.address

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._listener.port

    @property
    def closed(self) -> bool:
        """Whether it is closed."""
        return self._listener.closed

    def _wrap(self, stream: Stream) -> TLSStream:
        try:
            return _core._wrap_tls(stream, self._context, True, None, None)
        except BaseException:
            stream.close()
            raise

    async def accept(self) -> TLSStream:
        """Wait for a connection; gives a TLSStream before its handshake. As
        Listener.accept() else."""
        return self._wrap(await self._listener.accept())

    async def serve(
        self,
        handler: Callable[[TLSStream], Awaitable[object]],
        *,
        limit: int | None = None,
        token: CancelToken | None = None,
        drain: float | None = None,
        signals: Iterable[int] | None = (),
    ) -> None:
        """Accept connections, make the handshake and run `handler(stream)` in a
        task for each, as Listener.serve() does. A connection whose handshake
        fails or takes too long is closed, counted and not handled."""

        async def shake(stream: Stream) -> None:
            try:
                tls = await _handshake(
                    self._wrap(stream), self._handshake_timeout
                )
            except (OSError, ClosedError) as error:
                self.failures += 1
                self.last_failure = error
                return
            try:
                await handler(tls)
            except Exception as error:
                if not _helpers.is_lost(tls, error):
                    raise
            finally:
                tls.close()

        await self._listener.serve(
            shake, limit=limit, token=token, drain=drain, signals=signals
        )

    def close(self) -> None:
        """Stop listening, at once; accepts end with StreamClosedError. Closing
        twice is fine."""
        self._listener.close()

    async def aclose(self) -> None:
        """close(), to be awaited."""
        self._listener.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> TLSStream:
        return self._wrap(await self._listener.__anext__())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._listener.close()

    def __repr__(self) -> str:
        return f"<TLS{repr(self._listener)[1:]}"


async def listen_tls(
    host: str | None,
    port: int,
    *,
    ssl: _ssl.SSLContext,
    handshake_timeout: float | None = _HANDSHAKE_TIMEOUT,
    backlog: int = 1024,
    reuse_port: bool = False,
    v6_only: bool = False,
) -> TLSListener:
    """Listen as listen_tcp() does, for connections that speak TLS; gives a
    TLSListener.

    `ssl`: an ssl.SSLContext for servers, with the certificate loaded.
    `handshake_timeout`: how many seconds a client of serve() gets for it."""
    context = _check(ssl)
    listener = await _core.listen_tcp(
        host, port, backlog=backlog, reuse_port=reuse_port, v6_only=v6_only
    )
    return TLSListener(listener, context, handshake_timeout)
