"""asyncio's own API on three loops: callbacks, timers, tasks, sockets."""

import asyncio
import socket
import threading

from harness import case, clock, main

ALL = ("bide loop", "asyncio", "uvloop")
MESSAGE = b"x" * 1024


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
    start = clock()
    for _ in range(max(1, n // 1000)):
        for _ in range(1000):
            schedule(*args)
        await asyncio.sleep(0)
    return (clock() - start) * n // (max(1, n // 1000) * 1000)


def nothing(*args):
    pass


@case("call_soon", *ALL)
async def call_soon(n):
    return await burst(n, asyncio.get_running_loop().call_soon, nothing)


@case("call_soon, 3 arguments", *ALL)
async def call_soon_arguments(n):
    return await burst(n, asyncio.get_running_loop().call_soon, nothing, 1, 2,
                       3)


@case("call_soon, one after the other", *ALL)
async def call_soon_chain(n):
    start = clock()
    await chain(n, asyncio.get_running_loop().call_soon)
    return clock() - start


@case("call_soon_threadsafe, from a thread", *ALL, fixed=200_000)
async def threadsafe(n):
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def caller():
        for _ in range(n - 1):
            loop.call_soon_threadsafe(nothing)
        loop.call_soon_threadsafe(done.set_result, None)

    start = clock()
    thread = threading.Thread(target=caller)
    thread.start()
    await done
    thread.join()
    return clock() - start


@case("call_later and cancel", *ALL)
async def timers(n):
    call_later = asyncio.get_running_loop().call_later
    start = clock()
    for _ in range(n):
        call_later(60, nothing).cancel()
    return clock() - start


@case("call_later and cancel, among 10,000", *ALL)
async def many_timers(n):
    call_later = asyncio.get_running_loop().call_later
    others = [call_later(60 + i / 1000, nothing) for i in range(10000)]
    start = clock()
    for _ in range(n):
        call_later(90, nothing).cancel()
    took = clock() - start
    for timer in others:
        timer.cancel()
    return took


@case("switch of a task", *ALL)
async def switch(n):
    start = clock()
    for _ in range(n):
        await asyncio.sleep(0)
    return clock() - start


@case("spawn and join", *ALL)
async def spawn(n):
    async def child():
        pass

    loop = asyncio.get_running_loop()
    start = clock()
    for _ in range(n):
        await loop.create_task(child())
    return clock() - start


@case("create_future", *ALL)
async def create_future(n):
    create = asyncio.get_running_loop().create_future
    start = clock()
    for _ in range(n):
        create()
    return clock() - start


@case("sock_* echo, 1 KiB", *ALL)
async def sockets(n):
    loop = asyncio.get_running_loop()
    a, b = socket.socketpair()
    a.setblocking(False)
    b.setblocking(False)

    async def echo():
        while data := await loop.sock_recv(b, 65536):
            await loop.sock_sendall(b, data)

    task = loop.create_task(echo())
    start = clock()
    for _ in range(n):
        await loop.sock_sendall(a, MESSAGE)
        await loop.sock_recv(a, 65536)
    took = clock() - start
    a.close()
    await task
    b.close()
    return took


main()
