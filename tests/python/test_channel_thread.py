import signal
import threading

import pytest

import bide


def in_thread(fn, *args):
    """Starts `fn`; gives a function that joins and returns its result."""
    box = []

    def body():
        try:
            box.append((True, fn(*args)))
        except BaseException as error:
            box.append((False, error))

    thread = threading.Thread(target=body)
    thread.start()

    def join():
        thread.join(60)
        assert not thread.is_alive()
        good, value = box[0]
        if good:
            return value
        raise value

    return join


def test_channel_fed_by_a_blocking_thread():
    ch = bide.Channel(4)
    most = 0

    def feed():
        for i in range(500):
            ch.send_blocking(i)
        ch.close()

    async def main():
        nonlocal most
        got = []
        job = bide.spawn_thread(feed)
        async for value in ch:
            most = max(most, len(ch))
            got.append(value)
        await job
        return got

    assert bide.run(main()) == list(range(500))
    assert most <= 4


def test_channel_drained_by_a_blocking_thread():
    ch = bide.Channel(4)

    async def main():
        job = bide.spawn_thread(lambda: list(ch.iter_blocking()))
        for i in range(500):
            await ch.send(i)
        ch.close()
        return await job

    assert bide.run(main()) == list(range(500))


def test_channel_close_wakes_blocked_threads():
    full, empty = bide.Channel(1), bide.Channel(1)
    full.try_send(0)
    joins = [in_thread(full.send_blocking, 1), in_thread(empty.recv_blocking),
             in_thread(lambda: list(empty.iter_blocking()))]
    full.close()
    empty.close()
    for join in joins[:2]:
        with pytest.raises(bide.ClosedError):
            join()
    assert joins[2]() == []
    assert full.try_recv() == 0


def test_channel_blocking_recv_times_out():
    ch = bide.Channel(1, name="jobs")
    with pytest.raises(TimeoutError, match="jobs"):
        ch.recv_blocking(timeout=0.001)
    with pytest.raises(TimeoutError):
        ch.recv_blocking(0)
    ch.send_blocking(1)
    with pytest.raises(TimeoutError, match="jobs"):
        ch.send_blocking(2, timeout=0.001)
    assert ch.recv_blocking(timeout=0) == 1
    with pytest.raises(TypeError, match="timeout"):
        ch.recv_blocking(timeout="1")


def test_channel_blocking_call_on_a_loop_thread_is_an_error():
    async def main():
        ch = bide.Channel(1)
        for call in (lambda: ch.send_blocking(1), ch.recv_blocking,
                     lambda: next(ch.iter_blocking())):
            with pytest.raises(bide.DeadlockError, match="await channel"):
                call()
        assert len(ch) == 0

    bide.run(main())


def test_channel_between_threads_needs_no_runtime():
    ch = bide.Channel(2)
    join = in_thread(lambda: [ch.recv_blocking() for _ in range(100)])
    for i in range(100):
        ch.send_blocking(i, timeout=60)
    assert join() == list(range(100))


def test_channel_blocking_call_ends_on_ctrl_c():
    ch = bide.Channel(1)
    main, ready = threading.get_ident(), threading.Event()

    def interrupt():
        assert ready.wait(60)
        signal.pthread_kill(main, signal.SIGINT)

    join = in_thread(interrupt)
    with pytest.raises(KeyboardInterrupt):
        ready.set()
        ch.recv_blocking()
    join()


def test_channel_feeds_tasks_and_threads_in_turn():
    """Tasks and threads share one queue of waiters on each side."""
    ch = bide.Channel(1)
    got = []

    async def main():
        threads = [bide.spawn_thread(lambda: list(ch.iter_blocking()))
                   for _ in range(2)]

        async def take():
            async for value in ch:
                got.append(value)

        takers = [bide.spawn(take()) for _ in range(2)]
        for i in range(300):
            await ch.send(i)
        ch.close()
        for taker in takers:
            await taker
        for thread in threads:
            got.extend(await thread)

    bide.run(main())
    assert sorted(got) == list(range(300))
