"""What the process's malloc does with the large blocks of messages."""

import subprocess
import sys

import pytest

# The system's: how many blocks are mapped one by one is the fourth number.
COUNT = """
import ctypes
import sys

import bide

libc = ctypes.CDLL(None)
if not hasattr(libc, "mallinfo2"):
    sys.exit(77)


class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "abcdefghij"]


libc.mallinfo2.restype = Info


async def main():
    before = libc.mallinfo2().d
    block = bytearray(512 * 1024)
    return libc.mallinfo2().d - before, len(block)


assert bide.run(main()) == (0, 512 * 1024)
"""


def test_large_blocks_are_not_mapped_one_by_one():
    done = subprocess.run(
        [sys.executable, "-c", COUNT],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode == 77:
        pytest.skip("this system's malloc does not tell")
    assert done.returncode == 0, done.stderr
