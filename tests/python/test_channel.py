import gc
import weakref

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bide
from sweep import (
    ModelTest,
    agrees_with_model,
    cancel_at_every_park,
    drawn_model_test,
    settle,
)


def run(coro, **options):
    return bide.run(coro, virtual_clock=True, **options)


async def collect(ch):
    return [value async for value in ch]


# -- tasks --------------------------------------------------------------------


def test_channel_keeps_the_order():
    async def main():
        ch = bide.Channel(3)

        async def produce():
            for i in range(100):
                await ch.send(i)
            ch.close()

        bide.spawn(produce())
        assert await collect(ch) == list(range(100))

    for seed in range(4):
        run(main(), seed=seed)


def test_channel_send_waits_when_full():
    async def main():
        ch = bide.Channel(2)
        sent = []

        async def produce():
            for i in range(4):
                await ch.send(i)
                sent.append(i)

        bide.spawn(produce())
        await settle()
        assert sent == [0, 1] and len(ch) == 2
        assert await ch.recv() == 0
        await settle()
        assert sent == [0, 1, 2] and len(ch) == 2

    run(main())


def test_channel_recv_waits_when_empty():
    async def main():
        ch = bide.Channel(2)
        t = bide.spawn(_recv(ch))
        await settle()
        assert not t.done()
        await ch.send("x")
        assert await t == "x"

    run(main())


async def _recv(ch):
    return await ch.recv()


async def _send(ch, value):
    await ch.send(value)


def test_channel_serves_receivers_in_fifo_order():
    async def main():
        ch = bide.Channel(1)
        tasks = [bide.spawn(_recv(ch)) for _ in range(4)]
        await settle()
        for i in range(4):
            await ch.send(i)
        assert [await t for t in tasks] == [0, 1, 2, 3]

    run(main())


def test_channel_serves_senders_in_fifo_order():
    async def main():
        ch = bide.Channel(1)
        await ch.send("first")
        for i in range(4):
            bide.spawn(_send(ch, i))
        await settle()
        assert [await ch.recv() for _ in range(5)] == ["first", 0, 1, 2, 3]

    run(main())


def test_channel_try_send_never_waits():
    async def main():
        ch = bide.Channel(1)
        assert ch.try_send(1) is True
        assert ch.try_send(2) is False
        waiting = bide.spawn(_send(ch, 3))
        await settle()
        assert ch.try_recv() == 1
        assert ch.try_send(4) is False
        await waiting
        assert ch.try_recv() == 3
        assert len(ch) == 0

    run(main())


def test_channel_try_recv_never_waits():
    async def main():
        ch = bide.Channel(1, name="jobs")
        with pytest.raises(bide.WouldBlockError, match="jobs"):
            ch.try_recv()
        ch.try_send(None)
        assert ch.try_recv() is None
        ch.close()
        with pytest.raises(bide.ClosedError, match="jobs"):
            ch.try_recv()

    run(main())


def test_channel_unbounded_send_never_waits():
    async def main():
        ch = bide.Channel.unbounded(name="log")
        assert ch.capacity is None and ch.name == "log"
        for i in range(1000):
            assert ch.try_send(i)
        for i in range(1000):
            await ch.send(i)
        assert len(ch) == 2000
        assert await ch.recv_many(5000) == [*range(1000), *range(1000)]

    run(main())


def test_channel_close_drains_then_ends():
    async def main():
        ch = bide.Channel(4)
        for i in range(3):
            await ch.send(i)
        ch.close()
        ch.close()
        assert ch.closed
        assert await ch.recv() == 0
        assert await ch.recv_many(10) == [1, 2]
        for receive in (ch.recv, lambda: ch.recv_many(1)):
            with pytest.raises(bide.ClosedError):
                await receive()

    run(main())


def test_channel_close_wakes_receivers():
    async def main():
        ch = bide.Channel(1)
        tasks = [bide.spawn(_recv(ch)) for _ in range(3)]
        await settle()
        ch.close()
        for t in tasks:
            with pytest.raises(bide.ClosedError):
                await t

    run(main())


def test_channel_close_wakes_senders_with_their_values():
    async def main():
        ch = bide.Channel(1)
        await ch.send("in")
        tasks = [bide.spawn(_send(ch, i)) for i in range(3)]
        await settle()
        ch.close()
        for t in tasks:
            with pytest.raises(bide.ClosedError):
                await t
        assert await collect(ch) == ["in"]

    run(main())


def test_channel_send_after_close_is_an_error():
    async def main():
        ch = bide.Channel(1, name="jobs")
        ch.close()
        with pytest.raises(bide.ClosedError, match="Channel 'jobs' is closed"):
            await ch.send(1)
        with pytest.raises(bide.ClosedError, match="jobs"):
            ch.try_send(1)

    run(main())


def test_channel_cancelled_send_keeps_its_value():
    async def main():
        ch = bide.Channel(1)
        await ch.send("in")
        t = bide.spawn(_send(ch, "never"))
        await settle()
        t.cancel()
        await settle()
        assert await ch.recv() == "in"
        assert len(ch) == 0

    run(main())


def test_channel_cancelled_recv_loses_nothing():
    async def main():
        ch = bide.Channel(1)
        first, second = bide.spawn(_recv(ch)), bide.spawn(_recv(ch))
        await settle()
        first.cancel()
        await ch.send("x")
        assert await second == "x"
        late = bide.spawn(_recv(ch))
        await settle()
        with bide.move_on_after(0):
            await bide.race(ch.recv(), bide.sleep(1))
        await ch.send("y")
        assert await late == "y"

    run(main())


def test_channel_recv_many_takes_what_is_there():
    async def main():
        ch = bide.Channel(8)
        for i in range(5):
            await ch.send(i)
        assert await ch.recv_many(3) == [0, 1, 2]
        assert await ch.recv_many(3) == [3, 4]
        with pytest.raises(ValueError, match="limit must be at least 1"):
            ch.recv_many(0)

    run(main())


def test_channel_recv_many_waits_for_the_first():
    async def main():
        ch = bide.Channel(8)

        async def many():
            return await ch.recv_many(4)

        t = bide.spawn(many())
        await settle()
        assert not t.done()
        await ch.send("a")
        assert await t == ["a"]

    run(main())


def test_channel_iteration_ends_with_the_close():
    async def main():
        ch = bide.Channel(2)
        t = bide.spawn(collect(ch))
        for i in range(5):
            await ch.send(i)
        ch.close()
        assert await t == [0, 1, 2, 3, 4]

    run(main())


# -- generated ----------------------------------------------------------------


class _Sweep:
    """Three senders, two receivers, a victim that does both in turn."""

    def __init__(self):
        self.ch = bide.Channel(2)
        self.sent = []
        self.got = []
        self.senders = 3

    async def send(self, name):
        try:
            for i in range(3):
                await self.ch.send((name, i))
                self.sent.append((name, i))
        finally:
            self.senders -= 1
            if self.senders == 0:
                self.ch.close()

    async def recv(self):
        async for value in self.ch:
            self.got.append(value)
            await bide.yield_now()

    async def recv_many(self):
        while True:
            try:
                self.got += await self.ch.recv_many(3)
            except bide.ClosedError:
                return

    def check(self, outcome):
        assert len(self.ch) == 0
        assert sorted(self.got) == sorted(self.sent)
        for name in "abv":
            mine = [i for who, i in self.sent if who == name]
            assert mine == list(range(len(mine)))


class _SendSweep(_Sweep):
    def tasks(self):
        return [("a", self.send("a")), ("victim", self.send("v")),
                ("r", self.recv()), ("b", self.send("b"))]


class _RecvSweep(_Sweep):
    def tasks(self):
        return [("victim", self.recv()), ("a", self.send("a")),
                ("b", self.send("b")), ("v", self.send("v")),
                ("r", self.recv())]


class _ManySweep(_Sweep):
    def tasks(self):
        return [("victim", self.recv_many()), ("r", self.recv()),
                ("a", self.send("a")), ("b", self.send("b")),
                ("v", self.send("v"))]


def test_channel_cancel_at_every_park():
    for sweep in (_SendSweep, _RecvSweep, _ManySweep):
        cancel_at_every_park(sweep)


class _Model(ModelTest):
    """A list of values, and the lists of those who wait to put and to take."""

    capacity = 3

    def __init__(self):
        super().__init__()
        self.ch = bide.Channel(self.capacity)
        self.values = []
        self.senders = []
        self.receivers = []

    async def put(self, number, release):
        await self.ch.send(number)
        self.log.append(("sent", number))

    async def get(self, number, release):
        self.log.append(("got", number, await self.ch.recv()))

    def match(self):
        """Moves values until nobody can go on. Whose turn it is to run is
        the order of waking, which is compared as a set."""
        moved = True
        while moved:
            moved = False
            if self.values and self.receivers:
                number = self.receivers.pop(0)
                self.expected.append(("got", number, self.values.pop(0)))
                moved = True
            if self.senders and len(self.values) < self.capacity:
                number = self.senders.pop(0)
                self.values.append(number)
                self.expected.append(("sent", number))
                moved = True

    def step(self, rng):
        what = rng.below(8)
        if what <= 2:
            self.senders.append(self.start(self.put))
        elif what <= 5:
            self.receivers.append(self.start(self.get))
        elif what == 6 and self.senders:
            self.cancel(self.senders.pop(rng.below(len(self.senders))))
        elif what == 7 and self.receivers:
            self.cancel(self.receivers.pop(rng.below(len(self.receivers))))
        before = len(self.expected)
        self.match()
        self.expected[before:] = sorted(self.expected[before:], key=str)

    def compare(self):
        assert len(self.ch) == len(self.values)

    async def drive(self, rng):
        real = self.log

        class Sorted(list):
            """Compares each step's entries as a set."""

            def __eq__(self, other):
                return (self[:len(other)] == other if len(self) < len(other)
                        else sorted(self, key=str) == sorted(other, key=str))

        self.log = Sorted(real)
        await super().drive(rng)


def test_channel_agrees_with_its_model():
    agrees_with_model(_Model)


test_channel_agrees_with_its_model_when_drawn = drawn_model_test(_Model)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 4),
       st.lists(st.one_of(st.integers(0, 99), st.just("recv"),
                          st.just("many"), st.just("close")), max_size=40))
def test_channel_without_waiting_is_a_bounded_list(capacity, steps):
    ch = bide.Channel(capacity)
    model, closed = [], False
    for step in steps:
        if step == "close":
            ch.close()
            closed = True
        elif step == "recv" or step == "many":
            try:
                assert ch.try_recv() == model.pop(0)
            except IndexError:
                kind = bide.ClosedError if closed else bide.WouldBlockError
                with pytest.raises(kind):
                    ch.try_recv()
            except bide.ClosedError:
                assert closed and not model
            except bide.WouldBlockError:
                assert not closed and not model
        elif closed:
            with pytest.raises(bide.ClosedError):
                ch.try_send(step)
        else:
            assert ch.try_send(step) == (len(model) < capacity)
            if len(model) < capacity:
                model.append(step)
        assert len(ch) == len(model)


# -- memory -------------------------------------------------------------------


class Thing:
    pass


def test_channel_in_a_cycle_is_collected():
    ch = bide.Channel(4)
    thing = Thing()
    thing.channel = ch
    ch.try_send(thing)
    ch.try_send([ch])
    gone = weakref.ref(thing)
    del ch, thing
    gc.collect()
    assert gone() is None


def test_channel_gives_up_its_values():
    things = [Thing() for _ in range(3)]
    gone = [weakref.ref(thing) for thing in things]
    ch = bide.Channel(2)
    ch.try_send(things[0])
    ch.try_send(things[1])
    assert not ch.try_send(things[2])
    del things
    assert gone[2]() is None
    del ch
    assert gone[0]() is None and gone[1]() is None


def test_channel_waits_hold_no_values_afterwards():
    async def main():
        ch = bide.Channel(1)
        ch.try_send(None)
        thing = Thing()
        gone = weakref.ref(thing)
        t = bide.spawn(_send(ch, thing))
        del thing
        await settle()
        assert gone() is not None
        t.cancel()
        await settle()
        del t
        gc.collect()
        assert gone() is None

    run(main())


# -- what it tells ------------------------------------------------------------


def test_channel_tells_its_state():
    ch = bide.Channel(2, name="jobs")
    assert ch.capacity == 2 and ch.name == "jobs" and not ch.closed
    ch.try_send(1)
    assert repr(ch) == "<Channel 'jobs' 1 of 2>"
    ch.close()
    assert repr(ch) == "<Channel 'jobs' 1 of 2, closed>"
    assert "unbounded" in repr(bide.Channel.unbounded())
    assert str(bide.Channel[int]) == "bide.Channel[int]"


def test_channel_arguments_are_checked():
    with pytest.raises(ValueError, match="capacity must be at least 1, got 0; "
                       r"Channel.unbounded\(\) has no limit"):
        bide.Channel(0)
    with pytest.raises(ValueError, match="got -3"):
        bide.Channel(-3)
    with pytest.raises(TypeError, match="capacity must be an int"):
        bide.Channel(1.5)
    with pytest.raises(TypeError, match="capacity"):
        bide.Channel()
