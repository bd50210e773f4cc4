"""CPython's own tests of asyncio, on bide's loop: tests/conformance."""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor

from .counts import Counts
from .pythons import Python
from .runner import ROOT, Failed, Log, Skipped

# Those that show a loop's behaviour in a few seconds each.
FAST = ("test_events", "test_sock_lowlevel", "test_server", "test_runners",
        "test_buffered_proto", "test_taskgroups", "test_timeouts",
        "test_waitfor", "test_locks", "test_queues")
ALL = (*FAST, "test_sendfile", "test_ssl", "test_sslproto", "test_subprocess",
       "test_unix_events", "test_streams", "test_tasks", "test_futures",
       "test_eager_task_factory", "test_futures2", "test_pep492",
       "test_threads", "test_staggered")
SINCE = {"test_eager_task_factory": "3.12", "test_staggered": "3.13"}
COUNTS = re.compile(r"^test_\w+: (\d+) passed, (\d+) failed$", re.M)


def conformance(log: Log, python: Python | None, version: str,
                modules: tuple[str, ...]) -> Counts:
    if python is None:
        raise Skipped(f"no CPython {version} here")
    modules = tuple(m for m in modules if SINCE.get(m, version) <= version)
    python.build(log)

    def run(module: str) -> str:
        return log.run(
            python.path, "-W", "ignore::DeprecationWarning",
            ROOT / "tests/conformance/run.py", module, check=False,
            env={"PYTHONPATH": str(python.tree / "python")})

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        outputs = list(pool.map(run, modules))
    found = [COUNTS.findall(output) for output in outputs]
    passed = sum(int(p) for one in found for p, _ in one)
    failed = sum(int(f) for one in found for _, f in one)
    ended_early = [m for m, one in zip(modules, found) if len(one) != 1]
    if failed or ended_early:
        what = f"no counts of {ended_early}" if ended_early else "failures"
        raise Failed(what, Counts(passed, failed + len(ended_early)))
    return Counts(passed, 0)
