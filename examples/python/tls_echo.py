"""An echo server and its client over TLS, with a certificate made for the
occasion by the openssl program.

    python examples/python/tls_echo.py
"""

import ssl
import tempfile
from pathlib import Path

import bide


async def make_certificate(directory: Path) -> tuple[Path, Path]:
    """A certificate for localhost that is its own authority, and its key."""
    certificate, key = directory / "cert.pem", directory / "key.pem"
    await bide.run_process(
        [
            *("openssl", "req", "-x509", "-nodes", "-days", "1"),
            *("-newkey", "rsa:2048", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        stderr=bide.DEVNULL,
    )
    return certificate, key


async def echo(stream: bide.TLSStream) -> None:
    async for chunk in stream:
        await stream.write(chunk)
    await stream.shutdown()


async def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        certificate, key = await make_certificate(Path(directory))
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(certificate, key)
        client = ssl.create_default_context(cafile=str(certificate))

    async with await bide.listen_tls("127.0.0.1", 0, ssl=server) as listener:
        serving = bide.spawn(listener.serve(echo))
        stream = await bide.connect_tls(
            "127.0.0.1",
            listener.port,
            ssl=client,
            server_hostname="localhost",
        )
        async with stream:
            await stream.write(b"hello\n")
            print((await stream.read_line()).decode().strip())
            info = stream.tls
            assert info is not None
            print(info.version)
            await stream.shutdown()
        listener.close()
        await serving


bide.run(main())
