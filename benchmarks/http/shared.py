"""The example's HTTP server without its I/O, for other libraries to do it: the
parsing, the routes and the answers are the same code."""

import importlib.util
from pathlib import Path

import httptools

EXAMPLE = "examples/network/python/http_server.py"
_path = Path(__file__).resolve().parents[2] / EXAMPLE
_spec = importlib.util.spec_from_file_location("http_server", _path)
example = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(example)


class Server(example.Server):
    """`conversation` is one connection: `read()` gives what has come within
    the time that a connection may be silent, or nothing."""

    async def conversation(self, stream):
        self.connections += 1
        parser = example.Parser()
        while data := await stream.read():
            try:
                requests = parser.feed(data)
            except httptools.HttpParserError:
                return await self.refuse(stream, example.Refused(400))
            for request in requests:
                await self.answer(stream, request)
                if not request.keep_alive:
                    return
