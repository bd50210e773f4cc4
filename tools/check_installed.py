"""check_installed [--own-libuv]: checks the bide that this interpreter has
installed: that it serves a connection, exports nothing but its entry point and,
as a wheel must, loads no libuv of the system."""

import subprocess
import sys
from pathlib import Path

import bide
from bide import _core


async def echo_once() -> bytes:
    async def answer(stream: bide.Stream) -> None:
        await stream.write(await stream.read_until(b"\n"))

    async with await bide.listen_tcp("127.0.0.1", 0) as listener:
        server = bide.spawn(listener.serve(answer))
        async with await bide.connect_tcp("127.0.0.1", listener.port) as s:
            await s.write(b"over the wire\n")
            line = await s.read_until(b"\n")
        server.cancel()
    return line


def exported_names(library: Path) -> list[str]:
    printed = subprocess.run(["nm", "-D", "--defined-only", library],
                             capture_output=True, text=True, check=True).stdout
    return [line.split()[-1] for line in printed.splitlines()]


def main() -> None:
    extension = Path(_core.__file__)
    if Path(sys.prefix) not in extension.parents:
        sys.exit(f"imported {extension}, which is not installed here")
    if bide.run(echo_once()) != b"over the wire\n":
        sys.exit("the echo came back changed")
    if exported_names(extension) != ["PyInit__core"]:
        sys.exit(f"exports {exported_names(extension)}")
    mapped = Path("/proc/self/maps").read_text()
    if "--own-libuv" in sys.argv and "libuv" in mapped:
        sys.exit("a libuv of the system is loaded")
    print(f"{extension.name} {bide.__version__} works")


main()
