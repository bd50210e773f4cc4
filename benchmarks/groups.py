"""The topics of the report: which bench programs belong to each, who takes
part, and who is compared with whom."""

import dataclasses

from machine import HERE

LANGUAGES = ("python", "lua", "c")
TITLES = {"python": "Python", "lua": "Lua", "c": "C core"}
SUFFIX = {"python": "py", "lua": "lua", "c": "c"}

# Contenders in the order of the columns. A bench says itself which it has.
IMPLS = {
    "python": (
        "bide",
        "bide loop",
        "asyncio",
        "uvloop",
        "rloop",
        "trio",
        "aiofiles",
    ),
    "lua": ("bide", "cqueues", "luv", "copas", "bare"),
    "c": ("bide", "libuv", "tokio"),
}
# Diagnostics compare bide with itself.
COSTS = ("off", "bide", "watchdog and stats", "debug")

# Bench programs that do I/O, and the ones that use threads or processes: these
# get both cores, the others stay on one.
IO = ("files", "process", "tls", "watch")
BOTH_CORES = (*IO, "aio_http", "aio_streams", "blocking", "messages")
# These measure all their contenders in turns, one run for all.
ALL_IN_ONE = ("diagnostics", "aio_http", "aio_loop", "aio_streams")
# Not programs but servers under load: io_rows.py.
SERVED = ("echo", "accept", "idle", "http")


@dataclasses.dataclass(frozen=True)
class Group:
    name: str
    title: str
    ours: str  # the contender that is compared with
    rivals: dict  # by language: whom with, in the order of the columns
    about: str

    def plotted(self, lang):
        """(ours, rival) whose ratio the plot shows."""
        rivals = self.rivals.get(lang, ())
        usual = rivals[:1] if self.name == "micro" else rivals[-1:]
        return [(self.ours, rival) for rival in usual]


GROUPS = (
    Group(
        "micro",
        "Tasks, locks, channels, timers",
        "bide",
        {
            "python": ("asyncio", "uvloop"),
            "lua": ("cqueues",),
            "c": ("tokio",),
        },
        "An operation is what the first lines of `benchmarks/bench_<name>` "
        "say; the same name is the same work in each language.",
    ),
    Group(
        "asyncio",
        "asyncio's API",
        "bide loop",
        {"python": ("asyncio", "uvloop")},
        "Programs written for asyncio on three event loops. The column `bide` "
        "is the same work in bide's own API: what moving over is worth.",
    ),
    Group(
        "io",
        "I/O",
        "bide",
        {
            "python": ("asyncio", "uvloop"),
            "lua": ("cqueues", "luv"),
            "c": ("libuv",),
        },
        "CPU time of the process that does it, user and system: servers "
        "under the load generator of `benchmarks/load` (HTTP: under wrk), and "
        "programs that read files or start processes.",
    ),
    Group(
        "diagnostics",
        "What diagnostics cost",
        "off",
        {},
        "`off`: nothing is kept for reports. `bide`: the defaults. Costs are "
        "what an operation takes longer than with `off`, in the same round.",
    ),
)
BY_NAME = {group.name: group for group in GROUPS}


def group_of(bench):
    if bench.startswith("aio_"):
        return "asyncio"
    if bench == "diagnostics":
        return "diagnostics"
    return "io" if bench in (*IO, *SERVED) else "micro"


def benches_of(results, lang, group):
    """The names of a group's benches that were measured in a language."""
    names = dict.fromkeys(bench for bench, _ in results.cases(lang))
    return [name for name in names if group_of(name) == group.name]


def benches(lang, group=None):
    """The names of the bench programs in a language."""
    paths = sorted(HERE.glob(f"bench_*.{SUFFIX[lang]}"))
    names = [path.stem.removeprefix("bench_") for path in paths]
    return [name for name in names if group in (None, group_of(name))]
