"""The event loop for asyncio: what asyncio's own tests do not look at."""

import asyncio
import contextlib
import contextvars
import gc
import inspect
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import weakref

import pytest

import bide
from aio_net import LOOPS, every_loop


@pytest.fixture
def loop():
    loop = bide.new_event_loop()
    yield loop
    loop.close()


def run(loop, coro):
    return loop.run_until_complete(asyncio.wait_for(coro, 60))


def stock_methods():
    """All of an asyncio loop's that are public, and what is abstract besides."""
    stock = asyncio.SelectorEventLoop
    names = {name for name in dir(stock) if not name.startswith("_")}
    names.update(name for name in dir(asyncio.AbstractEventLoop)
                 if not name.startswith("__"))
    return sorted(name for name in names if callable(getattr(stock, name)))


@pytest.mark.parametrize("name", stock_methods())
def test_signature_is_that_of_asyncio(name):
    def shape(cls):
        signature = inspect.signature(getattr(cls, name))
        shapes = [(p.name, p.kind, p.default)
                  for p in signature.parameters.values()]
        return shapes[1:]  # `self` of methods in C is positional only

    assert shape(bide.EventLoop) == shape(asyncio.SelectorEventLoop)


def test_is_an_asyncio_loop(loop):
    assert isinstance(loop, asyncio.AbstractEventLoop)
    assert isinstance(loop.call_soon(print), asyncio.Handle)
    timer = loop.call_later(10, print)
    assert isinstance(timer, asyncio.TimerHandle)
    assert type(loop.create_future()) is asyncio.Future


def test_callbacks_run_in_order_with_their_arguments(loop):
    seen = []
    for count in range(6):
        loop.call_soon(lambda *args: seen.append(args), *range(count))
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert seen == [tuple(range(count)) for count in range(6)]


def test_callback_runs_in_its_context(loop):
    var = contextvars.ContextVar("var", default="outside")
    context = contextvars.copy_context()
    context.run(var.set, "inside")
    seen = []
    loop.call_soon(lambda: seen.append(var.get()), context=context)
    loop.call_soon(lambda: seen.append(var.get()))
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert seen == ["inside", "outside"]
    with pytest.raises(TypeError, match="context"):
        loop.call_soon(print, context=1)
    with pytest.raises(TypeError, match="unexpected keyword"):
        loop.call_soon(print, wrong=1)
    with pytest.raises(TypeError, match="callback"):
        loop.call_soon()


def test_arguments_may_be_keywords(loop):
    seen = []
    loop.call_soon(callback=lambda: seen.append(1))
    loop.call_later(delay=0, callback=loop.stop)
    loop.run_forever()
    assert seen == [1]
    with pytest.raises(TypeError, match="callback"):
        loop.call_later(delay=0)


def test_callbacks_added_in_a_batch_run_in_the_next(loop):
    seen = []

    def first():
        seen.append("first")
        loop.call_soon(seen.append, "third")
        loop.stop()

    loop.call_soon(first)
    loop.call_soon(seen.append, "second")
    loop.run_forever()
    assert seen == ["first", "second"]
    loop.stop()
    loop.run_forever()
    assert seen == ["first", "second", "third"]


def test_cancelled_handles_do_not_run(loop):
    seen = []
    loop.call_soon(seen.append, "a").cancel()
    timer = loop.call_later(0, seen.append, "b")
    timer.cancel()
    timer.cancel()
    assert timer.cancelled()
    loop.call_later(0.001, loop.stop)
    loop.run_forever()
    assert seen == []


def test_timers_fire_in_order_and_never_early(loop):
    early, order = [], []

    def due(when):
        order.append(when)
        if loop.time() < when:
            early.append((when, loop.time()))

    start = loop.time()
    times = [start + delay * 0.00037 for delay in (7, 3, 9, 1, 5, 2, 8)]
    for when in times:
        loop.call_at(when, due, when)
    loop.call_at(max(times) + 0.001, loop.stop)
    loop.run_forever()
    assert order == sorted(times)
    assert early == []


def test_timer_that_is_due_runs_in_the_next_batch(loop):
    def first():
        loop.call_later(0, seen.append, "timer")
        loop.call_soon(second)

    def second():
        seen.append("second")
        loop.call_soon(third)

    def third():
        seen.append("third")
        loop.stop()

    seen = []
    loop.call_soon(first)
    loop.run_forever()
    assert seen == ["second", "timer", "third"]


def test_timer_arguments_are_checked(loop):
    for call in (loop.call_later, loop.call_at):
        with pytest.raises(TypeError):
            call(None, print)
        with pytest.raises(ValueError, match="NaN"):
            call(float("nan"), print)
        with pytest.raises(TypeError):
            call(1)
    far = loop.call_later(float("inf"), print)
    assert far.when() == float("inf")


def test_failing_callback_goes_to_the_exception_handler(loop):
    contexts = []
    loop.set_exception_handler(lambda loop, context: contexts.append(context))
    loop.call_soon(lambda: 1 / 0)
    loop.call_soon(loop.stop)
    loop.run_forever()
    [context] = contexts
    assert isinstance(context["exception"], ZeroDivisionError)
    assert isinstance(context["handle"], asyncio.Handle)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_exits_leave_run_forever_and_the_loop_goes_on(loop, error):
    seen = []

    def leave():
        raise error

    loop.call_soon(leave)
    loop.call_soon(seen.append, "later")
    with pytest.raises(error):
        loop.run_forever()
    assert seen == []
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert seen == ["later"]


def test_threads_call_in(loop):
    count, seen = 1000, []

    def caller():
        for i in range(count):
            loop.call_soon_threadsafe(seen.append, i)
        loop.call_soon_threadsafe(done)

    def done():
        nonlocal left
        left -= 1
        if not left:
            loop.stop()

    left = 4
    threads = [threading.Thread(target=caller) for _ in range(left)]
    for thread in threads:
        thread.start()
    loop.run_forever()
    for thread in threads:
        thread.join()
    assert len(seen) == 4 * count


def test_sleeping_loop_waits_for_its_threads(loop):
    async def main():
        future = loop.create_future()
        ready = threading.Event()

        def other():
            ready.wait()
            loop.call_soon_threadsafe(future.set_result, "called in")

        thread = threading.Thread(target=other)
        thread.start()
        loop.call_later(0.01, ready.set)
        result = await future
        thread.join()
        return result

    assert run(loop, main()) == "called in"


def test_reader_survives_a_descriptor_closed_behind_it(loop):
    a, b = socket.socketpair()
    seen = []
    loop.add_reader(a.fileno(), seen.append, "old")
    number = a.fileno()
    a.close()
    b.close()
    c, d = socket.socketpair()
    with c, d:
        assert number in (c.fileno(), d.fileno())
        reader, writer = (c, d) if c.fileno() == number else (d, c)
        loop.add_reader(reader, lambda: (seen.append("new"), loop.stop()))
        writer.send(b"x")
        loop.run_forever()
        assert loop.remove_reader(reader)
        assert not loop.remove_reader(reader)
    assert seen == ["new"]


def test_reader_that_runs_late_runs_once(loop):
    a, b = socket.socketpair()
    with a, b:
        seen = []
        loop.add_reader(a, lambda: seen.append(a.recv(10)))
        b.send(b"x")
        for _ in range(200):
            loop.call_soon(lambda: None)
        loop.call_later(0.005, loop.stop)
        loop.run_forever()
        loop.remove_reader(a)
    assert seen == [b"x"]


@every_loop
@pytest.mark.parametrize("side", ["reader", "writer"])
def test_reader_of_a_closed_socket_can_be_removed(loop_name, side):
    with contextlib.closing(LOOPS[loop_name]()) as loop:
        a, b = socket.socketpair()
        getattr(loop, f"add_{side}")(a, print)
        a.close()
        b.close()
        remove = getattr(loop, f"remove_{side}")
        assert remove(a)
        with pytest.raises(ValueError):
            remove(a)
        gone = weakref.ref(a)
        del a
        assert gone() is None


@every_loop
def test_reader_is_called_in_the_midst_of_a_chain(loop_name):
    """What a chain of callbacks has caused comes in before its end."""
    def step(n):
        seen.append(n)
        if n == 0:
            b.send(b"x")
        if n < 8:
            loop.call_soon(step, n + 1)
        else:
            loop.stop()

    a, b = socket.socketpair()
    with a, b, contextlib.closing(LOOPS[loop_name]()) as loop:
        seen = []
        loop.add_reader(a, lambda: seen.append(a.recv(10)))
        loop.call_soon(step, 0)
        loop.run_forever()
        loop.remove_reader(a)
    assert b"x" in seen[2:4]


def test_reader_of_what_cannot_be_polled_is_an_error(loop, tmp_path):
    with (tmp_path / "file").open("w") as file, pytest.raises(OSError):
        loop.add_reader(file, print)
    with pytest.raises(ValueError, match="Invalid file object"):
        loop._add_reader("nonsense", print)


def test_signal_handler_runs_in_the_loop(loop):
    seen = []
    loop.add_signal_handler(signal.SIGUSR1, lambda: (seen.append(1),
                                                     loop.stop()))
    loop.call_soon(os.kill, os.getpid(), signal.SIGUSR1)
    loop.run_forever()
    assert seen == [1]
    assert loop.remove_signal_handler(signal.SIGUSR1)
    assert not loop.remove_signal_handler(signal.SIGUSR1)
    assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL


def test_closed_loop_refuses(loop):
    loop.close()
    loop.close()
    for call in (loop.call_soon, loop.call_soon_threadsafe):
        with pytest.raises(RuntimeError, match="closed"):
            call(print)
    with pytest.raises(RuntimeError, match="closed"):
        loop.call_later(1, print)
    with pytest.raises(RuntimeError, match="closed"):
        loop.run_forever()


def test_loop_inside_another_is_refused_and_can_be_closed(loop):
    async def main():
        other = bide.new_event_loop()
        with pytest.raises(RuntimeError, match="another loop is running"):
            other.run_forever()
        other.close()

    run(loop, main())


def test_loops_leave_nothing_behind():
    class Thing:
        pass

    loop = bide.new_event_loop()
    thing = Thing()
    gone = weakref.ref(thing)
    a, b = socket.socketpair()
    with a, b:
        loop.call_soon(print, thing)
        loop.call_later(100, print, thing, 1, 2, 3, 4)
        loop.add_reader(a, print, thing)
        del thing
        loop.close()
    gc.collect()
    assert gone() is None
    watch = weakref.ref(loop)
    del loop
    gc.collect()
    assert watch() is None


def test_loop_that_was_never_closed_is_reported():
    with pytest.warns(ResourceWarning, match="unclosed event loop"):
        bide.new_event_loop()
        gc.collect()


def test_debug_mode_reports_slow_callbacks(loop, caplog):
    loop.set_debug(True)
    loop.slow_callback_duration = 0
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert "Executing <Handle" in caplog.text
    with pytest.raises(TypeError, match="callable"):
        loop.call_soon("nothing")


def test_debug_mode_holds_no_failed_task(loop):
    async def fail():
        raise ZeroDivisionError

    async def main():
        loop.set_exception_handler(lambda loop, context: seen.append("told"))
        asyncio.Task(fail())
        await asyncio.sleep(0)
        seen.append("next")

    seen = []
    loop.set_debug(True)
    gc.disable()
    try:
        loop.run_until_complete(main())
    finally:
        gc.enable()
    assert seen == ["told", "next"]


def test_install_makes_it_the_default():
    code = """
        import asyncio, bide
        bide.install()
        async def main():
            assert isinstance(asyncio.get_running_loop(), bide.EventLoop)
        asyncio.run(main())
        loop = asyncio.new_event_loop()
        assert isinstance(loop, bide.EventLoop)
        loop.close()
    """
    subprocess.run([sys.executable, "-W", "ignore::DeprecationWarning", "-c",
                    textwrap.dedent(code)], check=True, timeout=60)


def test_interrupt_ends_asyncio_run():
    code = """
        import asyncio, bide, os, signal
        async def main():
            loop = asyncio.get_running_loop()
            loop.call_later(0.01, os.kill, os.getpid(), signal.SIGINT)
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                print("cleanup", flush=True)
                raise
        try:
            with asyncio.Runner(loop_factory=bide.new_event_loop) as runner:
                runner.run(main())
        except KeyboardInterrupt:
            print("interrupted")
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)],
                          check=True, timeout=60, capture_output=True,
                          text=True)
    assert done.stdout.split() == ["cleanup", "interrupted"]


# -- sockets -------------------------------------------------------------------


def with_pair(loop, test):
    async def main():
        a, b = socket.socketpair()
        with a, b:
            a.setblocking(False)
            b.setblocking(False)
            await test(a, b)

    run(loop, main())


def test_sock_recv_waits_for_data(loop):
    async def test(a, b):
        task = asyncio.create_task(loop.sock_recv(a, 10))
        await asyncio.sleep(0)
        b.send(b"data")
        assert await task == b"data"
        b.send(b"more")
        assert await loop.sock_recv(a, 10) == b"more"
        b.close()
        assert await loop.sock_recv(a, 10) == b""

    with_pair(loop, test)


def test_sock_sendall_waits_for_room(loop):
    async def test(a, b):
        data = bytes(range(256)) * 20000
        task = asyncio.create_task(loop.sock_sendall(a, data))
        got = bytearray()
        buffer = bytearray(100000)
        while len(got) < len(data):
            count = await loop.sock_recv_into(b, buffer)
            got += buffer[:count]
        await task
        assert got == data

    with_pair(loop, test)


def test_sock_recv_cancelled_takes_nothing(loop):
    async def test(a, b):
        task = asyncio.create_task(loop.sock_recv(a, 10))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        b.send(b"kept")
        assert await loop.sock_recv(a, 10) == b"kept"

    with_pair(loop, test)


def test_sock_of_a_reused_number_is_registered_anew(loop):
    async def main():
        for _ in range(3):
            a, b = socket.socketpair()
            with a, b:
                a.setblocking(False)
                b.setblocking(False)
                task = asyncio.create_task(loop.sock_recv(a, 10))
                await asyncio.sleep(0)
                b.send(b"x")
                assert await task == b"x"

    run(loop, main())


def test_sock_beside_a_reader_of_the_same_descriptor(loop):
    async def test(a, b):
        called = []
        task = asyncio.create_task(loop.sock_recv(a, 10))
        await asyncio.sleep(0)
        loop.add_writer(a, called.append, 1)
        b.send(b"x")
        assert await task == b"x"
        while not called:
            await asyncio.sleep(0)
        loop.remove_writer(a)
        task = asyncio.create_task(loop.sock_recv(a, 10))
        await asyncio.sleep(0)
        b.send(b"y")
        assert await task == b"y"

    with_pair(loop, test)


def test_sock_errors_are_raised_at_the_await(loop):
    async def test(a, b):
        a.close()
        with pytest.raises(OSError):
            await loop.sock_recv(a, 10)
        with pytest.raises(TypeError):
            await loop.sock_sendall(b, "text")
        with pytest.raises(ValueError):
            await loop.sock_recv(b, -1)

    with_pair(loop, test)


def test_sock_datagrams(loop):
    async def main():
        a = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        b = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with a, b:
            for one in (a, b):
                one.setblocking(False)
                one.bind(("127.0.0.1", 0))
            task = asyncio.create_task(loop.sock_recvfrom(a, 100))
            await asyncio.sleep(0)
            assert await loop.sock_sendto(b, b"hi", a.getsockname()) == 2
            assert await task == (b"hi", b.getsockname())
            buffer = bytearray(10)
            await loop.sock_sendto(b, b"you", a.getsockname())
            assert await loop.sock_recvfrom_into(a, buffer) == (
                3, b.getsockname())

    run(loop, main())


def test_sock_accept(loop):
    async def main():
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.setblocking(False)
            task = asyncio.create_task(loop.sock_accept(server))
            client = socket.socket()
            with client:
                client.setblocking(False)
                await loop.sock_connect(client, server.getsockname())
                connection, address = await task
                with connection:
                    assert connection.gettimeout() == 0
                    assert address == client.getsockname()

    run(loop, main())
