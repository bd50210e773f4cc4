"""Child processes: started and waited for, and run with their output read. CPU
time of this process, threads included, its children's not."""

import asyncio
import subprocess

from harness import case, cpu_clock, main, optional

bide = optional("bide")
trio = optional("trio")

COMMAND = ["/bin/echo", "hello"]


@case("spawn and wait", "bide", cpu=True)
async def bide_spawn(n):
    start = cpu_clock()
    for _ in range(n):
        process = await bide.open_process(COMMAND, stdout=bide.DEVNULL)
        await process.wait()
    return cpu_clock() - start


@case("spawn and wait", "asyncio", "uvloop", cpu=True)
async def asyncio_spawn(n):
    start = cpu_clock()
    for _ in range(n):
        process = await asyncio.create_subprocess_exec(
            *COMMAND, stdout=subprocess.DEVNULL
        )
        await process.wait()
    return cpu_clock() - start


@case("spawn and wait", "trio", cpu=True)
async def trio_spawn(n):
    start = cpu_clock()
    for _ in range(n):
        await trio.run_process(COMMAND, stdout=subprocess.DEVNULL)
    return cpu_clock() - start


@case("run with output", "bide", cpu=True)
async def bide_run(n):
    start = cpu_clock()
    for _ in range(n):
        result = await bide.run_process(COMMAND)
        assert result.stdout == b"hello\n"
    return cpu_clock() - start


@case("run with output", "asyncio", "uvloop", cpu=True)
async def asyncio_run(n):
    start = cpu_clock()
    for _ in range(n):
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        out, _err = await process.communicate()
        assert out == b"hello\n"
    return cpu_clock() - start


@case("run with output", "trio", cpu=True)
async def trio_run(n):
    start = cpu_clock()
    for _ in range(n):
        result = await trio.run_process(
            COMMAND, capture_stdout=True, capture_stderr=True
        )
        assert result.stdout == b"hello\n"
    return cpu_clock() - start


main()
