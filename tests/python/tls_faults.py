"""What can go wrong with TLS, once each: a listener is met by clients that it
or they refuse, that reset, leave without a word or are cancelled."""

import contextlib
import functools
import os
import socket
import ssl

import bide
from tls_support import client_context, server_context

server_context = functools.cache(server_context)
client_context = functools.cache(client_context)
HALF_A_RECORD = b"\x17\x03\x03\x01\x00half"
REFUSALS = {  # certificate, authority, host name
    "bad certificate": ("server", "other-ca.pem", "localhost"),
    "wrong host": ("server", "ca.pem", "other.test"),
    "expired": ("expired", "ca.pem", "localhost"),
}
BREAKS = ("reset in handshake", "reset in record", "no goodbye")
CANCELS = ("cancelled handshake", "cancelled read", "cancelled write")
FAULTS = (*REFUSALS, *BREAKS, *CANCELS)


async def talk(outcome, stream):
    """The server's part: a word, and one that does not come."""
    try:
        await stream.write(b"x")
        outcome.append(await stream.read())
    except OSError as error:
        outcome.append(error)


@contextlib.asynccontextmanager
async def service(outcome, name="server"):
    """A listener that serves, and tells what became of its connections."""
    listener = await bide.listen_tls(
        "127.0.0.1", 0, ssl=server_context(name), handshake_timeout=None)
    async with listener:
        serving = bide.spawn(
            listener.serve(functools.partial(talk, outcome)))
        try:
            yield listener
        finally:
            listener.close()
            await serving
            if listener.failures:
                outcome.append(listener.last_failure)


async def connect(listener, ca="ca.pem", host="localhost"):
    return await bide.connect_tls(
        "127.0.0.1", listener.port, ssl=client_context(ca),
        server_hostname=host)


async def refuse(fault):
    name, ca, host = REFUSALS[fault]
    outcome = []
    async with service(outcome, name) as listener:
        try:
            (await connect(listener, ca, host)).close()
        except ssl.SSLCertVerificationError:
            pass
    assert isinstance(outcome[0], OSError), outcome


async def break_off(fault):
    outcome = []
    async with service(outcome) as listener:
        if fault == "reset in handshake":
            stream = await bide.connect_tcp("127.0.0.1", listener.port)
            await stream.write(b"\x16\x03\x01")
            stream.abort()
        else:
            stream = await connect(listener)
            await stream.read()
            with socket.socket(fileno=os.dup(stream.fileno())) as plain:
                if fault == "no goodbye":
                    plain.shutdown(socket.SHUT_WR)
                else:
                    plain.send(HALF_A_RECORD)
                    stream.abort()
            with contextlib.suppress(OSError, bide.ClosedError):
                await stream.read()
            stream.close()
    wanted = ssl.SSLEOFError if fault == "no goodbye" else ConnectionResetError
    assert isinstance(outcome[0], wanted), outcome


async def cancel(fault):
    """At one end of a pair, whose other end is told by the closing."""
    ours, theirs = bide.socketpair()
    async with ours, theirs:
        if fault == "cancelled handshake":
            with bide.move_on_after(0.001):
                await ours.start_tls(
                    client_context(), server_hostname="localhost")
            assert ours.closed
            return
        shaking = bide.spawn(
            theirs.start_tls(server_context(), server_side=True))
        ours = await ours.start_tls(
            client_context(), server_hostname="localhost")
        async with ours, await shaking:
            with bide.move_on_after(0.001):
                if fault == "cancelled read":
                    await ours.read()
                await ours.write(b"x" * 4_000_000)


async def commit(fault):
    """One fault."""
    for kinds, part in ((REFUSALS, refuse), (BREAKS, break_off),
                        (CANCELS, cancel)):
        if fault in kinds:
            await part(fault)


async def all_faults():
    for fault in FAULTS:
        await commit(fault)
