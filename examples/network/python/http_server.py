"""An HTTP/1.1 server for files and JSON, to start from.

    python http_server.py [--port 8080] [ROOT]

    GET  /PATH       a file below ROOT (HEAD, If-Modified-Since and ranges work)
    GET  /api/status what the server has done so far, as JSON
    POST /api/sum    {"values": [1, 2, 3]} gives {"sum": 6}

The requests are parsed by httptools (pip install httptools). SIGINT or SIGTERM
ends it: it accepts no more, lets the connections finish what they are at for a
while, and leaves. A second one is not waited for.
"""

import argparse
import json
import mimetypes
import signal
import time
from email.utils import formatdate
from pathlib import Path
from urllib.parse import unquote

import bide
import httptools  # type: ignore[import-untyped, unused-ignore]

IDLE = 30.0  # seconds a connection may be silent
DRAIN = 10.0  # seconds that requests under way have at the end
BODY_MAX = 1 << 20
HEAD_MAX = 64 << 10

REASONS = {
    200: "OK", 206: "Partial Content", 304: "Not Modified",
    400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed",
    413: "Content Too Large", 416: "Range Not Satisfiable",
    431: "Request Header Fields Too Large", 500: "Internal Server Error",
}


class Refused(Exception):
    """A request that cannot be served; the status says why."""

    def __init__(self, status, detail=""):
        super().__init__(detail or REASONS[status])
        self.status = status


class Request:
    def __init__(self):
        self.url = b""
        self.headers = {}
        self.body = bytearray()
        self.method = ""
        self.keep_alive = True

    @property
    def path(self):
        return unquote(httptools.parse_url(self.url).path.decode("latin-1"))


class Parser:
    """Collects what httptools reports into whole requests."""

    def __init__(self):
        self.requests = []
        self.parser = httptools.HttpRequestParser(self)
        self.request = Request()
        self.head = 0

    def feed(self, data):
        """The requests that are complete with `data`."""
        self.requests.clear()
        self.parser.feed_data(data)
        return self.requests

    # Called by httptools.

    def on_message_begin(self):
        self.request = Request()
        self.head = 0

    def on_url(self, url):
        self.request.url += url
        self._count(len(url))

    def on_header(self, name, value):
        self.request.headers[name.lower()] = value
        self._count(len(name) + len(value))

    def on_body(self, body):
        if len(self.request.body) + len(body) > BODY_MAX:
            raise Refused(413)
        self.request.body += body

    def on_message_complete(self):
        self.request.method = self.parser.get_method().decode()
        self.request.keep_alive = self.parser.should_keep_alive()
        self.requests.append(self.request)

    def _count(self, size):
        self.head += size
        if self.head > HEAD_MAX:
            raise Refused(431)


def head(status, kind, length, keep_alive, *more):
    lines = [
        f"HTTP/1.1 {status} {REASONS[status]}",
        f"Content-Type: {kind}",
        f"Content-Length: {length}",
        *more,
        f"Connection: {'keep-alive' if keep_alive else 'close'}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def json_response(status, value, keep_alive=True):
    body = json.dumps(value).encode() + b"\n"
    return head(status, "application/json", len(body), keep_alive) + body


class Server:
    def __init__(self, root):
        self.root = root.resolve()
        self.started = time.monotonic()
        self.requests = 0
        self.connections = 0

    async def handle(self, stream):
        """One connection; that its client goes away is nothing to report."""
        self.connections += 1
        try:
            await self.converse(stream, Parser())
        except OSError:
            pass

    async def converse(self, stream, parser):
        while True:
            with bide.move_on_after(IDLE) as idle:
                data = await stream.read()
            if idle.cancelled_caught or not data:
                return
            try:
                requests = parser.feed(data)
            except httptools.HttpParserCallbackError as error:
                refused = error.__context__
                status = refused.status if isinstance(refused, Refused) else 400
                return await self.refuse(stream, Refused(status))
            except httptools.HttpParserError as error:
                return await self.refuse(stream, Refused(400, str(error)))
            for request in requests:
                await self.answer(stream, request)
                if not request.keep_alive:
                    return

    async def refuse(self, stream, refused, keep_alive=False):
        await stream.write(json_response(
            refused.status, {"error": str(refused)}, keep_alive))

    async def answer(self, stream, request):
        self.requests += 1
        try:
            path = request.path
            if path.startswith("/api/"):
                value = self.api(request.method, path, request.body)
                await stream.write(
                    json_response(200, value, request.keep_alive))
            else:
                await self.send_file(stream, request, path)
        except Refused as refused:
            await self.refuse(stream, refused, request.keep_alive)

    def api(self, method, path, body):
        if path == "/api/status" and method == "GET":
            return {"requests": self.requests, "connections": self.connections,
                    "uptime": round(time.monotonic() - self.started, 3)}
        if path == "/api/sum" and method == "POST":
            try:
                return {"sum": sum(json.loads(body)["values"])}
            except (ValueError, KeyError, TypeError) as error:
                raise Refused(400, f"needs a JSON object with a list of "
                                   f"numbers, 'values': {error!r}") from None
        if path in ("/api/status", "/api/sum"):
            raise Refused(405)
        raise Refused(404)

    async def send_file(self, stream, request, path):
        if request.method not in ("GET", "HEAD"):
            raise Refused(405)
        target = (self.root / path.lstrip("/")).resolve()
        if target.is_dir():
            target /= "index.html"
        if not target.is_relative_to(self.root):
            raise Refused(404)
        try:
            file = await bide.open_file(target, "rb")
        except OSError:
            raise Refused(404) from None
        async with file:
            about = await file.stat()
            changed = formatdate(about.st_mtime, usegmt=True)
            if request.headers.get(b"if-modified-since") == changed.encode():
                return await stream.write(head(
                    304, "text/plain", 0, request.keep_alive,
                    f"Last-Modified: {changed}"))
            first, last = byte_range(request.headers.get(b"range"),
                                     about.st_size)
            count = last - first + 1
            more = [f"Last-Modified: {changed}", "Accept-Ranges: bytes"]
            if b"range" in request.headers:
                more.append(f"Content-Range: bytes {first}-{last}"
                            f"/{about.st_size}")
            kind = mimetypes.guess_type(target.name)[0]
            await stream.write(head(
                206 if b"range" in request.headers else 200,
                kind or "application/octet-stream", count, request.keep_alive,
                *more))
            if request.method == "GET" and count:
                sent = await stream.sendfile(file, first, count)
                if sent < count:  # the head has promised more
                    raise OSError("the file became shorter meanwhile")


def byte_range(header, size):
    """First and last byte that a Range header asks for: one range at most."""
    if header is None:
        return 0, size - 1
    unit, _, wanted = header.decode("latin-1").partition("=")
    start, dash, end = wanted.partition("-")
    try:
        if unit != "bytes" or not dash:
            raise ValueError
        if not start:  # the last so many bytes
            return max(size - int(end), 0), size - 1
        first, last = int(start), min(int(end or size), size - 1)
    except ValueError:
        raise Refused(400, "a Range is bytes=FIRST-LAST") from None
    if first > last:
        raise Refused(416)
    return first, last


async def main(options):
    server = Server(options.root)
    async with await bide.listen_tcp(options.host, options.port) as listener:
        print(f"serving {server.root} on http://{options.host}:{listener.port}",
              flush=True)
        await listener.serve(server.handle, drain=DRAIN,
                             signals=(signal.SIGINT, signal.SIGTERM))
    print(f"served {server.requests} requests")


if __name__ == "__main__":
    options = argparse.ArgumentParser(description="files and JSON over HTTP")
    options.add_argument("root", nargs="?", type=Path, default=Path("."))
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--port", type=int, default=8080)
    bide.run(main(options.parse_args()))
