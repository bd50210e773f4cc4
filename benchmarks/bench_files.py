"""Files: a small one opened, read and closed; 64 KiB pieces in sequence; appends
of 100 bytes. All of it is in the system's memory."""

import asyncio
import os
import tempfile

from harness import case, clock, main, optional

bide = optional("bide")
trio = optional("trio")

FOLDER = tempfile.TemporaryDirectory()
SMALL, LARGE, LOG = (
    os.path.join(FOLDER.name, name) for name in ("small", "large", "log")
)
PIECE = 65536
LINE = b"x" * 99 + b"\n"
with open(SMALL, "wb") as file:
    file.write(b"x" * 4096)
with open(LARGE, "wb") as file:
    file.write(b"x" * (64 << 20))


def read_small():
    with open(SMALL, "rb") as file:
        return file.read()


@case("read 4 KiB", "bide")
async def bide_small(n):
    start = clock()
    for _ in range(n):
        async with await bide.open_file(SMALL, "rb") as file:
            await file.read()
    return clock() - start


@case("read 4 KiB", "asyncio", "uvloop")
async def asyncio_small(n):
    start = clock()
    for _ in range(n):
        await asyncio.to_thread(read_small)
    return clock() - start


@case("read 4 KiB", "trio")
async def trio_small(n):
    start = clock()
    for _ in range(n):
        async with await trio.open_file(SMALL, "rb") as file:
            await file.read()
    return clock() - start


async def pieces(file, n, read):
    start = clock()
    for _ in range(n):
        if not await read(PIECE):
            await file.seek(0)
    return clock() - start


@case("64 KiB pieces", "bide")
async def bide_pieces(n):
    async with await bide.open_file(LARGE, "rb") as file:
        return await pieces(file, n, file.read)


@case("64 KiB pieces", "asyncio", "uvloop")
async def asyncio_pieces(n):
    with open(LARGE, "rb") as file:
        start = clock()
        for _ in range(n):
            if not await asyncio.to_thread(file.read, PIECE):
                file.seek(0)
        return clock() - start


@case("64 KiB pieces", "trio")
async def trio_pieces(n):
    async with await trio.open_file(LARGE, "rb") as file:
        return await pieces(file, n, file.read)


async def appends(n, write):
    start = clock()
    for _ in range(n):
        await write(LINE)
    return clock() - start


@case("append 100 bytes", "bide")
async def bide_appends(n):
    async with await bide.open_file(LOG, "ab") as file:
        return await appends(n, file.write)


@case("append 100 bytes", "asyncio", "uvloop")
async def asyncio_appends(n):
    with open(LOG, "ab", buffering=0) as file:
        return await appends(n, lambda data: asyncio.to_thread(file.write, data))


@case("append 100 bytes", "trio")
async def trio_appends(n):
    async with await trio.open_file(LOG, "ab", buffering=0) as file:
        return await appends(n, file.write)


main()
