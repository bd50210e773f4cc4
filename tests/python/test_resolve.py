import ipaddress
import socket

import pytest

import bide
from sweep import settle


def run(coro):
    return bide.run(coro)


def test_resolve_finds_a_name():
    async def main():
        found = await bide.resolve("localhost", 80)
        assert found
        for host, port in found:
            assert ipaddress.ip_address(host).is_loopback and port == 80
        assert (await bide.resolve("localhost"))[0][1] == 0

    run(main())


def test_resolve_of_an_address_does_not_wait():
    async def main():
        ran = []

        async def other():
            ran.append(1)

        bide.spawn(other())
        assert await bide.resolve("127.0.0.1", 80) == [("127.0.0.1", 80)]
        assert await bide.resolve("::1", port=7) == [("::1", 7)]
        assert not ran

    run(main())


def test_resolve_of_an_unknown_name_is_an_error():
    async def main():
        with pytest.raises(socket.gaierror, match="no-such-host.invalid"):
            await bide.resolve("no-such-host.invalid")
        for bad in "", "a\0b":
            with pytest.raises(ValueError, match="host"):
                bide.resolve(bad)
        with pytest.raises(TypeError, match="host"):
            bide.resolve(None)
        for port in -1, 65536:
            with pytest.raises(ValueError, match="port"):
                bide.resolve("localhost", port)

    run(main())


async def _await(operation):
    return await operation


def test_resolve_cancelled_leaves_nothing():
    async def main():
        tasks = [bide.spawn(_await(bide.resolve("localhost"))),
                 bide.spawn(_await(bide.reverse("127.0.0.1")))]
        await bide.yield_now()
        for task in tasks:
            task.cancel()
        for task in tasks:
            with pytest.raises(bide.Cancelled):
                await task
        await settle()

    run(main())


def test_resolved_and_dropped_is_freed():
    async def main():
        await bide.race(bide.resolve("localhost"), bide.reverse("127.0.0.1"))
        await bide.race(bide.resolve("::1"), bide.reverse("127.0.0.1"))

    run(main())


def test_reverse_finds_a_name():
    async def main():
        name = await bide.reverse("127.0.0.1")
        assert isinstance(name, str) and name

    run(main())


def test_reverse_of_no_address_is_an_error():
    async def main():
        with pytest.raises(ValueError, match="numeric"):
            await bide.reverse("localhost")
        with pytest.raises(ValueError, match="address"):
            bide.reverse("")
        with pytest.raises(TypeError, match="address"):
            bide.reverse(1)

    run(main())
