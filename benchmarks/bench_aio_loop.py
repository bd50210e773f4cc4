"""asyncio's own API on the loops there are: callbacks, timers, tasks, futures,
names. Where bide's own API has the like it stands beside them. CPU time."""

import asyncio
import functools
import threading

import harness
from aio_loops import LOOPS
from harness import cpu_clock, main, optional

TURNS = 15
bide = optional("bide")
case = functools.partial(harness.case, cpu=True, turns=TURNS)


def chain(n, schedule):
    """`n` callbacks, each scheduled by the one before."""
    done = asyncio.get_running_loop().create_future()
    left = n

    def callback():
        nonlocal left
        left -= 1
        if left:
            schedule(callback)
        else:
            done.set_result(None)

    schedule(callback)
    return done


async def burst(n, schedule, *args):
    """`n` callbacks, scheduled a thousand at a time."""
    start = cpu_clock()
    for _ in range(max(1, n // 1000)):
        for _ in range(1000):
            schedule(*args)
        await asyncio.sleep(0)
    return (cpu_clock() - start) * n // (max(1, n // 1000) * 1000)


def nothing(*args):
    pass


@case("call_soon", *LOOPS)
async def call_soon(n):
    return await burst(n, asyncio.get_running_loop().call_soon, nothing)


@case("call_soon, 3 arguments", *LOOPS)
async def call_soon_arguments(n):
    return await burst(n, asyncio.get_running_loop().call_soon, nothing, 1, 2,
                       3)


@case("call_soon, one after the other", *LOOPS)
async def call_soon_chain(n):
    start = cpu_clock()
    await chain(n, asyncio.get_running_loop().call_soon)
    return cpu_clock() - start


@case("call_soon_threadsafe, from a thread", *LOOPS)
async def threadsafe(n):
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def caller():
        for _ in range(n - 1):
            loop.call_soon_threadsafe(nothing)
        loop.call_soon_threadsafe(done.set_result, None)

    start = cpu_clock()
    thread = threading.Thread(target=caller)
    thread.start()
    await done
    thread.join()
    return cpu_clock() - start


@case("call_later and cancel", *LOOPS)
async def timers(n):
    call_later = asyncio.get_running_loop().call_later
    start = cpu_clock()
    for _ in range(n):
        call_later(60, nothing).cancel()
    return cpu_clock() - start


@case("call_later and cancel, among 10,000", *LOOPS)
async def many_timers(n):
    call_later = asyncio.get_running_loop().call_later
    others = [call_later(60 + i / 1000, nothing) for i in range(10000)]
    start = cpu_clock()
    for _ in range(n):
        call_later(90, nothing).cancel()
    took = cpu_clock() - start
    for timer in others:
        timer.cancel()
    return took


@case("switch of a task", *LOOPS)
async def switch(n):
    start = cpu_clock()
    for _ in range(n):
        await asyncio.sleep(0)
    return cpu_clock() - start


@case("spawn and join", *LOOPS)
async def spawn(n):
    async def child():
        pass

    loop = asyncio.get_running_loop()
    start = cpu_clock()
    for _ in range(n):
        await loop.create_task(child())
    return cpu_clock() - start


@case("switch of a task", "bide")
async def native_switch(n):
    start = cpu_clock()
    for _ in range(n):
        await bide.yield_now()
    return cpu_clock() - start


@case("spawn and join", "bide")
async def native_spawn(n):
    async def child():
        pass

    start = cpu_clock()
    for _ in range(n):
        await bide.spawn(child())
    return cpu_clock() - start


@case("create_future", "bide")
async def native_future(n):
    create = bide.Future
    start = cpu_clock()
    for _ in range(n):
        create()
    return cpu_clock() - start


@case("create_future", *LOOPS)
async def create_future(n):
    create = asyncio.get_running_loop().create_future
    start = cpu_clock()
    for _ in range(n):
        create()
    return cpu_clock() - start


@case("getaddrinfo of an address", *LOOPS)
async def getaddrinfo(n):
    resolve = asyncio.get_running_loop().getaddrinfo
    start = cpu_clock()
    for _ in range(n):
        await resolve("127.0.0.1", 80)
    return cpu_clock() - start


@case("getaddrinfo of an address", "bide")
async def native_getaddrinfo(n):
    start = cpu_clock()
    for _ in range(n):
        await bide.resolve("127.0.0.1", 80)
    return cpu_clock() - start


main()
