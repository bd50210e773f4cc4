"""Files whose content the system has in memory, as it has that of most files a
server reads: opening, reading and closing small ones; 64 KiB blocks in order;
4 KiB anywhere, by one task and by 32 on as many files; writing 4 KiB; the names in
a directory of 1000. CPU time of the process, threads included.

asyncio and uvloop have no files: plain ones, a thread per call by to_thread, as
their manuals say. aiofiles wraps such calls.
"""

import asyncio
import atexit
import os
import random
import shutil
import tempfile

from harness import case, contender, cpu_clock, main, optional

bide = optional("bide")
trio = optional("trio")
aiofiles = optional("aiofiles")

SMALL, BLOCK, PAGE, LARGE, FLIGHT = 2048, 65536, 4096, 16 << 20, 32

folder = tempfile.mkdtemp(prefix="bide-bench-")
atexit.register(shutil.rmtree, folder, ignore_errors=True)
small = os.path.join(folder, "small")
large = os.path.join(folder, "large")
with open(small, "wb") as file:
    file.write(b"x" * SMALL)
with open(large, "wb") as file:
    file.write(b"x" * LARGE)

if aiofiles:
    contender("aiofiles", lambda fn, n: asyncio.run(fn(n)))


def offsets(n):
    draw = random.Random(1).randrange
    return [draw(LARGE // PAGE) * PAGE for _ in range(n)]


# -- open, read, close --------------------------------------------------------


@case("open, read 2 KiB, close", "bide", cpu=True)
async def bide_small(n):
    start = cpu_clock()
    for _ in range(n):
        async with await bide.open_file(small, "rb") as file:
            data = await file.read()
    assert len(data) == SMALL
    return cpu_clock() - start


@case("open, read 2 KiB, close", "asyncio", "uvloop", cpu=True)
async def asyncio_small(n):
    start = cpu_clock()
    for _ in range(n):
        file = await asyncio.to_thread(open, small, "rb")
        data = await asyncio.to_thread(file.read)
        await asyncio.to_thread(file.close)
    assert len(data) == SMALL
    return cpu_clock() - start


@case("open, read 2 KiB, close", "aiofiles", cpu=True)
async def aiofiles_small(n):
    start = cpu_clock()
    for _ in range(n):
        async with aiofiles.open(small, "rb") as file:
            data = await file.read()
    assert len(data) == SMALL
    return cpu_clock() - start


@case("open, read 2 KiB, close", "trio", cpu=True)
async def trio_small(n):
    start = cpu_clock()
    for _ in range(n):
        async with await trio.open_file(small, "rb") as file:
            data = await file.read()
    assert len(data) == SMALL
    return cpu_clock() - start


# -- a whole file in one call ---------------------------------------------------


def read_whole():
    with open(small, "rb") as file:
        return file.read()


@case("read a 2 KiB file whole", "bide", cpu=True)
async def bide_whole(n):
    start = cpu_clock()
    for _ in range(n):
        data = await bide.fs.read_file(small)
    assert len(data) == SMALL
    return cpu_clock() - start


@case("read a 2 KiB file whole", "asyncio", "uvloop", cpu=True)
async def asyncio_whole(n):
    start = cpu_clock()
    for _ in range(n):
        data = await asyncio.to_thread(read_whole)
    assert len(data) == SMALL
    return cpu_clock() - start


@case("read a 2 KiB file whole", "trio", cpu=True)
async def trio_whole(n):
    path = trio.Path(small)
    start = cpu_clock()
    for _ in range(n):
        data = await path.read_bytes()
    assert len(data) == SMALL
    return cpu_clock() - start


# -- in order -------------------------------------------------------------------


@case("read 64 KiB in order", "bide", cpu=True)
async def bide_blocks(n):
    async with await bide.open_file(large, "rb") as file:
        start = cpu_clock()
        for _ in range(n):
            if not await file.read(BLOCK):
                await file.seek(0)
        return cpu_clock() - start


@case("read 64 KiB in order", "asyncio", "uvloop", cpu=True)
async def asyncio_blocks(n):
    with open(large, "rb", buffering=0) as file:
        start = cpu_clock()
        for _ in range(n):
            if not await asyncio.to_thread(file.read, BLOCK):
                file.seek(0)
        return cpu_clock() - start


@case("read 64 KiB in order", "aiofiles", cpu=True)
async def aiofiles_blocks(n):
    async with aiofiles.open(large, "rb", buffering=0) as file:
        start = cpu_clock()
        for _ in range(n):
            if not await file.read(BLOCK):
                await file.seek(0)
        return cpu_clock() - start


@case("read 64 KiB in order", "trio", cpu=True)
async def trio_blocks(n):
    async with await trio.open_file(large, "rb", buffering=0) as file:
        start = cpu_clock()
        for _ in range(n):
            if not await file.read(BLOCK):
                await file.seek(0)
        return cpu_clock() - start


# -- anywhere -------------------------------------------------------------------


@case("read 4 KiB anywhere", "bide", cpu=True)
async def bide_anywhere(n):
    async with await bide.open_file(large, "rb") as file:
        start = cpu_clock()
        for offset in offsets(n):
            await file.pread(PAGE, offset)
        return cpu_clock() - start


@case("read 4 KiB anywhere", "asyncio", "uvloop", cpu=True)
async def asyncio_anywhere(n):
    with open(large, "rb", buffering=0) as file:
        fd = file.fileno()
        start = cpu_clock()
        for offset in offsets(n):
            await asyncio.to_thread(os.pread, fd, PAGE, offset)
        return cpu_clock() - start


@case("read 4 KiB anywhere", "trio", cpu=True)
async def trio_anywhere(n):
    with open(large, "rb", buffering=0) as file:
        fd = file.fileno()
        start = cpu_clock()
        for offset in offsets(n):
            await trio.to_thread.run_sync(os.pread, fd, PAGE, offset)
        return cpu_clock() - start


@case("read 4 KiB anywhere, 32 tasks", "bide", cpu=True)
async def bide_many(n):
    async def reader(file, count):
        for offset in offsets(count):
            await file.pread(PAGE, offset)

    count = max(1, n // FLIGHT)
    files = [await bide.open_file(large, "rb") for _ in range(FLIGHT)]
    start = cpu_clock()
    async with bide.TaskGroup() as group:
        for file in files:
            group.spawn(reader(file, count))
    elapsed = cpu_clock() - start
    for file in files:
        await file.close()
    return elapsed * n // (count * FLIGHT)


@case("read 4 KiB anywhere, 32 tasks", "asyncio", "uvloop", cpu=True)
async def asyncio_many(n):
    async def reader(fd, count):
        for offset in offsets(count):
            await asyncio.to_thread(os.pread, fd, PAGE, offset)

    count = max(1, n // FLIGHT)
    files = [open(large, "rb", buffering=0) for _ in range(FLIGHT)]
    start = cpu_clock()
    async with asyncio.TaskGroup() as group:
        for file in files:
            group.create_task(reader(file.fileno(), count))
    elapsed = cpu_clock() - start
    for file in files:
        file.close()
    return elapsed * n // (count * FLIGHT)


# -- writing --------------------------------------------------------------------

page = b"x" * PAGE
written = os.path.join(folder, "written")


@case("write 4 KiB", "bide", cpu=True)
async def bide_write(n):
    async with await bide.open_file(written, "wb") as file:
        start = cpu_clock()
        for i in range(n):
            await file.pwrite(page, i % 256 * PAGE)
        return cpu_clock() - start


@case("write 4 KiB", "asyncio", "uvloop", cpu=True)
async def asyncio_write(n):
    with open(written, "wb", buffering=0) as file:
        fd = file.fileno()
        start = cpu_clock()
        for i in range(n):
            await asyncio.to_thread(os.pwrite, fd, page, i % 256 * PAGE)
        return cpu_clock() - start


@case("write 4 KiB", "trio", cpu=True)
async def trio_write(n):
    with open(written, "wb", buffering=0) as file:
        fd = file.fileno()
        start = cpu_clock()
        for i in range(n):
            await trio.to_thread.run_sync(os.pwrite, fd, page, i % 256 * PAGE)
        return cpu_clock() - start


# -- directories ----------------------------------------------------------------


def crowd():
    """A directory of many."""
    path = os.path.join(folder, "crowd")
    if not os.path.isdir(path):
        os.mkdir(path)
        for i in range(1000):
            open(os.path.join(path, f"file-{i}"), "w").close()
    return path


@case("list a directory of 1000", "bide", cpu=True)
async def bide_list(n):
    start = cpu_clock()
    for _ in range(n):
        names = await bide.fs.listdir(crowd())
    assert len(names) == 1000
    return cpu_clock() - start


@case("list a directory of 1000", "asyncio", "uvloop", cpu=True)
async def asyncio_list(n):
    start = cpu_clock()
    for _ in range(n):
        names = await asyncio.to_thread(os.listdir, crowd())
    assert len(names) == 1000
    return cpu_clock() - start


@case("list a directory of 1000", "trio", cpu=True)
async def trio_list(n):
    start = cpu_clock()
    for _ in range(n):
        names = [path.name for path in await trio.Path(crowd()).iterdir()]
    assert len(names) == 1000
    return cpu_clock() - start


main()
