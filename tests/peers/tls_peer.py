"""One end of TLS connections, for test_tls.py; tls_peer.lua and .c are alike.

    tls_peer.py client DIRECTORY VERSION PORT [wait]
    tls_peer.py server DIRECTORY VERSION

The client makes two connections, the second with the session of the first, and
sends a line over each; with `wait` it leaves the end of the second to the peer.
The server takes two, and gives a line back on each. Both print, for each, what
was agreed on, and how it ended."""

import ssl
import sys

import bide

role, directory, version, *rest = sys.argv[1:]


def context():
    kind = (ssl.PROTOCOL_TLS_CLIENT if role == "client"
            else ssl.PROTOCOL_TLS_SERVER)
    made = ssl.SSLContext(kind)
    made.load_verify_locations(f"{directory}/ca.pem")
    made.load_cert_chain(f"{directory}/{role}.pem", f"{directory}/{role}.key")
    made.set_alpn_protocols(["http/1.1"])
    made.minimum_version = made.maximum_version = {
        "1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[version]
    if role == "server":
        made.verify_mode = ssl.CERT_OPTIONAL
    return made


def tell(stream, line):
    tls = stream.tls
    subject = dict(pair[0] for pair in tls.peer_certificate["subject"])
    print(tls.version, tls.alpn, "resumed" if tls.session_reused else "new",
          subject["commonName"], line.decode().strip(), flush=True)


async def tell_end(stream):
    try:
        end = "end" if await stream.read() == b"" else "more"
    except ssl.SSLEOFError:
        end = "truncated"
    print(end, flush=True)


async def be_client():
    port, *wait = rest
    session, ssl_context = None, context()
    for last in False, True:
        stream = await bide.connect_tls(
            "127.0.0.1", int(port), ssl=ssl_context,
            server_hostname="localhost", session=session)
        async with stream:
            await stream.write(b"hello\n")
            tell(stream, await stream.read_line())
            session = stream.tls.session
            if last and wait:
                await tell_end(stream)


async def be_server():
    listener = await bide.listen_tls("127.0.0.1", 0, ssl=context())
    async with listener:
        print("port", listener.port, flush=True)
        for _ in range(2):
            async with await listener.accept() as stream:
                line = await stream.read_line()
                await stream.write(line)
                tell(stream, line)
                await tell_end(stream)


bide.run(be_client() if role == "client" else be_server())
