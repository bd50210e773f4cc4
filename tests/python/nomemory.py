"""A program: lets the n-th allocation of the interpreter fail, for n = 1, 2,
..., in each scenario below. MemoryError may come out, nothing else; and the
runtime has to go on. test_nomemory.py starts it.

    python nomemory.py scenario
"""

import atexit
import contextlib
import os
import shutil
import sys
import tempfile

import _testcapi

import bide
from bide import fs

MOST = 120
FOLDER = tempfile.mkdtemp()
atexit.register(shutil.rmtree, FOLDER)


def made():
    bide.Mutex(name="m")
    bide.Semaphore(2, bounded=True, name="s")
    bide.RwLock().read()
    bide.Condition(name="c")
    bide.Barrier(2)
    ch = bide.Channel(2, name="ch")
    ch.try_send("a")
    ch.send_blocking("b", timeout=1)
    assert ch.try_send("c") is False
    assert repr(ch) == "<Channel 'ch' 2 of 2>"
    assert ch.recv_blocking() == "a"
    assert next(ch.iter_blocking()) == "b"
    with contextlib.suppress(TimeoutError):
        ch.recv_blocking(0)
    bide.Channel.unbounded().try_send(ch)


async def locks():
    m = bide.Mutex(name="m")
    async with m:
        with contextlib.suppress(bide.DeadlockError):
            await m.lock()
    with contextlib.suppress(bide.NotOwnerError):
        m.unlock()
    s = bide.Semaphore(1)
    async with s:
        assert s.permits == 0
    rw = bide.RwLock()
    async with rw.read():
        assert rw.readers == 1
    async with rw.write():
        assert rw.writer is bide.current_task()
    assert await bide.Barrier(1).wait() == 0


async def channel():
    ch = bide.Channel(3)
    for value in "abc":
        await ch.send(value)
    assert await ch.recv() == "a"
    assert await ch.recv_many(2) == ["b", "c"]
    ch.close()
    with contextlib.suppress(bide.ClosedError):
        await ch.recv()


async def blocking():
    assert await bide.spawn_blocking(pow, 2, 3) == 8
    token = bide.CancelToken()
    job = bide.spawn_blocking(pow, 2, exp=3, token=token, name="job")
    assert await job == 8


async def tcp():
    async with await bide.listen_tcp("127.0.0.1", 0) as listener:
        async with await bide.connect_tcp(*listener.address) as a:
            async with await listener.accept() as b:
                await a.write(b"ab\ncd")
                assert await b.read_line() == b"ab\n"
                await b.write(bytearray(b"xyz"))
                assert await a.read_exact(3) == b"xyz"
                assert await b.read() == b"cd"
                await a.shutdown()
                assert await b.read() == b""


async def files():
    path = FOLDER + "/a"
    # Without the mode, whose parsing crashes CPython 3.13.0 itself here.
    flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC
    async with await bide._core._open_file(path, flags, 0o600) as f:
        await f.write_many([b"ab", b"cd"])
        into = bytearray(2)
        assert await f.pread_into(into, 1) == 2 and into == b"bc"
        assert await f.seek(0) == 0 and await f.read() == b"abcd"
    assert (await fs.stat(path)).st_size == 4
    assert "a" in [e.name async for e in fs.scandir(FOLDER)]
    await fs.write_file(path, b"new", replace=True)
    assert await fs.read_file(path) == b"new"


async def watch():
    with contextlib.suppress(FileNotFoundError):  # left by a failed round
        await fs.rmdir(FOLDER + "/c")
    async with await bide.watch(FOLDER) as changes:
        for _ in range(2):
            await fs.mkdir(FOLDER + "/c")
            await fs.rmdir(FOLDER + "/c")
        seen = await changes.recv_many(2)
        seen.append(await changes.recv())
        assert [c.kind for c in seen] == ["created", "removed", "created"]
        async for change in changes:
            assert change.kind == "removed"
            break


async def sweep(scenario):
    """How often the scenario got through, of MOST times."""
    clean = 0
    for n in range(MOST):
        _testcapi.set_nomemory(n, n + 1)
        try:
            await scenario()
            clean += 1
        except MemoryError:
            pass
        finally:
            _testcapi.remove_mem_hooks()
        await bide.yield_now()
    return clean


def sweep_without_a_runtime(scenario):
    clean = 0
    for n in range(MOST):
        _testcapi.set_nomemory(n, n + 1)
        try:
            scenario()
            clean += 1
        except MemoryError:
            pass
        finally:
            _testcapi.remove_mem_hooks()
    return clean


def main(name):
    if name == "made":
        clean = sweep_without_a_runtime(made)
    else:
        scenario = {"locks": locks, "channel": channel, "blocking": blocking,
                    "tcp": tcp, "files": files, "watch": watch}[name]
        clean = bide.run(sweep(scenario))
    assert 0 < clean < MOST, f"nothing failed, or everything: {clean}"


if __name__ == "__main__":
    main(sys.argv[1])
