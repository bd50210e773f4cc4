"""The order of a file's operations, what is cancelled, what is completed."""

import os

import pytest

import bide
from sweep import Rng, cancel_at_every_park, seeds


async def _await(operation):
    return await operation


def test_file_operations_in_order(tmp_path):
    path = tmp_path / "a"

    async def main():
        async with await bide.open_file(path, "wb") as f:
            async with bide.TaskGroup() as group:
                for i in range(8):
                    group.spawn(_await(f.write(b"%d" % i)))

    bide.run(main())
    assert path.read_bytes() == b"01234567"


def test_file_cancelled_operation_did_not_happen(tmp_path):
    path = tmp_path / "a"

    async def main():
        async with await bide.open_file(path, "wb") as f:
            tasks = [bide.spawn(_await(f.write(b"%d" % i))) for i in range(3)]
            await bide.yield_now()
            tasks[1].cancel()
            assert await tasks[0] == await tasks[2] == 1
            with pytest.raises(bide.Cancelled):
                await tasks[1]

    bide.run(main())
    assert path.read_bytes() == b"02"


def test_file_cancelled_read_loses_nothing():
    async def main():
        a, b = os.pipe()
        async with await bide.open_file(f"/dev/fd/{a}", "rb") as f:
            os.close(a)
            first = bide.spawn(_await(f.read(3)))
            await bide.yield_now()
            second = bide.spawn(_await(f.read(3)))
            await bide.yield_now()
            first.cancel()
            with pytest.raises(bide.Cancelled):
                await first
            os.write(b, b"abc")
            os.close(b)
            assert await second == b"abc"

    bide.run(main())


def test_file_close_completes_what_was_accepted(tmp_path):
    path = tmp_path / "a"

    async def main():
        f = await bide.open_file(path, "wb")
        tasks = [bide.spawn(_await(f.write(b"x" * 100_000))) for _ in range(5)]
        await bide.yield_now()
        await f.close()
        assert [await t for t in tasks] == [100_000] * 5

    bide.run(main())
    assert path.stat().st_size == 500_000


def test_file_cancelled_close_closes(tmp_path):
    async def main():
        f = await bide.open_file(tmp_path / "a", "wb")
        fd = f.fileno()
        with bide.move_on_after(0):
            async with f:
                await bide.sleep(60)
        assert f.closed
        return fd

    fd = bide.run(main())
    with pytest.raises(OSError):
        os.fstat(fd)


class _Scenario:
    def __init__(self, path):
        self.path = path
        self.done = 0
        path.write_bytes(b"")

    def tasks(self):
        return [("victim", self.victim()), ("other", self.other())]

    async def victim(self):
        async with await bide.open_file(self.path, "ab") as f:
            for _ in range(3):
                await f.write(b"v")
                self.done += 1

    async def other(self):
        async with await bide.open_file(self.path, "ab") as f:
            for _ in range(3):
                await f.write(b"o")

    def check(self, outcome):
        data = self.path.read_bytes()
        assert data.count(b"o") == 3
        assert data.count(b"v") == self.done, outcome


def test_file_cancel_at_every_park(tmp_path):
    cancel_at_every_park(lambda: _Scenario(tmp_path / "a"))


class _Model:
    """What a file is: bytes and a position."""

    def __init__(self):
        self.data = bytearray()
        self.at = 0

    def put(self, at, data):
        if data:
            if at > len(self.data):
                self.data.extend(bytes(at - len(self.data)))
            self.data[at:at + len(data)] = data

    def take(self, n):
        data = bytes(self.data[self.at:self.at + n])
        self.at += len(data)
        return data


def _draw(rng, n):
    return bytes(96 + k if (k := rng.below(27)) else 10 for _ in range(n))


async def _step(f, model, rng):
    op, n, offset = rng.below(7), rng.below(60), rng.below(200)
    if op == 0:
        data = _draw(rng, n)
        await f.write(data)
        model.put(model.at, data)
        model.at += n
    elif op == 1:
        assert await f.read(n) == model.take(n)
    elif op == 2:
        model.at = await f.seek(offset)
    elif op == 3:
        await f.truncate(offset)
        model.put(offset, b"x")
        del model.data[offset:]
    elif op == 4:
        data = _draw(rng, n)
        await f.pwrite(data, offset)
        model.put(offset, data)
    elif op == 5:
        got = await f.pread(n, offset)
        assert got == model.data[offset:offset + n]
    else:
        end = model.data.find(b"\n", model.at)
        n = len(model.data) if end < 0 else end + 1 - model.at
        assert await f.readline() == model.take(n)
    assert await f.tell() == model.at


@pytest.mark.parametrize("seed", seeds())
def test_file_agrees_with_its_model(tmp_path, seed):
    path, model = tmp_path / "a", _Model()

    async def main():
        rng = Rng(seed)
        async with await bide.open_file(path, "wb+") as f:
            for _ in range(150):
                if model.at + 64 >= 1024:
                    break
                await _step(f, model, rng)

    bide.run(main())
    assert path.read_bytes() == model.data
