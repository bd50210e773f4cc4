"""A program: runs each scenario below again and again and looks whether the
interpreter's blocks, or the C library's, grow. For searching; with a scenario
of its own test_tls_faults.py uses it, too.

    python leaks.py [scenario ...]
"""

import contextlib
import ctypes
import gc
import os
import sys

import bide
from bide import fs

# Freelists fill at first: of several windows of so many rounds one has to be
# (nearly) flat. A leak of a block a round makes none flat.
WINDOWS, ROUNDS, SLACK_BLOCKS, SLACK_BYTES = 80, 25, 12, 2048


async def mutex():
    m = bide.Mutex(name="m")

    async def work(seconds):
        async with m:
            await bide.sleep(seconds)

    tasks = [bide.spawn(work(i % 3)) for i in range(20)]
    for t in tasks[::4]:
        await bide.yield_now()
        t.cancel()
    for t in tasks:
        with contextlib.suppress(bide.Cancelled):
            await t
    m.lock().close()
    async with m:
        with contextlib.suppress(bide.DeadlockError):
            await m.lock()
    with contextlib.suppress(bide.NotOwnerError):
        m.unlock()


async def semaphore():
    s = bide.Semaphore(2, bounded=True)

    async def work(n):
        await s.acquire(n)
        await bide.yield_now()
        s.release(n)

    async with bide.TaskGroup() as group:
        for i in range(20):
            group.spawn(work(1 + i % 2))
    with contextlib.suppress(ValueError):
        s.release()
    with contextlib.suppress(TimeoutError):
        with bide.timeout(1):
            async with s, s, s:
                pass


async def rwlock():
    rw = bide.RwLock()

    async def work(write):
        async with rw.write() if write else rw.read():
            await bide.yield_now()

    async with bide.TaskGroup() as group:
        for i in range(20):
            group.spawn(work(i % 4 == 0))


async def event_condition_barrier():
    event, condition = bide.Event(), bide.Condition()
    barrier = bide.Barrier(4)

    async def work():
        await event.wait()
        async with condition:
            await condition.wait_for(lambda: True)
            with bide.move_on_after(1):
                await condition.wait()
        await barrier.wait()

    async with bide.TaskGroup() as group:
        for _ in range(4):
            group.spawn(work())
        await bide.yield_now()
        event.set()
    lost = bide.spawn(barrier.wait())
    await bide.yield_now()
    barrier.abort()
    with contextlib.suppress(bide.BrokenError):
        await lost


async def channel():
    ch = bide.Channel(2, name="ch")

    async def send():
        for i in range(50):
            await ch.send([i])

    async def waits(make):
        with bide.move_on_after(1):
            await make()

    senders = [bide.spawn(send()) for _ in range(3)]
    await ch.recv_many(20)
    for _ in range(100):
        await ch.recv()
    senders[0].cancel()
    for _ in range(10):
        with contextlib.suppress(bide.WouldBlockError):
            ch.try_recv()
        ch.try_send(object())
    loop = [ch]
    ch.try_send(loop)
    late = bide.spawn(waits(lambda: ch.send(object())))
    await bide.sleep(2)
    await late
    for s in senders:
        s.cancel()
    ch.close()
    with contextlib.suppress(bide.ClosedError):
        await ch.send(object())
    cycle = bide.Channel.unbounded()
    cycle.try_send(cycle)
    empty = bide.Channel(1)
    for make in (empty.recv, lambda: empty.recv_many(10), empty.__anext__):
        await waits(make)


async def blocking():
    ch = bide.Channel(4)

    def feed():
        for i in range(50):
            ch.send_blocking(str(i))
        ch.close()

    def fail():
        raise ValueError(bide.current_token())

    thread = bide.spawn_thread(feed, name="feed")
    token = bide.CancelToken()
    jobs = [bide.spawn_blocking(pow, 2, i, name=f"job-{i}", token=token)
            for i in range(20)]
    jobs[7].cancel()
    await jobs[0]
    failed = bide.spawn_blocking(fail)
    with contextlib.suppress(ValueError):
        await failed
    assert len([v async for v in ch]) == 50
    await thread


async def tcp():
    async def echo(stream):
        async for chunk in stream:
            await stream.write(chunk)

    async with await bide.listen_tcp("127.0.0.1", 0) as listener:
        server = bide.spawn(listener.serve(echo, limit=4))
        for i in range(8):
            async with await bide.connect_tcp(*listener.address) as s:
                await s.write(b"line\nrest")
                assert await s.read_line() == b"line\n"
                with contextlib.suppress(bide.LimitOverrunError):
                    await s.read_until(b"\n", limit=3)
                await s.write(bytearray(100000))
                await s.read_into(bytearray(4))
                await s.read_exact(100000)
                with bide.move_on_after(0.001):
                    await s.read()
                await s.shutdown()
                with contextlib.suppress(bide.IncompleteReadError):
                    await s.read_exact(1)
        server.cancel()
    with contextlib.suppress(OSError):
        await bide.connect_tcp("127.0.0.1", listener_port(listener))
    with contextlib.suppress(bide.StreamClosedError):
        await s.read()


async def files():
    async with fs.temporary_directory() as folder:
        path = folder + "/a"
        async with await bide.open_file(path, "wb+") as f:
            await f.write_many([b"ab", bytearray(b"cd")])
            tasks = [bide.spawn(f.write(b"x" * 5000)) for _ in range(8)]
            await bide.yield_now()
            for t in tasks[::2]:
                t.cancel()
            for t in tasks:
                with contextlib.suppress(bide.Cancelled):
                    await t
            await f.pread_into(bytearray(10), 0)
            await f.pread(10, 0)
            with contextlib.suppress(ValueError):
                await f.seek(-1)
        with contextlib.suppress(bide.ClosedError):
            await f.write(b"x")
        with contextlib.suppress(OSError):
            await bide.open_file(folder + "/none", "rb")
        walk = fs.scandir(folder)
        assert (await anext(walk)).name == "a"
        await walk.aclose()
        await fs.rename(path, path + "b")
        with contextlib.suppress(OSError):
            await fs.read_file(path)
        assert await fs.listdir(folder) == ["ab"]


async def watch():
    async with fs.temporary_directory() as folder:
        async with await bide.watch(folder) as changes:
            waiting = [bide.spawn(changes.recv()) for _ in range(3)]
            await bide.yield_now()
            waiting[0].cancel()
            for i in range(5):
                os.mkdir(f"{folder}/{i}")
            os.rename(folder + "/0", folder + "/9")
            with contextlib.suppress(bide.Cancelled):
                await waiting[0]
            await bide.gather(*waiting[1:])
            await changes.recv_many(2)
            unseen = bide.spawn(changes.recv_many(9))
        with contextlib.suppress(bide.ClosedError):
            await unseen
        with contextlib.suppress(OSError):
            await bide.watch(folder + "/none")


def listener_port(listener):
    try:
        return listener.port
    except bide.StreamClosedError:
        return 1


SCENARIOS = (mutex, semaphore, rwlock, event_condition_barrier, channel,
             blocking, tcp, files, watch)
ON_REAL_TIME = {blocking, tcp, files, watch}


class _Mallinfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in (
        "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks",
        "uordblks", "fordblks", "keepcost")]


def _mallinfo():
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallinfo2"):
        return lambda: 0
    libc.mallinfo2.restype = _Mallinfo
    return lambda: libc.mallinfo2().uordblks


def grown(scenario, c_bytes):
    """How many blocks of Python's and bytes of C's a scenario leaves in the
    first flat window, or in the last."""
    virtual = scenario not in ON_REAL_TIME
    for _ in range(WINDOWS):
        gc.collect()
        blocks, size = sys.getallocatedblocks(), c_bytes()
        for _ in range(ROUNDS):
            bide.run(scenario(), virtual_clock=virtual)
        gc.collect()
        blocks = sys.getallocatedblocks() - blocks
        size = c_bytes() - size
        if blocks <= SLACK_BLOCKS and size <= SLACK_BYTES:
            break
    return blocks, size


def main(names):
    c_bytes = _mallinfo()
    bad = 0
    for scenario in SCENARIOS:
        if names and scenario.__name__ not in names:
            continue
        blocks, size = grown(scenario, c_bytes)
        leaks = blocks > SLACK_BLOCKS or size > SLACK_BYTES
        bad += leaks
        print(f"{scenario.__name__}: {blocks} blocks, {size} bytes of C"
              f"{': LEAKS' if leaks else ''}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
