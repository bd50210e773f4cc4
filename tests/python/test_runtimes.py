"""Objects of one runtime used in another that runs at the same time."""

import pytest

import bide


def others():
    """(name, use in the first runtime, uses refused in the second)."""
    m, s, rw = bide.Mutex(), bide.Semaphore(2), bide.RwLock()
    e, c, b = bide.Event(), bide.Condition(), bide.Barrier(2)
    ch = bide.Channel(1)
    return [
        ("mutex", lambda: m.lock(),
         [lambda: m.lock(), m.try_lock, m.unlock, m.reset]),
        ("semaphore", lambda: s.acquire(),
         [lambda: s.acquire(), s.try_acquire, s.release]),
        ("rwlock", lambda: rw.read_lock(),
         [lambda: rw.read_lock(), lambda: rw.write_lock(), rw.try_read_lock,
          rw.read_unlock, rw.write_unlock, rw.reset]),
        ("event", lambda: bide.race(e.wait(), bide.sleep(0)),
         [lambda: e.wait(), e.set, e.clear]),
        ("condition", lambda: c.mutex.lock(), [lambda: c.mutex.lock()]),
        ("barrier", lambda: bide.race(b.wait(), bide.sleep(0)),
         [lambda: b.wait(), b.abort, b.reset]),
        ("channel", lambda: ch.send(1), [lambda: ch.send(2), ch.recv]),
    ]


@pytest.mark.parametrize("at", range(7))
def test_object_of_a_runtime_at_work_is_refused(at):
    name, use, refused = others()[at]

    async def stranger():
        for call in refused:
            with pytest.raises(bide.WrongRuntimeError, match="(?i)" + name
                               if name != "condition" else "Mutex"):
                waiting = call()
                if waiting is not None:
                    await waiting
        return len(refused)

    async def main():
        await use()
        return await bide.spawn_blocking(lambda: bide.run(stranger()))

    assert bide.run(main()) == len(refused)


def test_streams_of_a_runtime_at_work_are_refused():
    async def stranger(listener, stream):
        for call in (listener.accept, stream.read, lambda: stream.write(b"x"),
                     lambda: stream.read_exact(1), stream.shutdown,
                     stream.close, listener.close, stream.aclose,
                     lambda: stream.set_nodelay(True)):
            with pytest.raises(bide.WrongRuntimeError, match="runtime"):
                waiting = call()
                if waiting is not None:
                    await waiting

    async def main():
        async with await bide.listen_tcp("127.0.0.1", 0) as listener:
            async with await bide.connect_tcp(*listener.address) as stream:
                await bide.spawn_blocking(
                    lambda: bide.run(stranger(listener, stream)))
                assert not stream.closed and not listener.closed

    bide.run(main())


def test_channel_is_for_threads_of_any_runtime():
    """What is for any thread works from inside another runtime as well."""
    async def stranger(ch):
        assert ch.try_send("b") is True
        assert ch.try_recv() == "a"
        ch.close()

    async def main():
        ch = bide.Channel(2)
        await ch.send("a")
        await bide.spawn_blocking(lambda: bide.run(stranger(ch)))
        assert [v async for v in ch] == ["b"]

    bide.run(main())
