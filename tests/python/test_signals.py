import os
import signal
import subprocess
import sys
import textwrap
import threading

import pytest

import bide
from sweep import settle

USR1, USR2 = signal.SIGUSR1, signal.SIGUSR2


def run(coro):
    return bide.run(coro)


def with_signals(*signums):
    """Runs the decorated `check(caught)` at once."""
    def decorate(check):
        async def main():
            with bide.timeout(60):
                with bide.signals(*signums) as caught:
                    await check(caught)

        run(main())
        return check

    return decorate


async def _take(caught, log, n=1):
    for _ in range(n):
        log.append(await caught.wait())


def test_signal_wakes_its_listener():
    @with_signals(USR1)
    async def check(caught):
        log = []
        task = bide.spawn(_take(caught, log))
        await settle()
        assert log == []
        signal.raise_signal(USR1)
        await task
        assert log == [USR1] and caught.count == 1


def test_signal_reaches_every_listener():
    @with_signals(USR1, USR2)
    async def check(caught):
        with bide.signals(USR1) as other:
            signal.raise_signal(USR1)
            assert await caught.wait() == await other.wait() == USR1


def test_signal_listener_tells_which():
    @with_signals(USR1, USR2)
    async def check(caught):
        signal.raise_signal(USR2)
        signal.raise_signal(USR1)
        assert {await caught.wait(), await caught.wait()} == {USR1, USR2}


def test_signals_coalesce_and_are_counted():
    @with_signals(USR1)
    async def check(caught):
        for _ in range(3):
            signal.raise_signal(USR1)
        assert await caught.wait() == USR1 and caught.count == 3
        signal.raise_signal(USR1)
        assert await caught.wait() == USR1 and caught.count == 1


def test_signal_before_the_listener_is_not_told():
    @with_signals(USR1)
    async def check(caught):
        signal.raise_signal(USR1)
        with bide.signals(USR1) as later:
            with bide.move_on_after(0.01) as scope:
                await later.wait()
            assert scope.expired()


def test_signal_cancelled_wait_loses_nothing():
    @with_signals(USR1)
    async def check(caught):
        task = bide.spawn(_take(caught, []))
        await settle()
        task.cancel()
        await settle()
        signal.raise_signal(USR1)
        assert await caught.wait() == USR1


def test_signal_dropped_goes_to_the_next():
    @with_signals(USR1)
    async def check(caught):
        log = []
        loser = bide.spawn(bide.race(caught.wait(), bide.sleep(0)))
        await loser
        task = bide.spawn(_take(caught, log))
        signal.raise_signal(USR1)
        await task
        assert log == [USR1]


def test_signal_listener_puts_back_what_was_before():
    handled = []
    before = signal.signal(USR1, lambda signum, frame: handled.append(signum))
    try:
        @with_signals(USR1, USR2)
        async def check(caught):
            signal.raise_signal(USR1)
            assert await caught.wait() == USR1
            assert handled == [USR1]  # it goes on being called

        signal.raise_signal(USR1)
        assert handled == [USR1, USR1]
    finally:
        signal.signal(USR1, before)
    # SIGUSR2 has its default action again, which ends a process.
    assert child("""
        async def main():
            with bide.signals(signal.SIGUSR2) as caught:
                signal.raise_signal(signal.SIGUSR2)
                await caught.wait()
            print("now", flush=True)
            signal.raise_signal(signal.SIGUSR2)
        bide.run(main())
    """) == ("now\n", -signal.SIGUSR2)


def test_signal_handler_set_later_stays():
    handled = []
    before = signal.getsignal(USR1)
    try:
        @with_signals(USR1)
        async def check(caught):
            signal.signal(USR1, lambda signum, frame: handled.append(signum))

        signal.raise_signal(USR1)
        assert handled == [USR1]
    finally:
        signal.signal(USR1, before)


def test_signal_close_wakes_the_waits():
    @with_signals(USR1)
    async def check(caught):
        task = bide.spawn(_take(caught, []))
        loop = bide.spawn(_iterate(caught))
        await settle()
        caught.close()
        caught.close()
        assert caught.closed
        with pytest.raises(bide.ClosedError):
            await task
        assert await loop == []
        with pytest.raises(bide.ClosedError):
            await caught.wait()


async def _iterate(caught):
    return [signum async for signum in caught]


def test_signal_that_cannot_be_listened_to_is_an_error():
    async def main():
        for bad in signal.SIGKILL, signal.SIGSEGV, 0, -1, 10**30:
            with pytest.raises(ValueError, match="SIGKILL"):
                bide.signals(bad)
        with pytest.raises(ValueError):
            bide.signals(USR1, USR1)
        with pytest.raises(TypeError, match="SIGUSR1"):
            bide.signals("USR1")
        with pytest.raises(TypeError):
            bide.signals()

    run(main())
    with pytest.raises(bide.NoRuntimeError):
        bide.signals(USR1)


def test_signals_are_iterated():
    @with_signals(USR1, USR2)
    async def check(caught):
        signal.raise_signal(USR1)
        async for signum in caught:
            if signum == USR2:
                break
            signal.raise_signal(USR2)


def test_signals_reach_a_runtime_of_another_thread():
    log = []
    ready = threading.Event()

    async def main():
        with bide.timeout(60), bide.signals(USR1) as caught:
            ready.set()
            log.append(await caught.wait())

    thread = threading.Thread(target=bide.run, args=[main()])
    thread.start()
    ready.wait()
    os.kill(os.getpid(), USR1)
    thread.join()
    assert log == [USR1]


# -- in processes of their own ------------------------------------------------


def child(source):
    """Runs a program; what it printed, and how it ended."""
    program = "import bide, os, signal, sys\n" + textwrap.dedent(source)
    done = subprocess.run([sys.executable, "-c", program], timeout=60,
                          stdout=subprocess.PIPE, text=True)
    return done.stdout, done.returncode


def test_interrupt_is_the_listeners_while_there_is_one():
    assert child("""
        async def main():
            with bide.signals(signal.SIGINT) as caught:
                os.kill(os.getpid(), signal.SIGINT)
                print(await caught.wait() == signal.SIGINT)
                os.kill(os.getpid(), signal.SIGINT)
                print(await caught.wait() == signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
            try:
                await bide.sleep(60)
            finally:
                print("cleaned up")
        try:
            bide.run(main())
        except KeyboardInterrupt:
            print("interrupted")
    """) == ("True\nTrue\ncleaned up\ninterrupted\n", 0)


SERVER = """
async def end_after_the_signal():
    while not listener.closed:
        await bide.yield_now()

async def handler(stream):
    print("in", flush=True)
    inside.set()
    try:
        await HANDLE
        print("out", flush=True)
    except bide.Cancelled:
        print("cancelled", flush=True)
        raise

async def main():
    global listener, inside
    inside = bide.Event()
    async with await bide.listen_tcp("127.0.0.1", 0) as listener:
        serving = bide.spawn(listener.serve(
            handler, drain=DRAIN, signals=(signal.SIGINT, signal.SIGTERM)))
        client = await bide.connect_tcp("127.0.0.1", listener.port)
        await inside.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        AFTER
        await serving
        print("served", listener.closed, flush=True)

bide.run(main())
"""


def serve(handle, drain, after="pass"):
    return child(SERVER.replace("HANDLE", handle).replace("DRAIN", drain)
                 .replace("AFTER", after))


def test_serve_ends_at_a_signal_and_drains():
    for drain in "30", "None":
        assert serve("end_after_the_signal()", drain) == (
            "in\nout\nserved True\n", 0)


def test_serve_cancels_what_outlives_the_drain():
    assert serve("bide.sleep(600)", "0.01") == (
        "in\ncancelled\nserved True\n", 0)


def test_serve_second_signal_cancels_at_once():
    assert serve("bide.sleep(600)", "600",
                 "await end_after_the_signal(); "
                 "os.kill(os.getpid(), signal.SIGINT)") == (
        "in\ncancelled\nserved True\n", 0)


def test_serve_drains_after_a_close_too():
    async def main():
        inside = bide.Event()
        log = []

        async def handler(stream):
            inside.set()
            try:
                await bide.sleep(600)
            finally:
                log.append("ended")

        listener = await bide.listen_tcp("127.0.0.1", 0)
        serving = bide.spawn(listener.serve(handler, drain=0.01))
        async with await bide.connect_tcp("127.0.0.1", listener.port):
            await inside.wait()
            listener.close()
            await serving
        assert log == ["ended"]
        with pytest.raises(TypeError, match="drain"):
            listener.serve(handler, drain="5")

    run(main())


CUT = """
        import threading
        inside = threading.Event()

        def interrupt():
            inside.wait()
            os.kill(os.getpid(), signal.SIGINT)

        async def stubborn():
            try:
                await bide.sleep(None)
            finally:
                try:
                    with bide.shield():
                        {second}
                        await bide.sleep(None)
                    print("not reached")
                finally:
                    print("closed")

        async def main():
            {before}
            os.kill(os.getpid(), signal.SIGINT)
            {then}

        threading.Thread(target=interrupt, daemon=True).start()
        try:
            bide.run(main())
        except KeyboardInterrupt:
            print("raised")
"""


@pytest.mark.parametrize("second", [
    "inside.set()",
    "os.kill(os.getpid(), signal.SIGINT)",
])
@pytest.mark.parametrize("before, then", [
    ("", "await stubborn()"),
    ("bide.spawn(stubborn())", "await bide.sleep(None)"),
])
def test_interrupt_again_ends_the_run_without_its_cleanup(second, before, then):
    if before:
        before += "; await bide.yield_now()"
    program = CUT.format(second=second, before=before, then=then)
    assert child(program) == ("closed\nraised\n", 0)


def test_interrupt_again_does_not_wait_for_jobs():
    assert child("""
        import threading
        started, forever = threading.Event(), threading.Event()

        def work():
            started.set()
            forever.wait()

        async def main():
            bide.spawn_blocking(work)
            started.wait()
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
            await bide.sleep(None)

        try:
            bide.run(main(), shutdown_timeout=None)
        except KeyboardInterrupt:
            print("raised", flush=True)
        forever.set()
    """) == ("raised\n", 0)
