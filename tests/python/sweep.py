"""The two kinds of generated test: cancel at every park, and seeded models.

A sweep runs a scenario once to count how often its victim parks, then once for
each k, cancelling the victim at its k-th park, in the usual ready order and in
a few seeded ones. A model test draws operations from a seed and compares what
the primitive granted with what a naive reference of it grants.
"""

import os
import time
import types

from hypothesis import given, settings
from hypothesis import strategies as st

import bide

_MASK = (1 << 64) - 1


class Rng:
    """splitmix64, so that the same seeds draw the same in every language."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & _MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return z ^ (z >> 31)

    def below(self, n):
        return self.next() % n


def seeds():
    """The seeds of a model test: 1..20, or the one in BIDE_SEED."""
    if "BIDE_SEED" in os.environ:
        return [int(os.environ["BIDE_SEED"])]
    return list(range(1, 21))


async def settle(rounds=8):
    """Lets every task that can go on do so until it waits again."""
    for _ in range(rounds):
        await bide.yield_now()


async def until(condition):
    """Lets the others go on until `condition` holds, which it must soon."""
    late = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < late, "it never came to that"
        await bide.yield_now()


@types.coroutine
def watched(coro, on_park):
    """Runs `coro` unchanged and calls `on_park` each time it suspends."""
    try:
        parked = coro.send(None)
        while True:
            on_park()
            try:
                value = yield parked
            except BaseException as error:
                parked = coro.throw(error)
            else:
                parked = coro.send(value)
    except StopIteration as end:
        return end.value


class _Watch:
    """A victim, how often it parked, and an alarm for its k-th park."""

    def __init__(self, k):
        self.k = k
        self.parks = 0
        self.outcome = None
        self.alarm = bide.Event()

    def on_park(self):
        self.parks += 1
        if self.parks == self.k:
            self.alarm.set()

    async def run(self, coro):
        try:
            await watched(coro, self.on_park)
        except bide.Cancelled:
            self.outcome = "cancelled"
            raise
        self.outcome = "done"


async def _scenario(make, k):
    scenario = make()
    watch = _Watch(k)
    tasks = []

    async def killer():
        await watch.alarm.wait()
        victim.cancel()

    hunt = bide.spawn(killer(), name="killer")
    victim = None
    for name, coro in scenario.tasks():
        if name == "victim":
            victim = bide.spawn(watch.run(coro), name=name)
        else:
            tasks.append((name, bide.spawn(coro, name=name)))
    for name, task in tasks:
        await task
    try:
        await victim
    except bide.Cancelled:
        assert watch.outcome == "cancelled"
    hunt.cancel()
    scenario.check(watch.outcome)
    return watch.parks


def cancel_at_every_park(make, loop_seeds=(0, 1, 2, 3), exact=True):
    """`make()` gives a scenario: `tasks()`, a list of (name, coroutine) of
    which one is named "victim", and `check(outcome)`, called when all have
    ended, with "done" or "cancelled" for the victim. Not `exact`: the victim
    waits for something outside, which may be there at once another time."""
    for seed in loop_seeds:
        def run(k):
            return bide.run(_scenario(make, k), virtual_clock=True, seed=seed)

        parks = run(0)
        assert parks or seed, "the victim never parks: the sweep shows nothing"
        for k in range(1, parks + 1):
            try:
                reached = run(k)
            except BaseException as error:
                error.add_note(f"cancelled at park {k} of {parks}, seed {seed}")
                raise
            assert reached >= k or not exact


class ModelTest:
    """Drives actors (tasks that take something, hold it until told, and give
    it back) by operations drawn from a seed. `log` is what was granted, in order,
    `expected` what the model grants. Subclasses define `step(rng)`."""

    steps = 60

    def __init__(self):
        self.log = []
        self.expected = []
        self.cancelled = []
        self.expected_cancelled = []
        self.actors = {}
        self.releases = {}
        self.count = 0

    def start(self, act):
        """A new actor: `act(number, release)`; gives its number."""
        number = self.count
        self.count += 1
        release = bide.Event()
        self.releases[number] = release

        async def body():
            try:
                await act(number, release)
            except bide.Cancelled:
                self.cancelled.append(number)

        self.actors[number] = bide.spawn(body(), name=f"actor-{number}")
        return number

    def release(self, number):
        self.releases[number].set()

    def cancel(self, number):
        self.actors[number].cancel()
        self.expected_cancelled.append(number)

    async def drive(self, rng):
        for at in range(self.steps):
            self.step(rng)
            await settle(4 + len(self.actors))
            assert self.log == self.expected, f"step {at}"
            assert self.cancelled == self.expected_cancelled, f"step {at}"
            self.compare()
        for task in self.actors.values():
            task.cancel()
        await settle()

    def compare(self):
        """More to compare after each step; nothing by default."""


def agrees_with_model(make):
    for seed in seeds():
        async def main():
            await make().drive(Rng(seed))

        try:
            bide.run(main(), virtual_clock=True)
        except BaseException as error:
            error.add_note(f"BIDE_SEED={seed}")
            raise


class _Drawn:
    """An Rng whose draws hypothesis makes, and shrinks when a test fails."""

    def __init__(self, data):
        self.data = data

    def below(self, n):
        return self.data.draw(st.integers(0, n - 1))


def drawn_model_test(make):
    """The model test once more, with steps that hypothesis searches."""
    @settings(max_examples=25, deadline=None)
    @given(st.data())
    def test(data):
        async def main():
            model = make()
            model.steps = 25
            await model.drive(_Drawn(data))

        bide.run(main(), virtual_clock=True)

    return test
