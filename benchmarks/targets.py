"""What bide promises, as ratios measured in one run on one machine.

A promise compares bide's time in a case with a contender's, by default in the
same case: `factor` 15 means at least 15 times faster, 0.83 at most 1.2 times
slower. Where a promise is made for a whole group, each of its cases has to
keep it."""

import dataclasses
import fnmatch


@dataclasses.dataclass(frozen=True)
class Target:
    lang: str
    bench: str
    case: str
    against: str
    factor: float
    other: tuple[str, str] | None = None  # (bench, case) of the contender
    ours: str = "bide"


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
class Promise:
    """`factor` against `against` in all cases named like `case`; of several
    promises with one contender that name a case, the first counts."""

    lang: str
    bench: str  # both are patterns
    case: str
    against: str
    factor: float
    ours: str = "bide"

    def holds_for(self, bench, case):
        return fnmatch.fnmatchcase(bench, self.bench) and fnmatch.fnmatchcase(
            case, self.case
        )


def _loop(case, against, factor, bench="aio_*"):
    return Promise("python", bench, case, against, factor, "bide loop")


def _ahead(lang, bench, against, case="*"):
    return Promise(lang, bench, case, against, 1)


SERVERS = ("echo", "accept", "idle", "http", "process", "files")

PROMISES = (
    # asyncio's API on bide's loop.
    _loop("call_soon, ? arguments", "uvloop", 1.3),
    _loop("call_later*", "uvloop", 3),
    _loop("*sock_*", "uvloop", 2),
    _loop("*TLS*", "uvloop", 1.4),
    _loop("echo, streams*", "uvloop", 1.3),
    _loop("*", "uvloop", 1),
    _loop("*", "asyncio", 1),
    # I/O, by CPU time per operation.
    Promise("python", "tls", "*", "asyncio", 2),
    Promise("python", "tls", "*", "uvloop", 1),
    Promise("python", "echo", "TLS*", "asyncio", 2),
    *(
        _ahead("python", bench, against)
        for bench in SERVERS
        for against in ("asyncio", "uvloop", "trio")
    ),
    *(
        _ahead("lua", bench, against)
        for bench in SERVERS
        for against in ("cqueues", "luv", "copas")
    ),
    # What diagnostics cost.
    *(
        promise
        for lang in ("python", "lua", "c")
        for promise in (
            Promise(lang, "diagnostics", "*", "off", 1 / 1.05),
            Promise(
                lang, "diagnostics", "*", "off", 1 / 1.1, "watchdog and stats"
            ),
        )
    ),
)


def promised(results):
    """The targets there are: those named one by one, and those that a promise
    makes of the cases that were measured."""
    seen = set()
    yield from TARGETS
    for promise in PROMISES:
        for bench, case in results.cases(promise.lang):
            key = (promise.lang, bench, case, promise.against, promise.ours)
            if promise.holds_for(bench, case) and key not in seen:
                seen.add(key)
                yield Target(
                    promise.lang,
                    bench,
                    case,
                    promise.against,
                    promise.factor,
                    ours=promise.ours,
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
