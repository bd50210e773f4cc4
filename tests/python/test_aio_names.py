"""Names of hosts in the loop for asyncio."""

import asyncio
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import bide
from bide.aio import _names

STREAM = socket.SOCK_STREAM
NUMERIC = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV


@pytest.fixture
def loop():
    loop = bide.new_event_loop()
    yield loop
    loop.close()


def run(loop, coro):
    return loop.run_until_complete(asyncio.wait_for(coro, 60))


@pytest.mark.parametrize("debug", [False, True])
def test_names_do_not_wait_for_the_default_executor(loop, debug):
    async def main():
        loop.set_default_executor(ThreadPoolExecutor(1))
        go_on = threading.Event()
        busy = loop.run_in_executor(None, go_on.wait, 60)
        try:
            found = await loop.getaddrinfo("localhost", 80, type=STREAM)
            assert found == socket.getaddrinfo("localhost", 80, type=STREAM)
            assert await loop.getnameinfo(("127.0.0.1", 80),
                                          socket.NI_NUMERICHOST) \
                == socket.getnameinfo(("127.0.0.1", 80), socket.NI_NUMERICHOST)
            with pytest.raises(socket.gaierror):
                await loop.getaddrinfo("localhost", "no-such-service")
            with pytest.raises(socket.gaierror):
                await loop.getaddrinfo("127.0.0.1", "no-such-service")
        finally:
            go_on.set()
        assert await busy

    loop.set_debug(debug)
    run(loop, main())


def test_literal_addresses_need_no_thread(loop, monkeypatch):
    def refuse(*args):
        raise AssertionError("a thread")

    async def main():
        loop.set_debug(False)  # there a slow look-up is to be seen as one
        for host, port in (("127.0.0.1", 80), ("::1", "80"), (b"127.0.0.1", 0)):
            found = await loop.getaddrinfo(host, port, type=STREAM)
            assert found == socket.getaddrinfo(host, port, type=STREAM)
        with pytest.raises(socket.gaierror):
            await loop.getaddrinfo("127.0.0.1", 80, family=socket.AF_INET6)
        assert await loop.getnameinfo(("127.0.0.1", 80), NUMERIC) \
            == ("127.0.0.1", "80")
        with pytest.raises(AssertionError, match="a thread"):
            await loop.getaddrinfo("localhost", 80)
        with pytest.raises(AssertionError, match="a thread"):
            await loop.getnameinfo(("127.0.0.1", 80))

    monkeypatch.setattr(_names, "spawn_blocking", refuse)
    run(loop, main())
