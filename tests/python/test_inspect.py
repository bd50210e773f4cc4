"""The live view, and top."""

import contextlib
import http.client
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import bide
import pytest
from bide import top

# Two tasks that wait for each other, under a deadline: it says when they do.
STUCK = """
import bide, sys
async def hold(first, second, ready, go):
    async with first:
        ready.set()
        await go.wait()
        with bide.timeout(60):
            async with second: pass
async def main():
    a, b = bide.Mutex(name="ledger"), bide.Mutex(name="journal")
    one, two = bide.Event(), bide.Event()
    async with bide.TaskGroup() as group:
        group.spawn(hold(a, b, one, two), name="audit")
        group.spawn(hold(b, a, two, one), name="pay-42")
        await bide.yield_now()
        await bide.yield_now()
        await bide.yield_now()
        print(bide.inspect(), flush=True)
        await bide.spawn_blocking(sys.stdin.read, name="reader")
        group.cancel()
bide.run(main())
"""
BLOCKED = """
import bide, sys
async def main():
    print(bide.inspect(), flush=True)
    sys.stdin.read()
bide.run(main())
"""


@contextlib.contextmanager
def program(text):
    with subprocess.Popen([sys.executable, "-c", text], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.stdin.close()
            process.wait(20)


def get(url, path):
    parts = urlsplit(url)
    with urllib.request.urlopen(
            f"http://{parts.netloc}{path}?{parts.query}", timeout=20) as answer:
        return answer.read().decode()


def refusal(url):
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url, timeout=20)
    return caught.value.code


def test_live_view_shows_every_task():
    with program(STUCK) as (process, url):
        state = json.loads(get(url, "/state.json"))["dump"]
        assert state["pid"] == process.pid
        (runtime,) = state["runtimes"]
        tasks = {task["name"]: task for task in runtime["tasks"]}
        (wait,) = tasks["pay-42"]["waits"]
        assert wait["object"]["name"] == "ledger"
        assert wait["holders"] == [tasks["audit"]["id"]]
        assert [job["name"] for job in runtime["jobs"]] == ["reader"]
        assert "Who waits for whom" in get(url, "/")
        assert 'Mutex "ledger"' in get(url, "/dump.txt")


def test_live_view_answers_while_the_loop_is_blocked():
    with program(BLOCKED) as (_, url):
        (runtime,) = json.loads(get(url, "/state.json"))["dump"]["runtimes"]
        assert not runtime["exact"]
        (running,) = [task for task in runtime["tasks"]
                      if task["id"] == runtime["running"]]
        assert running["name"] == "main"


def test_live_view_serves_metrics():
    with program(STUCK) as (_, url):
        assert json.loads(get(url, "/state.json"))["stats"]["runtimes"]
        assert get(url, "/metrics").endswith("# EOF\n")


def test_live_view_needs_its_token():
    url = bide.inspect()
    assert refusal(url.partition("?")[0]) == 403
    assert refusal(url + "x") == 403
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=20)
    connection.request("GET", f"/?{parts.query}", headers={"Host": "evil.example"})
    assert connection.getresponse().status == 421
    connection.close()


def test_live_view_survives_bad_requests():
    parts = urlsplit(bide.inspect())
    for method, path in (("POST", "/"), ("GET", "/" + "x" * 9000)):
        connection = http.client.HTTPConnection(parts.netloc, timeout=20)
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection.request(method, path)
            assert connection.getresponse().status >= 400
        connection.close()
    assert bide.inspect().endswith(parts.query)


def test_live_view_is_told_to_its_user_alone():
    bide.inspect()
    path = bide._core._inspector_path(os.getpid())
    assert os.stat(os.path.dirname(path)).st_mode & 0o077 == 0
    assert top.fetch(os.getpid())["dump"]["pid"] == os.getpid()


def test_live_view_stays_on_this_machine():
    assert bide.inspect() == bide.inspect("127.0.0.1:0")
    with program("import bide\nbide.inspect('0.0.0.0:0')") as (process, line):
        assert line == ""
    assert process.returncode == 1
    with pytest.raises(TypeError, match="address must be a str, not int"):
        bide.inspect(80)


def test_top_prints_a_picture():
    with program(STUCK) as (process, _):
        done = subprocess.run(
            [sys.executable, "-m", "bide", "top", "--once", str(process.pid)],
            capture_output=True, text=True, check=True, timeout=20)
    lines = done.stdout.splitlines()
    (pay,) = [line for line in lines if " pay-42 " in line]
    assert 'lock Mutex "ledger" held by audit; holds Mutex "journal"' in pay
    assert any("job reader: running" in line for line in lines)


def test_top_says_what_a_process_lacks():
    with program("import sys\nprint(flush=True)\nsys.stdin.read()") as (process, _):
        done = subprocess.run(
            [sys.executable, "-m", "bide", "top", str(process.pid)],
            capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 1
    assert "BIDE_INSPECT=1" in done.stderr


def test_top_sorts_and_cuts():
    def task(number, name, busy, age):
        return {"id": number, "name": name, "state": "parked", "busy": busy,
                "parked": age, "waits": [], "holds": [], "at": None,
                "made_at": {"file": "/x/app.py", "line": number}}

    state = {"dump": {"bide": "1", "pid": 7, "runtimes": [{
        "id": 1, "language": "Python", "exact": True, "running": None,
        "counts": dict.fromkeys(("tasks", "ready", "timers", "io_waits", "jobs",
                                 "threads"), 2),
        "jobs": [], "tasks": [task(1, "idle", 1.0, 9.0),
                              task(2, "busy", 1.5, 0.1)]}]}}
    before = {(1, 1): 1.0, (1, 2): 1.0}
    lines = top.picture(state, before, 1.0, "busy", 60, 50)
    assert [line.split()[1] for line in lines[-2:]] == ["busy", "idle"]
    assert " 50.0 % " in lines[-2]
    assert all(len(line) <= 60 for line in lines)
    by_age = top.picture(state, before, 1.0, "age", 200, 50)
    assert [line.split()[1] for line in by_age[-2:]] == ["idle", "busy"]
    assert top.picture(state, before, 1.0, "name", 200, 4)[-1] == "... and 2 more"
