"""Handles of the asyncio loop: contexts that seem to be copies of their own, and
the collector, which has to find those that nobody needs."""

import asyncio
import contextvars
import gc
import sys
import threading
import weakref

import pytest

import bide
from sweep import settle

var = contextvars.ContextVar("var", default="unset")


@pytest.fixture
def loop():
    loop = bide.new_event_loop()
    yield loop
    loop.close()


def run_once(loop):
    loop.call_soon(loop.stop)
    loop.run_forever()


class Thing:
    pass


# -- contexts -----------------------------------------------------------------


def test_callbacks_do_not_see_each_others_variables(loop):
    seen = []

    def callback(value):
        seen.append(var.get())
        var.set(value)
        loop.call_soon(lambda: seen.append(var.get()))

    for value in range(3):
        loop.call_soon(callback, value)
    run_once(loop)
    run_once(loop)
    assert seen == ["unset"] * 3 + [0, 1, 2]
    assert var.get() == "unset"


def test_callback_runs_in_the_context_of_its_call(loop):
    seen = []

    def caller():
        for value in ("a", "b", "b", "c"):
            var.set(value)
            loop.call_soon(lambda: seen.append(var.get()))
            loop.call_later(0, lambda: seen.append(var.get()))
        var.set("late")

    contextvars.copy_context().run(caller)
    loop.call_soon(lambda: seen.append(var.get()))
    loop.call_later(0.001, loop.stop)
    loop.run_forever()
    assert sorted(seen) == sorted(["a", "b", "b", "c"] * 2 + ["unset"])


def test_token_is_of_one_callback(loop):
    tokens = []

    def reset():
        with pytest.raises(ValueError, match="different Context"):
            var.reset(tokens[0])
        tokens.append(None)

    # To a value that it has: this leaves a context as it was.
    def caller():
        var.set("same")
        loop.call_soon(lambda: tokens.append(var.set("same")))
        loop.call_soon(reset)

    contextvars.copy_context().run(caller)
    run_once(loop)
    assert len(tokens) == 2


def test_context_of_a_handle_is_its_own(loop):
    seen = []
    handles = [loop.call_soon(lambda: seen.append(var.get()))
               for _ in range(3)]
    timer = loop.call_later(0, lambda: seen.append(var.get()))
    handles[1]._context.run(var.set, "mine")
    timer._context.run(var.set, "the timer's")
    assert handles[0]._context is handles[0]._context
    assert handles[0]._context is not handles[2]._context
    if sys.version_info >= (3, 12):
        assert handles[1].get_context() is handles[1]._context
    loop.call_later(0.001, loop.stop)
    loop.run_forever()
    assert seen == ["unset", "mine", "unset", "the timer's"]


def test_context_of_a_handle_has_what_its_callback_set(loop):
    kept = loop.call_soon(var.set, "kept")
    contexts = []
    loop.set_exception_handler(lambda loop, context: contexts.append(context))

    def fail():
        var.set("failed")
        raise ZeroDivisionError

    loop.call_soon(fail)
    run_once(loop)
    assert kept._context[var] == "kept"
    assert contexts[0]["handle"]._context[var] == "failed"


def test_handle_gets_no_context_that_is_none(loop):
    handle = loop.call_soon(print)
    with pytest.raises(TypeError, match="Context"):
        handle._context = 1
    handle._context = context = contextvars.Context()
    assert handle._context is context
    handle.cancel()


def test_threads_call_in_their_own_context(loop):
    seen = []

    def caller(value):
        var.set(value)
        for _ in range(3):
            loop.call_soon_threadsafe(lambda: seen.append(var.get()))

    for value in "ab":
        thread = threading.Thread(target=caller, args=(value,))
        thread.start()
        thread.join()
    run_once(loop)
    assert seen == list("aaabbb")


def test_values_of_variables_live_no_longer_than_calls_need(loop):
    async def main():
        def caller():
            thing = Thing()
            var.set(thing)
            loop.call_soon(print, "")
            return weakref.ref(thing)

        gone = contextvars.copy_context().run(caller)
        await settle()
        return gone()

    gc.disable()
    try:
        assert loop.run_until_complete(main()) is None
    finally:
        gc.enable()


# -- the collector ------------------------------------------------------------


def handle_in_a_cycle(schedule):
    thing = Thing()
    thing.handle = schedule(lambda: thing)
    return weakref.ref(thing)


def test_cycle_through_a_handle_that_ran_is_collected(loop):
    async def main():
        gone = [handle_in_a_cycle(loop.call_soon),
                handle_in_a_cycle(loop.call_soon_threadsafe),
                handle_in_a_cycle(lambda fn: loop.call_later(0, fn))]
        await settle()
        return gone

    gone = loop.run_until_complete(main())
    gc.collect()
    assert [ref() for ref in gone] == [None] * 3


def test_cycle_through_a_handle_that_failed_is_collected(loop):
    def fail(things):
        things.append(things)
        raise ZeroDivisionError

    failed = []
    loop.set_exception_handler(lambda loop, context: failed.append(context))
    thing = Thing()
    gone = weakref.ref(thing)
    loop.call_soon(fail, [thing])
    run_once(loop)
    thing.handle = failed.pop()["handle"]
    assert gc.is_tracked(thing.handle)
    del thing
    gc.collect()
    assert gone() is None


@pytest.mark.filterwarnings("ignore:unclosed event loop")
@pytest.mark.parametrize("keep", [False, True])
def test_handles_that_never_run_are_collected_with_their_loop(keep):
    def left_while_running():
        handles.append(loop.call_soon(print, loop, thing))
        if not keep:
            handles.clear()
        loop.stop()

    loop = bide.new_event_loop()
    thing, handles = Thing(), []
    thing.handles = handles
    gone = weakref.ref(thing), weakref.ref(loop)
    loop.call_soon(left_while_running)
    loop.run_forever()
    handles.append(loop.call_soon(print, loop, thing))
    del loop, thing, handles, left_while_running
    gc.collect()
    assert [ref() for ref in gone] == [None, None]


@pytest.mark.parametrize("native", [False, True])
def test_pending_handles_live_through_a_collection(loop, native):
    async def main():
        loop = asyncio.get_running_loop()
        seen, kept = [], []
        for i in range(3000):
            handle = loop.call_soon(lambda *args: seen.append(args), [i])
            if i % 2:
                kept.append(handle)
        loop.call_soon(gc.collect)
        gc.collect()
        await asyncio.sleep(0)
        assert [args for [args] in seen] == [[i] for i in range(3000)]
        assert all(gc.is_tracked(handle) for handle in kept)

    bide.run(main()) if native else loop.run_until_complete(main())


def test_weak_reference_to_a_pending_handle(loop):
    handle = loop.call_soon(print, "")
    watch = weakref.ref(handle)
    del handle
    assert watch() is not None
    run_once(loop)
    assert watch() is None
