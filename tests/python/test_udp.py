import errno
import os
import socket

import pytest

import bide
from descriptors import descriptors
from sweep import cancel_at_every_park, settle


def with_pair(test):
    """Runs `test(a, b)` with two sockets, of which b is connected to a."""
    async def main():
        async with await bide.bind_udp("127.0.0.1", 0) as a:
            async with await bide.connect_udp("127.0.0.1", a.port) as b:
                with bide.timeout(60):
                    await test(a, b)

    bide.run(main())


def spawned(method, *args):
    async def call():
        return await method(*args)

    return bide.spawn(call())


def test_udp_echo():
    async def test(a, b):
        async def serve():
            async for data, address in a:
                await a.send_to(data, address)

        serving = bide.spawn(serve())
        for data in (b"hello", bytearray(b"again"), memoryview(b"view")):
            await b.send(data)
            assert await b.recv() == bytes(data)
        a.close()
        await serving

    with_pair(test)


def test_udp_connects_by_name():
    async def main():
        async with await bide.bind_udp(None, 0) as a:
            async with await bide.connect_udp("localhost", a.port) as b:
                await b.send(b"hello")
                data, address = await a.recv_from()
                assert data == b"hello" and address == b.address
        for open_ in (bide.bind_udp, bide.connect_udp):
            with pytest.raises(socket.gaierror):
                await open_("no-such-host.invalid", 1)

    bide.run(main())


def test_udp_addresses_are_told():
    async def test(a, b):
        assert a.address == b.peer_address == ("127.0.0.1", a.port)
        assert os.fstat(a.fileno())
        assert repr(a) == f"<UdpSocket on 127.0.0.1:{a.port}>"
        assert repr(b) == f"<UdpSocket 127.0.0.1:{b.port} to 127.0.0.1:{a.port}>"
        with pytest.raises(OSError) as caught:
            a.peer_address  # noqa: B018
        assert caught.value.errno == errno.ENOTCONN
        a.close()
        assert a.closed and repr(a) == "<UdpSocket closed>"
        for get in (lambda: a.address, lambda: a.port, a.fileno,
                    lambda: a.get("ttl"), lambda: a.set(ttl=1)):
            with pytest.raises(bide.StreamClosedError):
                get()
        async with await bide.connect_udp("127.0.0.1", 9, local=(None, 0)):
            pass
        async with await bide.connect_udp(
                "127.0.0.1", 9, local=("127.0.0.2", 0)) as c:
            assert c.address[0] == "127.0.0.2"

    with_pair(test)


def test_udp_recv_gives_one_datagram():
    async def test(a, b):
        for data in (b"one", b"", b"three"):
            await b.send(data)
        assert await a.recv() == b"one"
        assert await a.recv() == b""
        assert await a.recv_from() == (b"three", b.address)

    with_pair(test)


def test_udp_large_datagrams_arrive_whole():
    async def test(a, b):
        big = [os.urandom(65507 - i) for i in range(3)]
        await b.send_many(big)
        assert [data for data in [await a.recv() for _ in big]] == big
        with pytest.raises(OSError) as caught:
            await b.send(bytes(65508))
        assert caught.value.errno == errno.EMSGSIZE
        with pytest.raises(OSError) as caught:
            await a.send(b"to whom")
        assert caught.value.errno == errno.EDESTADDRREQ

    with_pair(test)


def test_udp_longer_than_asked_for_is_an_error():
    async def test(a, b):
        await b.send(b"long")
        for receive in (a.recv, a.recv, a.recv_from):
            with pytest.raises(OSError) as caught:
                await receive(3)
            assert caught.value.errno == errno.EMSGSIZE
        with pytest.raises(OSError):
            a.try_recv(max=3)
        assert await a.recv(4) == b"long"
        for receive in (a.recv, a.recv_from, a.try_recv, a.try_recv_from):
            with pytest.raises(ValueError, match="max must be at least 1"):
                receive(0)
        with pytest.raises(ValueError, match="limit must be at least 1"):
            a.recv_many(0)

    with_pair(test)


def test_udp_many_go_in_order():
    async def test(a, b):
        messages = [bytes([i]) for i in range(150)]
        await b.send_many(m if i % 2 else (m, a.address)
                          for i, m in enumerate(messages))
        got = []
        while len(got) < 150:
            some = await a.recv_many(40)
            assert 1 <= len(some) <= 40
            got += some
        assert got == [(m, b.address) for m in messages]
        assert got[0][1] is got[-1][1]
        await b.send_many([])
        with pytest.raises(OSError, match="after 1 of 3 datagrams had gone"):
            await b.send_many([b"x", bytes(70000), b"y"])
        assert await a.recv() == b"x"
        for bad in (b"alone", "text", 5, ["text"], [(b"x", ("name", 1))],
                    [(b"x", ("127.0.0.1", 0))]):
            with pytest.raises((TypeError, ValueError)):
                b.send_many(bad)

    with_pair(test)


def test_udp_receivers_are_served_in_order():
    async def test(a, b):
        first, second = spawned(a.recv), spawned(a.recv_from)
        await settle()
        for data in (b"1", b"2", b"3"):
            b.try_send(data)
        assert await first == b"1"
        assert (await second)[0] == b"2"
        assert await a.recv() == b"3"

    with_pair(test)


def test_udp_try_recv_does_not_wait():
    async def test(a, b):
        for receive in (a.try_recv, a.try_recv_from):
            with pytest.raises(bide.WouldBlockError, match="would have to"):
                receive()
        b.try_send_to(b"1", a.address)
        b.try_send(bytearray(b"2"))
        assert a.try_recv_from() == (b"1", b.address)
        assert a.try_recv() == b"2"
        with pytest.raises(OSError):
            a.try_send(b"to whom")

    with_pair(test)


def test_udp_bad_arguments_are_told():
    async def test(a, b):
        for method in (a.send_to, a.try_send_to):
            for bad in (5, ("127.0.0.1",), ["127.0.0.1", 1]):
                with pytest.raises(TypeError, match="tuple of host and port"):
                    method(b"x", bad)
        for bad, match in ((("localhost", 1), "resolve"),
                           (("127.0.0.1", 70000), "at most 65535"),
                           (("127.0.0.1", 0), "at least 1")):
            with pytest.raises(ValueError, match=match):
                a.try_send_to(b"x", bad)
            with pytest.raises(ValueError, match=match):
                await a.send_to(b"x", bad)
        with pytest.raises(TypeError, match="encode it first"):
            a.send_to("text", b.address)
        for call in (lambda: bide.bind_udp("h", -1), lambda: bide.bind_udp("", 70000),
                     lambda: bide.connect_udp("", 1),
                     lambda: bide.connect_udp("h", 0),
                     lambda: bide.bind_udp("h", 1, ttl=0),
                     lambda: bide.bind_udp("h", 1, ttl=256),
                     lambda: bide.connect_udp("h", 1, local=("h", 1))):
            with pytest.raises(ValueError):
                call()
        for call in (lambda: bide.bind_udp(5, 1), lambda: bide.bind_udp("h"),
                     lambda: bide.bind_udp("h", 1, tty=1),
                     lambda: bide.bind_udp("h", 1, multicast_interface=1),
                     lambda: bide.connect_udp("h", 1, local=5)):
            with pytest.raises(TypeError):
                call()

    with_pair(test)


def test_udp_refused_is_told_on_a_connected_socket():
    async def test(a, b):
        a.close()
        await b.send(b"anybody?")
        with pytest.raises(ConnectionRefusedError):
            await b.recv()
        await b.send(b"anybody?")
        with pytest.raises(ConnectionRefusedError):
            await b.send(b"hello?")

    with_pair(test)


def test_udp_close_wakes_the_waits():
    async def test(a, b):
        waiting = [spawned(a.recv), spawned(a.recv_many)]
        await settle()
        a.close()
        a.close()
        for task in waiting:
            with pytest.raises(bide.StreamClosedError):
                await task
        for operation in (a.recv(), a.recv_from(), a.recv_many(), a.send(b""),
                          a.send_to(b"", b.address), a.send_many([])):
            with pytest.raises(bide.StreamClosedError):
                await operation
        for call in (a.try_recv, a.try_recv_from):
            with pytest.raises(bide.StreamClosedError):
                call()
        assert [x async for x in a] == []

    with_pair(test)


def test_udp_port_in_use_is_an_error():
    async def test(a, b):
        with pytest.raises(OSError) as caught:
            await bide.bind_udp("127.0.0.1", a.port)
        assert caught.value.errno == errno.EADDRINUSE
        async with await bide.bind_udp("127.0.0.1", 0, reuse_port=True) as c:
            async with await bide.bind_udp(*c.address, reuse_port=True):
                pass

    with_pair(test)


def test_udp_options_can_be_set():
    async def test(a, b):
        a.set(ttl=7, broadcast=True, multicast_ttl=3, multicast_loop=False)
        assert [a.get(x) for x in ("ttl", "broadcast", "multicast_ttl",
                                   "multicast_loop")] == [7, 1, 3, 0]
        a.set(recv_buffer=20000, send_buffer=None)
        assert a.get("recv_buffer") >= 20000 and a.get("send_buffer") > 0
        async with await bide.bind_udp("127.0.0.1", 0, ttl=9) as c:
            assert c.get("ttl") == 9
        for bad in ({"ttl": 0}, {"ttl": 256}, {"broadcast": 2},
                    {"recv_buffer": 0}):
            with pytest.raises(ValueError, match=next(iter(bad))):
                a.set(**bad)
        with pytest.raises(TypeError, match="unexpected keyword"):
            a.set(hops=1)
        with pytest.raises(ValueError, match="no option 'hops'"):
            a.get("hops")
        for group in ("127.0.0.1", "x", "::1"):
            with pytest.raises(ValueError, match="multicast address"):
                a.join(group)
        with pytest.raises(OSError):
            a.join("239.255.7.7", "nosuch0")
        with pytest.raises(OSError):
            await bide.bind_udp("127.0.0.1", 0, multicast_interface="nosuch0")

    with_pair(test)


def test_udp_multicast_reaches_the_group():
    async def test(a, b):
        async with await bide.bind_udp("0.0.0.0", 0) as c:
            c.join("239.255.7.7", "127.0.0.1")
            a.set(multicast_interface="127.0.0.1", multicast_loop=True)
            await a.send_to(b"all", ("239.255.7.7", c.port))
            assert await c.recv_from() == (b"all", a.address)
            c.leave("239.255.7.7", "127.0.0.1")
            with pytest.raises(OSError):
                c.leave("239.255.7.7", "127.0.0.1")

    with_pair(test)


def test_udp_broadcast_needs_its_option():
    async def test(a, b):
        async with await bide.bind_udp("0.0.0.0", 0) as c:
            everybody = ("127.255.255.255", c.port)
            with pytest.raises(PermissionError):
                await a.send_to(b"all", everybody)
            a.set(broadcast=True)
            await a.send_to(b"all", everybody)
            assert await c.recv() == b"all"

    with_pair(test)


def test_udp_dual_stack_serves_both_families():
    async def main():
        async with await bide.bind_udp(None, 0) as a:
            hosts = ["127.0.0.1"]
            if a.address[0] == "::":
                hosts.append("::1")
            for host in hosts:
                async with await bide.connect_udp(host, a.port) as b:
                    await b.send(b"you?")
                    data, address = await a.recv_from()
                    assert (data, address) == (b"you?", b.address)
                    await a.send_to(b"me!", address)
                    assert await b.recv() == b"me!"
                    await a.send_to(b"still me", b.address)
                    assert await b.recv() == b"still me"

    bide.run(main())


def test_udp_cancelled_recv_loses_nothing():
    async def test(a, b):
        for receive in (a.recv, a.recv_from, a.recv_many):
            waiting = spawned(receive)
            await settle()
            waiting.cancel()
            with pytest.raises(bide.Cancelled):
                await waiting
        b.try_send(b"here")
        assert await a.recv() == b"here"

    with_pair(test)


def test_udp_cancel_at_every_park():
    class Talk:
        def __init__(self):
            self.got = []
            self.sockets = None

        async def open(self):
            if self.sockets is None:
                self.sockets = (await bide.bind_udp("127.0.0.1", 0),
                                await bide.bind_udp("127.0.0.1", 0))
            return self.sockets

        async def take(self):
            a, _ = await self.open()
            while len(self.got) < 30:
                try:
                    many = await a.recv_many(3)
                except bide.ClosedError:
                    return
                self.got += [data for data, _ in many]
            a.close()

        async def send(self):
            a, b = await self.open()
            to = a.address
            for i in range(30):
                await b.send_to(b"%d" % i, to)
            b.close()

        def tasks(self):
            return [("send", self.send()), ("victim", self.take()),
                    ("take", self.take())]

        def check(self, outcome):
            assert sorted(self.got, key=int) == [b"%d" % i for i in range(30)]

    cancel_at_every_park(Talk)


def test_udp_never_leaks():
    async def talk():
        async with await bide.bind_udp("127.0.0.1", 0) as a:
            b = await bide.connect_udp("127.0.0.1", a.port)
            await b.send(b"x")
            data, address = await a.recv_from()
            await a.send_to(data, address)
            await a.send_many([(b"a", address), (b"b", address)])
            with bide.move_on_after(0):
                await a.recv()
            del b

    bide.run(talk())
    before = descriptors()
    for _ in range(20):
        bide.run(talk())
    assert descriptors() == before
