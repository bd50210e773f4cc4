"""Certificates and pairs for the TLS tests."""

import functools
import ssl
import subprocess
import tempfile
from pathlib import Path

import bide

ROOT = Path(__file__).resolve().parents[2]
_kept = []


@functools.cache
def certs():
    """The directory that tests/certs.sh has filled."""
    directory = tempfile.TemporaryDirectory()
    _kept.append(directory)
    subprocess.run([ROOT / "tests/certs.sh", directory.name], check=True)
    return Path(directory.name)


def server_context(name="server", *, alpn=None, client_ca=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certs() / f"{name}.pem", certs() / f"{name}.key")
    if alpn:
        context.set_alpn_protocols(alpn)
    if client_ca:
        context.load_verify_locations(certs() / client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(ca="ca.pem", *, alpn=None, cert=None):
    context = ssl.create_default_context(cafile=certs() / ca)
    if alpn:
        context.set_alpn_protocols(alpn)
    if cert:
        context.load_cert_chain(certs() / f"{cert}.pem", certs() / f"{cert}.key")
    return context


async def shake(client, server, *, server_ctx=None, client_ctx=None,
                hostname="localhost", session=None):
    """Both ends of a handshake over two connected streams."""
    serving = bide.spawn(server.start_tls(
        server_ctx or server_context(), server_side=True))
    ours = await client.start_tls(
        client_ctx or client_context(), server_hostname=hostname,
        session=session)
    return ours, await serving


async def pair(**options):
    """Two ends of a TLS connection."""
    return await shake(*await socketpair(), **options)


async def socketpair():
    return bide.socketpair()


async def failures(**options):
    """What a handshake that fails raises at the client and at the server; the
    client reads once, because with TLS 1.3 it may be through before."""
    client, server = bide.socketpair()

    async def attempt(stream, **arguments):
        try:
            tls = await stream.start_tls(**arguments)
            async with tls:
                await tls.read()
        except (OSError, bide.ClosedError) as error:
            return error

    async with client, server:
        return await bide.gather(
            attempt(client, ssl=options.get("client_ctx") or client_context(),
                    server_hostname=options.get("hostname", "localhost")),
            attempt(server, ssl=options.get("server_ctx") or server_context(),
                    server_side=True))


def with_pair(**options):
    """Decorates `async test(client, server)`: runs it over a new pair."""
    def decorate(test):
        @functools.wraps(test)
        def run_test():
            async def main():
                with bide.timeout(60):
                    client, server = await pair(**options)
                    async with client, server:
                        await test(client, server)

            bide.run(main())

        del run_test.__wrapped__
        return run_test

    return decorate
