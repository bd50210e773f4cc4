"""What one callback writes to a transport goes out in one piece, and nobody who
looks can tell that it waited."""

import asyncio
import socket

import pytest

import aio_net
import bide
from aio_net import Recorder, connected, drain, every_loop

BIG = b"x" * (4 << 20)  # more than the system takes at once


def run(main, loop_name="bide"):
    """In debug mode, which -X dev turns on, everything is sent at once."""
    aio_net.run(main, loop_name, debug=False)


def arrived(peer):
    """What has come by now; b"" if nothing has."""
    try:
        return peer.recv(1 << 20)
    except BlockingIOError:
        return b""


def looks(transport):
    """How a program may find out whether something still waits."""
    return {
        "size": transport.get_write_buffer_size,
        "limits": transport.set_write_buffer_limits,
        "eof": transport.write_eof,
        "close": transport.close,
        "abort": transport.abort,
    }


def test_cork_sends_behind_the_callback():
    async def main():
        async with connected() as (protocol, peer):
            protocol.transport.write(b"head, ")
            protocol.transport.writelines([b"", b"body", b", "])
            protocol.transport.write(b"end")
            assert arrived(peer) == b""
            await asyncio.sleep(0)
            assert arrived(peer) == b"head, body, end"

    run(main)


def test_cork_holds_no_other_callback_up():
    """Each sends what it wrote before the next one runs."""
    async def main():
        async with connected() as (protocol, peer):
            loop, seen = asyncio.get_running_loop(), []
            loop.call_soon(protocol.transport.write, b"one")
            loop.call_soon(lambda: seen.append(arrived(peer)))
            await asyncio.sleep(0)
            assert seen == [b"one"]

    run(main)


def test_cork_is_for_callbacks_only():
    """A native task waits for no end of a step."""
    async def main():
        async with connected() as (protocol, peer):
            protocol.transport.write(b"native")
            assert arrived(peer) == b"native"

    bide.run(main())


@every_loop
@pytest.mark.parametrize("name", ["size", "limits", "eof", "close", "abort"])
def test_cork_is_over_when_somebody_looks(loop_name, name):
    async def main():
        async with connected() as (protocol, peer):
            protocol.transport.write(b"head, ")
            protocol.transport.write(b"body")
            result = looks(protocol.transport)[name]()
            assert arrived(peer) == b"head, body"
            assert name != "size" or result == 0

    run(main, loop_name)


@every_loop
def test_cork_keeps_the_order_of_all_kinds(loop_name):
    async def main():
        async with connected() as (protocol, peer):
            memory = bytearray(b"memory ")
            protocol.transport.write(b"bytes ")
            protocol.transport.write(memory)
            memory[:] = b"changed"
            protocol.transport.write(memoryview(b"and a view "))
            protocol.transport.write(b"")
            protocol.transport.writelines([b"in a list", bytearray(b". ")])
            protocol.transport.write(BIG)
            protocol.transport.write(b" end")
            text = b"bytes memory and a view in a list. "
            whole = text + BIG + b" end"
            assert await drain(peer, len(whole)) == whole

    run(main, loop_name)


@every_loop
def test_cork_takes_any_number_of_pieces(loop_name):
    async def main():
        async with connected() as (protocol, peer):
            pieces = [b"%d " % i for i in range(500)]
            for piece in pieces:
                protocol.transport.write(piece)
            protocol.transport.writelines(pieces)
            whole = b"".join(pieces) * 2
            assert await drain(peer, len(whole)) == whole

    run(main, loop_name)


@every_loop
def test_cork_minds_the_high_water_mark(loop_name):
    """More than that goes at once, and what is left pauses the protocol."""
    async def main():
        async with connected() as (protocol, peer):
            transport = protocol.transport
            transport.set_write_buffer_limits(high=0)
            transport.write(b"at once")
            assert arrived(peer) == b"at once"
            transport.set_write_buffer_limits(high=1000)
            transport.write(b"first")
            transport.write(BIG)
            assert protocol.events == ["made", "pause"]
            assert transport.get_write_buffer_size() > 1000
            await drain(peer, len(BIG) + 5)
            await protocol.until_event("resume")

    run(main, loop_name)


class Resumer(Recorder):
    """Writes when it is told that there is room."""

    def resume_writing(self):
        super().resume_writing()
        self.transport.write(b"more, ")
        self.transport.write(b"end")


@every_loop
def test_cork_of_a_resumed_writer_asks_for_no_room(loop_name):
    async def main():
        async with connected(Resumer) as (protocol, peer):
            protocol.transport.write(BIG)
            assert await drain(peer, len(BIG)) == BIG
            assert await drain(peer, 9) == b"more, end"
            assert "write=<idle" in repr(protocol.transport)

    run(main, loop_name)


@every_loop
def test_cork_of_a_resumed_writer_goes_out_before_the_end(loop_name):
    async def main():
        async with connected(Resumer) as (protocol, peer):
            protocol.transport.write(BIG)
            protocol.transport.close()
            assert await drain(peer, len(BIG) + 9) == BIG + b"more, end"
            await protocol.until_event("lost")
            assert protocol.lost is None

    run(main, loop_name)


@every_loop
@pytest.mark.parametrize("error", [ValueError, SystemExit])
def test_cork_outlives_an_error_of_the_callback(loop_name, error):
    async def main():
        async with connected() as (protocol, peer):
            def fail():
                protocol.transport.write(b"what was written")
                raise error("it ends so")

            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda *_: None)
            loop.call_soon(fail)
            try:
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            finally:
                assert arrived(peer) == b"what was written"

    if error is SystemExit:
        with pytest.raises(SystemExit, match="it ends so"):
            run(main, loop_name)
    else:
        run(main, loop_name)


@every_loop
def test_cork_to_a_peer_that_is_gone(loop_name):
    async def main():
        async with connected() as (protocol, peer):
            protocol.transport.pause_reading()
            peer.close()
            protocol.transport.write(b"in")
            protocol.transport.write(b" vain")
            await protocol.until_event("lost")
            assert isinstance(protocol.lost, BrokenPipeError)
            protocol.transport.write(b"silent")

    run(main, loop_name)


@every_loop
def test_cork_does_not_outlive_its_transport(loop_name):
    """The last reference may go while something waits."""
    async def main():
        ours, peer = socket.socketpair()
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_connection(Recorder, sock=ours)
        transport.write(b"the last words")
        transport.close()
        del transport, protocol.transport
        await protocol.until_event("lost")
        assert peer.recv(100) == b"the last words"
        peer.close()

    run(main, loop_name)
