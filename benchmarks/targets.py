"""What bide promises, as ratios measured in one run on one machine.

A promise compares bide's time in a case with a contender's, by default in the
same case: `factor` 15 means at least 15 times faster, 0.83 at most 1.2 times
slower."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Target:
    lang: str
    bench: str
    case: str
    against: str
    factor: float
    other: tuple[str, str] | None = None  # (bench, case) of the contender


def _python(bench, case, factor):
    return Target("python", bench, case, "asyncio", factor)


def _lua(bench, case, against, factor, other=None):
    return Target("lua", bench, case, against, factor, other)


def _tokio(bench, case):
    return Target("c", bench, case, "tokio", 1)


# What cqueues offers to build locks and queues from.
PING_PONG = ("condition", "ping-pong")

TARGETS = (
    _python("switch", "1 task", 15),
    _python("switch", "1000 tasks", 15),
    _python("spawn_join", "one at a time", 9),
    _python("mutex", "free", 3),
    _python("mutex", "100 tasks", 20),
    _python("channel", "capacity 1", 20),
    _python("channel", "capacity 128", 4),
    _python("future", "settle and await", 8),
    _python("timers", "100k sleeping", 10),
    _python("timeout", "around a ready event", 8),
    _python("blocking", "round trip", 2.5),
    _python("messages", "one at a time", 15),
    _python("messages", "in batches", 15),
    _lua("switch", "1 task", "bare", 1 / 1.2),
    _lua("switch", "1 task", "cqueues", 5),
    _lua("switch", "1000 tasks", "bare", 1 / 1.2),
    _lua("switch", "1000 tasks", "cqueues", 5),
    _lua("mutex", "free", "cqueues", 8, PING_PONG),
    _lua("mutex", "100 tasks", "cqueues", 8, PING_PONG),
    _lua("channel", "capacity 1", "cqueues", 8, PING_PONG),
    _lua("channel", "capacity 128", "cqueues", 8, PING_PONG),
    _tokio("switch", "1 task"),
    _tokio("switch", "1000 tasks"),
    _tokio("mutex", "free"),
    _tokio("mutex", "100 tasks"),
    _tokio("channel", "capacity 1"),
    _tokio("channel", "capacity 1024"),
)


@dataclasses.dataclass(frozen=True)
class EchoTarget:
    """`key` of one server over the other's: at most or at least `bound`."""

    server: str
    against: str
    key: str  # user_us (at most), rate (at least)
    bound: float

    @property
    def wants_less(self):
        return self.key == "user_us"


ECHO_TARGETS = (
    EchoTarget("bide, Python", "asyncio streams", "user_us", 1 / 8),
    EchoTarget("bide, Python", "uvloop streams", "user_us", 1 / 3),
    EchoTarget("bide, Lua", "cqueues", "user_us", 1 / 3),
    EchoTarget("bide, Python", "libuv, C", "rate", 0.9),
    EchoTarget("bide, Lua", "libuv, C", "rate", 0.9),
)
