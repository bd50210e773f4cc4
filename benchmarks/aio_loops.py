"""Who takes part in bench_aio_*.py: loops that a program of asyncio's runs on,
and how each is made."""

import asyncio
import importlib


def _of(name):
    return lambda: importlib.import_module(name).new_event_loop


# "bide loop" is asyncio's API on bide's event loop. zuvloop has no wheels.
LOOPS = {
    "bide loop": _of("bide"),
    "asyncio": lambda: asyncio.SelectorEventLoop,
    "uvloop": _of("uvloop"),
    "rloop": _of("rloop"),
}
