"""Writing several buffers at once, reading and writing without waiting, and
the marks between which a stream buffers."""

import array
import os

import pytest

import bide
from sweep import settle
from test_tcp import pair, read_all, with_pair

BIG = os.urandom(4 << 20)


def test_tcp_read_exact_of_much():
    async def test(a, b):
        data = BIG[:200_000]
        for at in range(0, len(data), 25_000):
            with bide.move_on_after(0.001):
                await b.read_exact(len(data))
            await a.write(data[at:at + 25_000])
        assert await b.read_exact(len(data)) == data
        assert b.buffered == 0

    with_pair(test)


def test_tcp_much_on_many_streams_all_arrives():
    data = BIG[:200_000]

    async def drain(stream):
        got = b""
        async with stream:
            while part := await stream.read():
                got += part
        return got

    async def fill(stream):
        async with stream:
            await stream.write(data)

    async def main():
        pairs = [bide.socketpair() for _ in range(8)]
        got = await bide.gather(*(drain(b) for _, b in pairs),
                                *(fill(a) for a, _ in pairs))
        assert list(got[:8]) == [data] * 8

    bide.run(main())


def test_tcp_messages_of_all_lengths_arrive_whole():
    lengths = [10, 20_000, 70_000, 300_000, 5, 140_000, 1]
    data = bytes(range(251)) * 1200

    async def send(stream, taken):
        async with stream:
            for i, n in enumerate(lengths):
                await stream.write(data[i:i + n])
                await taken.acquire()

    async def main():
        a, b = bide.socketpair()
        taken = bide.Semaphore(0)
        sender = bide.spawn(send(a, taken))
        async with b:
            for i, n in enumerate(lengths):
                got = b""
                while len(got) < n:
                    got += await b.read(1 << 20)
                assert got == data[i:i + n]
                taken.release()
            assert await b.read() == b""
        await sender

    bide.run(main())


def test_tcp_write_many_sends_all_in_order():
    async def test(a, b):
        parts = [bytes([i]) * (i % 7) for i in range(200)]
        await a.write_many(parts)
        whole = b"".join(parts)
        assert await b.read_exact(len(whole)) == whole
        await a.write_many([b"x", bytearray(b"y"), memoryview(b"zz")[1:],
                            array.array("B", [33])])
        assert await b.read_exact(4) == b"xyz!"
        await a.write_many(b for b in (b"1", b"2"))
        await a.write_many([])
        assert await b.read() == b"12"
        with pytest.raises(TypeError, match=r"buffers\[1\] must be bytes"):
            a.write_many([b"a", "b"])
        for alone in (b"a", "a"):
            with pytest.raises(TypeError, match="must be a sequence"):
                a.write_many(alone)
        with pytest.raises(TypeError):
            a.write_many(5)

    with_pair(test)


def test_tcp_write_many_waits_for_a_slow_reader():
    async def test(a, b):
        third = len(BIG) // 3
        parts = [bytearray(BIG[:third]), BIG[third:2 * third], BIG[2 * third:]]

        async def write():
            await a.write_many(parts)
            await a.shutdown()

        async with bide.TaskGroup() as tg:
            writing = tg.spawn(write())
            await settle()
            assert not writing.done()
            with pytest.raises(BufferError):
                parts[0].append(1)
            assert await read_all(b) == BIG
        parts[0].append(1)

    with_pair(test)


def test_tcp_try_read_does_not_wait():
    async def test(a, b):
        with pytest.raises(bide.WouldBlockError, match="nothing is there"):
            b.try_read()
        await a.write(b"abcdef")
        assert b.try_read(4) == b"abcd"
        assert b.try_read() == b"ef"
        with pytest.raises(ValueError, match="max must be at least 1"):
            b.try_read(0)
        a.close()
        assert b.try_read() == b""
        assert await b.read() == b""
        b.close()
        with pytest.raises(bide.StreamClosedError):
            b.try_read()

    with_pair(test)


def test_tcp_try_read_beside_a_reader_is_an_error():
    async def test(a, b):
        async def read():
            return await b.read()

        reading = bide.spawn(read())
        await settle()
        with pytest.raises(bide.BusyError):
            b.try_read()
        await a.write(b"it")
        assert await reading == b"it"

    with_pair(test)


def test_tcp_try_write_takes_what_fits():
    async def test(a, b):
        assert a.try_write(b"") == 0
        sent = a.try_write(memoryview(BIG))
        assert 0 < sent < len(BIG)
        with pytest.raises(bide.WouldBlockError, match="takes no more"):
            while True:
                sent += a.try_write(BIG[sent:])
        assert a.unsent == 0
        assert await b.read_exact(sent) == BIG[:sent]
        with pytest.raises(TypeError, match="encode it first"):
            a.try_write("text")
        a.close()
        with pytest.raises(bide.StreamClosedError):
            a.try_write(b"x")

    with_pair(test)


def test_tcp_write_nowait_is_sent_in_the_background():
    async def test(a, b):
        async def write():
            a.write_nowait(BIG[:-20000])
            assert a.unsent > 0
            for at in range(len(BIG) - 20000, len(BIG) - 10000, 100):
                a.write_nowait(BIG[at:at + 100])
            assert a.unsent >= 10000
            await a.write(BIG[-10000:])
            assert a.unsent == 0
            await a.shutdown()
            with pytest.raises(BrokenPipeError):
                a.write_nowait(b"x")
            await a.drain()

        async with bide.TaskGroup() as tg:
            tg.spawn(write())
            assert await read_all(b) == BIG

    with_pair(test)


async def fill(stream):
    stream.set_limits(write_high=1 << 20, write_low=1 << 19)
    while stream.unsent <= 1 << 20:
        stream.write_nowait(BIG[:100000])


def test_tcp_drain_waits_for_the_low_mark():
    async def test(a, b):
        await a.drain()
        await fill(a)

        async def drain():
            await a.drain()
            return a.unsent

        draining = bide.spawn(drain())
        await settle()
        assert not draining.done()
        while not draining.done():
            await b.read()
        assert await draining <= 1 << 19

    with_pair(test)


def test_tcp_cancelled_drain_changes_nothing():
    async def test(a, b):
        await fill(a)
        before = a.unsent
        with bide.move_on_after(0.01) as scope:
            await a.drain()
        assert scope.cancelled_caught
        assert a.unsent == before
        while a.unsent:
            await b.read()

    with_pair(test)


def test_tcp_drain_ends_with_the_stream():
    async def test(a, b):
        await fill(a)

        async def drain():
            await a.drain()

        draining = bide.spawn(drain())
        await settle()
        a.close()
        with pytest.raises(bide.StreamClosedError):
            await draining
        a, b = await pair()
        await fill(a)
        draining = bide.spawn(drain())
        await settle()
        b.close()  # with bytes it has not read: a reset
        with pytest.raises(ConnectionError):
            await draining
        a.close()

    with_pair(test)


def test_tcp_reading_stops_at_the_high_mark():
    async def test(a, b):
        assert b.limits["read_high"] == 262144
        b.set_limits(read_high=1000, read_low=100)
        assert b.limits["read_low"] == 100
        await a.write(BIG[:1000])
        assert await b.peek(1) == BIG[:1]
        assert b.buffered == 1000
        await a.write(BIG[1000:1500])
        await settle(100)
        assert b.buffered == 1000
        assert await b.read_exact(900) == BIG[:900]
        while b.buffered < 600:
            await bide.yield_now()
        assert await b.read_exact(600) == BIG[900:1500]
        for bad in ({"read_high": 0}, {"read_low": -1}, {"read_low": 2000},
                    {"write_low": 1 << 30}):
            with pytest.raises(ValueError, match=next(iter(bad))):
                b.set_limits(**bad)
        with pytest.raises(TypeError, match="must be an int"):
            b.set_limits(read_high="1")

    with_pair(test)


def test_tcp_peek_takes_nothing():
    async def test(a, b):
        await a.write(b"GET / HTTP")
        assert await b.peek(3) == b"GET"
        assert await b.peek(5) == b"GET /"
        assert await b.read_exact(3) == b"GET"
        with bide.move_on_after(0.01) as scope:
            await b.peek(100)
        assert scope.cancelled_caught
        await a.shutdown()
        assert await b.peek(100) == b" / HTTP"
        assert await read_all(b) == b" / HTTP"
        assert await b.peek(1) == b""
        with pytest.raises(ValueError, match="n must be at least 1, not 0"):
            b.peek(0)

    with_pair(test)


def test_tcp_lines_end_with_the_stream():
    async def test(a, b):
        await a.write(b"one\ntwo\r\n\nlast")
        await a.shutdown()
        assert [line async for line in b.lines()] == [
            b"one\n", b"two\r\n", b"\n", b"last"]

    with_pair(test)


def test_tcp_line_over_its_limit_is_an_error():
    async def test(a, b):
        await a.write(b"short\n" + b"x" * 20 + b"\n")
        got = []
        with pytest.raises(bide.LimitOverrunError):
            async for line in b.lines(limit=10):
                got.append(line)
        assert got == [b"short\n"]
        assert await b.read_line() == b"x" * 20 + b"\n"
        with pytest.raises(ValueError, match="limit must be at least 1"):
            b.lines(0)

    with_pair(test)
