"""What `python -m bide bench` measures: each case in two versions."""

from __future__ import annotations

import asyncio
import functools
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NamedTuple

import bide

# Performs n operations; the time they took, in ns.
Body = Callable[[int], Coroutine[Any, Any, int]]

TASKS = 100
SLEEPERS = 20_000
clock = time.perf_counter_ns


class Case(NamedTuple):
    title: str
    bide: Body
    asyncio: Body
    fixed: int = 0  # not 0: the number of operations is part of the case


async def _nothing() -> None:
    pass


async def _crowd_bide(body: Callable[[int], Awaitable[None]], n: int) -> int:
    """`body` in TASKS tasks that together do n operations."""
    each = max(1, n // TASKS)
    start = clock()
    async with bide.TaskGroup() as group:
        for _ in range(TASKS):
            group.spawn(body(each))
    return (clock() - start) * n // (each * TASKS)


async def _crowd_asyncio(
    body: Callable[[int], Coroutine[Any, Any, None]], n: int
) -> int:
    each = max(1, n // TASKS)
    start = clock()
    async with asyncio.TaskGroup() as group:
        for _ in range(TASKS):
            group.create_task(body(each))
    return (clock() - start) * n // (each * TASKS)


async def _yield_bide(n: int) -> None:
    for _ in range(n):
        await bide.yield_now()


async def _yield_asyncio(n: int) -> None:
    for _ in range(n):
        await asyncio.sleep(0)


async def _switch_bide(n: int) -> int:
    start = clock()
    await _yield_bide(n)
    return clock() - start


async def _switch_asyncio(n: int) -> int:
    start = clock()
    await _yield_asyncio(n)
    return clock() - start


async def _spawn_bide(n: int) -> int:
    start = clock()
    for _ in range(n):
        await bide.spawn(_nothing())
    return clock() - start


async def _spawn_asyncio(n: int) -> int:
    start = clock()
    for _ in range(n):
        await asyncio.create_task(_nothing())
    return clock() - start


async def _mutex_bide(n: int) -> int:
    mutex = bide.Mutex()
    start = clock()
    for _ in range(n):
        async with mutex:
            pass
    return clock() - start


async def _mutex_asyncio(n: int) -> int:
    lock = asyncio.Lock()
    start = clock()
    for _ in range(n):
        async with lock:
            pass
    return clock() - start


async def _contended_bide(n: int) -> int:
    mutex = bide.Mutex()

    async def body(count: int) -> None:
        for _ in range(count):
            async with mutex:
                await bide.yield_now()

    return await _crowd_bide(body, n)


async def _contended_asyncio(n: int) -> int:
    lock = asyncio.Lock()

    async def body(count: int) -> None:
        for _ in range(count):
            async with lock:
                await asyncio.sleep(0)

    return await _crowd_asyncio(body, n)


async def _channel_bide(capacity: int, n: int) -> int:
    channel: bide.Channel[int] = bide.Channel(capacity)

    async def send() -> None:
        for i in range(n):
            await channel.send(i)

    start = clock()
    sender = bide.spawn(send())
    for _ in range(n):
        await channel.recv()
    elapsed = clock() - start
    await sender
    return elapsed


async def _channel_asyncio(capacity: int, n: int) -> int:
    queue: asyncio.Queue[int] = asyncio.Queue(capacity)

    async def send() -> None:
        for i in range(n):
            await queue.put(i)

    start = clock()
    sender = asyncio.create_task(send())
    for _ in range(n):
        await queue.get()
    elapsed = clock() - start
    await sender
    return elapsed


async def _nap_bide(seconds: float) -> None:
    await bide.sleep(seconds)


async def _nap_asyncio(seconds: float) -> None:
    await asyncio.sleep(seconds)


async def _sleepers_bide(n: int) -> int:
    start = time.process_time_ns()
    async with bide.TaskGroup() as group:
        for i in range(n):
            group.spawn(_nap_bide(0.1 + i * 7919 % n / n / 10))
    return time.process_time_ns() - start


async def _sleepers_asyncio(n: int) -> int:
    start = time.process_time_ns()
    async with asyncio.TaskGroup() as group:
        for i in range(n):
            group.create_task(_nap_asyncio(0.1 + i * 7919 % n / n / 10))
    return time.process_time_ns() - start


async def _timeout_bide(n: int) -> int:
    event = bide.Event()
    event.set()
    start = clock()
    for _ in range(n):
        with bide.timeout(10):
            await event.wait()
    return clock() - start


async def _timeout_asyncio(n: int) -> int:
    event = asyncio.Event()
    event.set()
    start = clock()
    for _ in range(n):
        async with asyncio.timeout(10):
            await event.wait()
    return clock() - start


async def _blocking_bide(n: int) -> int:
    start = clock()
    for _ in range(n):
        await bide.spawn_blocking(int)
    return clock() - start


async def _blocking_asyncio(n: int) -> int:
    start = clock()
    for _ in range(n):
        await asyncio.to_thread(int)
    return clock() - start


def _feed(send: Callable[[int], object], n: int) -> threading.Thread:
    def run() -> None:
        for i in range(n):
            send(i)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


async def _messages_bide(n: int) -> int:
    channel: bide.Channel[int] = bide.Channel(1024)
    start = clock()
    thread = _feed(channel.send_blocking, n)
    left = n
    while left:
        left -= len(await channel.recv_many(256))
    elapsed = clock() - start
    thread.join()
    return elapsed


async def _messages_asyncio(n: int) -> int:
    queue: asyncio.Queue[int] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    start = clock()
    thread = _feed(lambda i: loop.call_soon_threadsafe(queue.put_nowait, i), n)
    for _ in range(n):
        await queue.get()
    elapsed = clock() - start
    thread.join()
    return elapsed


CASES = (
    Case("task switch", _switch_bide, _switch_asyncio),
    Case(
        "task switch, 100 tasks",
        functools.partial(_crowd_bide, _yield_bide),
        functools.partial(_crowd_asyncio, _yield_asyncio),
    ),
    Case("spawn and join", _spawn_bide, _spawn_asyncio),
    Case("mutex, free", _mutex_bide, _mutex_asyncio),
    Case("mutex, 100 tasks contend", _contended_bide, _contended_asyncio),
    *(
        Case(
            f"channel, capacity {capacity}",
            functools.partial(_channel_bide, capacity),
            functools.partial(_channel_asyncio, capacity),
        )
        for capacity in (1, 128)
    ),
    Case("20,000 sleeping tasks", _sleepers_bide, _sleepers_asyncio, SLEEPERS),
    Case("timeout around a ready wait", _timeout_bide, _timeout_asyncio),
    Case("blocking call in a thread", _blocking_bide, _blocking_asyncio),
    Case("message from a thread", _messages_bide, _messages_asyncio),
)
