"""Nothing is left behind: each scenario runs many times in a fresh interpreter,
and neither memory blocks nor references to the classes may grow."""

import textwrap

import pytest

from test_run import python

HARNESS = """
import gc, sys, warnings
import bide
from bide import _core

warnings.simplefilter("ignore")
sys.unraisablehook = lambda args: None

CLASSES = [c for c in vars(_core).values() if isinstance(c, type)]

def measure():
    gc.collect()
    return sys.getallocatedblocks(), sum(sys.getrefcount(c) for c in CLASSES)

def check(scenario):
    for _ in range(30):
        scenario()
    seen = []
    for _ in range(40):
        before = measure()
        for _ in range(50):
            scenario()
        after = measure()
        seen.append((after[0] - before[0], after[1] - before[1]))
        # A leak grows by at least 1 for each of the 50, every time; what fills
        # free lists and pools comes to rest.
        if seen[-1][0] < 25 and abs(seen[-1][1]) < 25:
            return
    raise SystemExit(f"leaks (blocks, class references): {seen}")

def running(main, **options):
    def scenario():
        try:
            bide.run(main(), virtual_clock=True, **options)
        except Exception:
            pass
    return scenario
"""

SCENARIOS = {
    "interval": """
        async def main():
            iv = bide.interval(1, missed="skip")
            async for when in iv:
                if when > 3:
                    break
            t = bide.spawn(iv.tick())
            await bide.yield_now()
            repr(iv)
    """,
    "signals": """
        import signal

        async def wait(caught):
            return [n async for n in caught]

        async def main():
            with bide.signals(signal.SIGUSR1, signal.SIGUSR2) as caught:
                t = bide.spawn(wait(caught))
                await bide.yield_now()
                signal.raise_signal(signal.SIGUSR1)
                with bide.signals(signal.SIGUSR1) as other:
                    signal.raise_signal(signal.SIGUSR1)
                    await other.wait()
            await t
            dropped = bide.signals(signal.SIGUSR1)
            try:
                bide.signals(signal.SIGKILL)
            except ValueError:
                pass
    """,
    "readiness": """
        import socket

        async def wait(sock):
            await bide.wait_readable(sock)

        async def main():
            a, b = socket.socketpair()
            t, u = bide.spawn(wait(a)), bide.spawn(wait(b))
            await bide.yield_now()
            b.send(b"x")
            await t
            bide.notify_closing(b)
            a.close()
            b.close()
            await u
    """,
    "run": """
        async def main():
            await bide.sleep(1)
    """,
    "tasks": """
        async def work(n):
            await bide.sleep(n)
            return [n]

        async def main():
            tasks = [bide.spawn(work(i), name=f"w{i}") for i in range(5)]
            for t in tasks:
                await t
                repr(t)
    """,
    "failures": """
        async def work():
            raise ValueError([1])

        async def main():
            bide.spawn(work())
            try:
                await bide.spawn(work())
            except ValueError:
                pass
            try:
                async with bide.TaskGroup() as tg:
                    tg.spawn(work())
                    tg.spawn(bide.sleep(5))
            except* ValueError:
                pass
            raise KeyError
    """,
    "cancellation": """
        async def main():
            with bide.CancelToken(timeout=1) as token:
                token.child().cancel([1])
                await bide.sleep(2)
            with bide.move_on_after(1) as scope:
                scope.cancel([2])
                await bide.sleep(2)
            try:
                with bide.timeout(1):
                    await bide.Event().wait()
            except TimeoutError:
                pass
            t = bide.spawn(bide.sleep(9))
            t.cancel([3])
            bide.spawn(bide.sleep(9), token=token)
            bide.timeout(1).__enter__()
            bide.CancelToken().__enter__()
    """,
    "futures": """
        class Thing: pass

        async def main():
            thing = Thing()
            thing.future = bide.Future(name="f")
            thing.future.set_result(thing)
            await thing.future
            failed = bide.Future()
            failed.set_exception(ValueError([1]))
            try:
                await failed
            except ValueError:
                pass
            bide.Future().set_exception(ValueError)
            bide.Future().cancel([1])
            bide.Future()
    """,
    "groups": """
        async def work(n):
            await bide.sleep(n)
            return [n]

        async def main():
            await bide.gather(work(1), work(2), bide.sleep(1))
            await bide.gather(work(1), main_error(), return_exceptions=True)
            await bide.race(work(1), work(2))
            await bide.race(bide.sleep(1), bide.Channel(1).recv())
            bide.gather(bide.sleep(1))
            bide.race(bide.sleep(1))
            async with bide.TaskGroup() as tg:
                tg.spawn(work(1))
                tg.cancel([1])

        async def main_error():
            raise ValueError
    """,
    "operations": """
        async def main():
            bide.sleep(1)
            op = bide.Channel(1).send([1])
            op.send(None)
            op = bide.Event().wait()
            op.send(None)
            op.close()
            op = bide.Event().wait()
            op.send(None)
            try:
                op.throw(ValueError([1]))
            except ValueError:
                pass
            ch = bide.Channel(2)
            await ch.send([1])
            await ch.recv()
            m = bide.Mutex()
            async with m:
                m.__aexit__
            try:
                await m.unlock()
            except RuntimeError:
                pass
    """,
    "deadlock": """
        async def main():
            bide.spawn(bide.Event().wait())
            async with bide.TaskGroup() as tg:
                tg.spawn(bide.Event().wait())
    """,
    "generators": """
        async def numbers():
            try:
                yield 1
                yield 2
            finally:
                await bide.sleep(1)

        kept = []

        async def main():
            async for _ in numbers():
                break
            kept[:] = [numbers()]
            await anext(kept[0])
    """,
    "exits": """
        async def leave():
            raise SystemExit

        def scenario():
            async def main():
                bide.spawn(leave())
                bide.spawn(bide.sleep(9))
                await bide.sleep(9)
            try:
                bide.run(main(), virtual_clock=True)
            except SystemExit:
                pass

        main = None
    """,
    "mistakes": """
        async def nothing(): pass

        def scenario():
            for call in (
                lambda: bide.run(1),
                lambda: bide.run(nothing, x=1),
                lambda: bide.spawn(bide.sleep(1)),
                lambda: bide.CancelToken(parent=1),
                lambda: bide.Future(name=1),
                lambda: bide.sleep("x"),
                lambda: bide.gather(1),
                lambda: bide.race(bide.sleep(1), 2),
                lambda: bide.timeout(1).__enter__(),
                lambda: bide.sleep(1).send(None),
            ):
                try:
                    call()
                except (TypeError, RuntimeError):
                    pass

        main = None
    """,
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_nothing_leaks(name):
    code = HARNESS + textwrap.dedent(SCENARIOS[name])
    code += "\ncheck(scenario if main is None else running(main))\n"
    status, out, err = python(code)
    assert status == 0, err
