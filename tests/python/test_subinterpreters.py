"""Two interpreters of one process, each with its own GIL, each with a
runtime."""

import sys
import textwrap
import threading

import pytest

import bide
from test_run import python

if sys.version_info < (3, 12):
    pytest.skip("interpreters with their own GIL: 3.12", allow_module_level=True)


# The main interpreter imports first: CPython 3.12.1 is left with a corrupted heap
# when asyncio is first imported in another one, with nothing of bide's loaded.
HEAD = """
import sys
import bide
try:
    import _interpreters as interpreters
    def create(): return interpreters.create("isolated")
    def execute(i, code):
        error = interpreters.exec(i, code)
        assert error is None, error.formatted
except ImportError:
    import _xxsubinterpreters as interpreters
    def create(): return interpreters.create(isolated=True)
    execute = interpreters.run_string
"""

WORK = """
import bide, sys

async def work(n):
    m = bide.Mutex()
    ch = bide.Channel(4)

    async def producer():
        for i in range(n):
            async with m:
                await ch.send(i)
        ch.close()

    async def main():
        total = 0
        async with bide.TaskGroup() as tg:
            tg.spawn(producer())
            async for v in ch:
                total += v
        with bide.move_on_after(0.001):
            await bide.Event().wait()
        assert await bide.spawn_blocking(lambda: 7) == 7
        return total

    return await main()

assert bide.run(work(2000)) == sum(range(2000))
"""


def check(code):
    status, out, err = python(HEAD + textwrap.dedent(code))
    assert status == 0, err
    assert err == ""
    return out


def test_runtime_in_another_interpreter():
    out = check(
        f"""
        WORK = {WORK!r}
        exec(WORK)
        for _ in range(3):
            i = create()
            execute(i, WORK)
            interpreters.destroy(i)
        exec(WORK)
        print("fine")
        """
    )
    assert out == "fine\n"


def test_two_interpreters_run_at_once():
    out = check(
        f"""
        import threading
        WORK = {WORK!r}
        ids = [create() for _ in range(2)]
        failed = []
        def drive(i):
            # Destroyed here: CPython 3.12 waits for ever for the thread that
            # imported `threading` first, when that is another one.
            try:
                for _ in range(5):
                    execute(i, WORK)
                interpreters.destroy(i)
            except BaseException as error:
                failed.append(error)
        threads = [threading.Thread(target=drive, args=(i,)) for i in ids]
        for t in threads: t.start()
        exec(WORK)
        for t in threads: t.join()
        assert not failed, failed
        print("fine")
        """
    )
    assert out == "fine\n"


def test_interpreter_inside_a_running_task():
    out = check(
        """
        import bide, textwrap
        INNER = '''
        import bide
        async def nothing(): pass
        coro = nothing()
        try:
            bide.run(coro)
        except RuntimeError as error:
            assert "inside a running runtime" in str(error), error
        else:
            raise AssertionError
        coro.close()
        assert bide.current_task() is None
        op = bide.sleep(0)
        try:
            op.send(None)
        except bide.NoRuntimeError:
            pass
        else:
            raise AssertionError
        '''
        async def main():
            i = create()
            execute(i, textwrap.dedent(INNER))
            interpreters.destroy(i)
            await bide.sleep(0.001)
            print("fine")
        bide.run(main())
        """
    )
    assert out == "fine\n"


def test_objects_left_at_an_interpreters_end():
    out = check(
        """
        LEFT = '''
        import bide, sys
        async def value(): return 1
        async def main():
            t = bide.spawn(value())
            await t
            return t
        sys.left = [bide.run(main()), bide.Future(), bide.CancelToken(),
                    bide.Channel(3), bide.sleep(0), bide.timeout(1)]
        sys.left[1].set_result(sys.left)
        sys.left[4].close()
        '''
        import textwrap
        for _ in range(3):
            i = create()
            execute(i, textwrap.dedent(LEFT))
            interpreters.destroy(i)
        print("fine")
        """
    )
    assert out == "fine\n"


def test_this_interpreter_is_unharmed():
    async def main():
        await bide.sleep(0)
        return threading.current_thread() is threading.main_thread()

    assert bide.run(main())
