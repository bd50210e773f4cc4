"""bide.serve(): several listeners at once, and their graceful end."""

import os
import signal

import pytest

import bide
from sweep import cancel_at_every_park


class House:
    """Two listeners; a connection to each, whose handler waits."""

    def __init__(self, wait):
        self.wait = wait
        self.inside = bide.Semaphore(0)
        self.ends = []

    async def handle(self, stream):
        self.inside.release()
        try:
            await self.wait(stream)
            self.ends.append("out")
        except bide.Cancelled:
            self.ends.append("cancelled")
            raise

    async def run(self, after, **options):
        listeners = [await bide.listen_tcp("127.0.0.1", 0) for _ in range(2)]
        serving = bide.spawn(bide.serve(
            *((listener, self.handle) for listener in listeners), **options))
        clients = [
            await bide.connect_tcp("127.0.0.1", listener.port)
            for listener in listeners
        ]
        await self.inside.acquire()
        await self.inside.acquire()
        await after(listeners, clients)
        await serving
        assert all(listener.closed for listener in listeners)
        for client in clients:
            client.close()
        return self.ends


SIGNALS = (signal.SIGINT, signal.SIGTERM)


async def closed(listeners):
    while not all(listener.closed for listener in listeners):
        await bide.yield_now()


async def until_told(stream):
    await stream.read()


async def for_ever(stream):
    await bide.sleep(600)


def test_serve_all_end_at_a_signal_and_drain():
    async def after(listeners, clients):
        os.kill(os.getpid(), signal.SIGTERM)
        await closed(listeners)
        for client in clients:
            await client.write(b"go")

    async def main():
        return await House(until_told).run(after, signals=SIGNALS, drain=60)

    assert bide.run(main()) == ["out", "out"]


def test_serve_all_cancel_what_outlives_the_drain():
    async def after(listeners, clients):
        os.kill(os.getpid(), signal.SIGTERM)

    async def main():
        return await House(for_ever).run(after, signals=SIGNALS, drain=0.01)

    assert bide.run(main()) == ["cancelled", "cancelled"]


def test_serve_all_second_signal_cancels_at_once():
    async def after(listeners, clients):
        os.kill(os.getpid(), signal.SIGTERM)
        await closed(listeners)
        os.kill(os.getpid(), signal.SIGINT)

    async def main():
        return await House(for_ever).run(after, signals=SIGNALS)

    assert bide.run(main()) == ["cancelled", "cancelled"]


def test_serve_all_go_on_until_the_last_is_closed():
    async def main():
        first = await bide.listen_tcp("127.0.0.1", 0)
        second = await bide.listen_tcp("127.0.0.1", 0)

        async def echo(stream):
            await stream.write(await stream.read())

        serving = bide.spawn(bide.serve((first, echo), (second, echo)))
        await bide.yield_now()
        first.close()
        async with await bide.connect_tcp("127.0.0.1", second.port) as client:
            await client.write(b"hi")
            assert await client.read() == b"hi"
        assert not serving.done()
        second.close()
        await serving

    bide.run(main())


def test_serve_all_end_with_a_token():
    async def main():
        token = bide.CancelToken()

        async def after(listeners, clients):
            token.cancel()
            for listener in listeners:
                listener.close()

        return await House(for_ever).run(after, token=token)

    assert bide.run(main()) == ["cancelled", "cancelled"]


def test_serve_all_bad_arguments_are_named():
    async def main():
        async with await bide.listen_tcp("127.0.0.1", 0) as listener:
            with pytest.raises(TypeError, match="at least one pair"):
                await bide.serve()
            for bad in (listener, (listener,), (1, print), (listener, 1)):
                with pytest.raises(TypeError, match="pair"):
                    await bide.serve((listener, print), bad)

    bide.run(main())


class Service:
    """A victim that serves two listeners, a client of each, and somebody who
    closes the listeners when the clients, or the victim, are through."""

    def __init__(self):
        self.listeners = []
        self.open, self.over, self.done = bide.Event(), bide.Event(), bide.Event()
        self.streams = []
        self.inside = 0
        self.clients = 2

    async def handle(self, stream):
        self.streams.append(stream)
        self.inside += 1
        try:
            await stream.write(await stream.read())
        finally:
            self.inside -= 1

    async def victim(self):
        try:
            await self.open.wait()
            await bide.serve(*((l, self.handle) for l in self.listeners))
        finally:
            self.over.set()

    async def client(self, number):
        await self.open.wait()
        try:
            port = self.listeners[number].port
            async with await bide.connect_tcp("127.0.0.1", port) as stream:
                await stream.write(b"x")
                await stream.read()
        except (OSError, bide.ClosedError):
            pass
        self.clients -= 1
        if self.clients == 0:
            self.done.set()

    async def keeper(self):
        for _ in range(2):
            self.listeners.append(await bide.listen_tcp("127.0.0.1", 0))
        self.open.set()
        await bide.race(self.over.wait(), self.done.wait())
        for listener in self.listeners:
            listener.close()

    def tasks(self):
        return [("keeper", self.keeper()), ("victim", self.victim()),
                ("client-0", self.client(0)), ("client-1", self.client(1))]

    def check(self, outcome):
        assert self.inside == 0
        assert all(stream.closed for stream in self.streams)
        assert outcome == "cancelled" or len(self.streams) == 2


def test_serve_all_cancel_at_every_park():
    cancel_at_every_park(Service, exact=False)
