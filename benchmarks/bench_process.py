"""Child processes: started and waited for, and run with their output read."""

import asyncio
import subprocess

from harness import case, clock, main, optional

bide = optional("bide")
trio = optional("trio")

COMMAND = ["/bin/echo", "hello"]


@case("spawn and wait", "bide")
async def bide_spawn(n):
    start = clock()
    for _ in range(n):
        process = await bide.open_process(COMMAND, stdout=bide.DEVNULL)
        await process.wait()
    return clock() - start


@case("spawn and wait", "asyncio", "uvloop")
async def asyncio_spawn(n):
    start = clock()
    for _ in range(n):
        process = await asyncio.create_subprocess_exec(
            *COMMAND, stdout=subprocess.DEVNULL
        )
        await process.wait()
    return clock() - start


@case("spawn and wait", "trio")
async def trio_spawn(n):
    start = clock()
    for _ in range(n):
        await trio.run_process(COMMAND, stdout=subprocess.DEVNULL)
    return clock() - start


@case("run with output", "bide")
async def bide_run(n):
    start = clock()
    for _ in range(n):
        result = await bide.run_process(COMMAND)
        assert result.stdout == b"hello\n"
    return clock() - start


@case("run with output", "asyncio", "uvloop")
async def asyncio_run(n):
    start = clock()
    for _ in range(n):
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        out, _err = await process.communicate()
        assert out == b"hello\n"
    return clock() - start


@case("run with output", "trio")
async def trio_run(n):
    start = clock()
    for _ in range(n):
        result = await trio.run_process(
            COMMAND, capture_stdout=True, capture_stderr=True
        )
        assert result.stdout == b"hello\n"
    return clock() - start


main()
