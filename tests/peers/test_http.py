"""The HTTP examples: the servers under curl and wrk, the fetchers on nginx."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from peers import Running, command, nginx, program, run, server

LANGUAGES = ("python", "lua")
BIG = bytes(range(256)) * 8192  # 2 MiB


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("root")
    (path / "index.html").write_text("<p>hello</p>\n")
    (path / "big").write_bytes(BIG)
    (path / "empty").write_bytes(b"")
    (path / "slow").write_bytes(bytes(100_000))
    (path.parent / "secret").write_text("not for you")
    return path


@pytest.fixture(params=LANGUAGES)
def http(request: pytest.FixtureRequest, root: Path) -> Iterator[Running]:
    words = (command("python", "http_server", "--port", 0, root)
             if request.param == "python"
             else command("lua", "http_server", root, 0))
    with server(words, r"http://127\.0\.0\.1:(\d+)") as running:
        yield running


def url(running: Running, path: str) -> str:
    return f"http://127.0.0.1:{running.match[1]}{path}"


def curl(*words: str | Path) -> str:
    return run([program("curl"), "-sS", "--max-time", "20",
                *map(str, words)])


def status(*words: str | Path) -> str:
    return curl("-o", "/dev/null", "-w", "%{http_code}", *words)


def test_server_gives_files(http: Running, tmp_path: Path) -> None:
    assert curl(url(http, "/")) == "<p>hello</p>\n"
    curl("-o", tmp_path / "got", url(http, "/big"))
    assert (tmp_path / "got").read_bytes() == BIG
    assert status(url(http, "/empty")) == "200"
    head = curl("-I", url(http, "/big"))
    assert re.search(rf"(?i)content-length: {len(BIG)}\b", head)


def test_server_answers_json(http: Running) -> None:
    answer = curl("-d", '{"values": [1, 2, 39]}', url(http, "/api/sum"))
    assert json.loads(answer) == {"sum": 42}
    assert json.loads(curl(url(http, "/api/status")))["requests"] == 2


def test_server_refuses_bad_requests(http: Running,
                                     tmp_path: Path) -> None:
    assert status(url(http, "/none")) == "404"
    assert status("--path-as-is", url(http, "/../secret")) == "404"
    assert status("--path-as-is", url(http, "/%2e%2e/secret")) == "404"
    assert status("-X", "DELETE", url(http, "/index.html")) == "405"
    assert status("-d", "no json", url(http, "/api/sum")) == "400"
    assert status("-H", "X: " + "y" * 70_000, url(http, "/")) == "431"
    much = tmp_path / "much"
    much.write_text("x" * 2_000_000)
    assert status("-d", f"@{much}", "-H", "Expect:",
                  url(http, "/api/sum")) == "413"
    assert curl(url(http, "/")) == "<p>hello</p>\n"


def test_server_takes_ranges(root: Path, tmp_path: Path) -> None:
    words = command("python", "http_server", "--port", 0, root)
    with server(words, r":(\d+)$") as running:
        curl("-r", "1000-1999", "-o", tmp_path / "part", url(running, "/big"))
        assert (tmp_path / "part").read_bytes() == BIG[1000:2000]
        curl("-r", "-10", "-o", tmp_path / "part", url(running, "/big"))
        assert (tmp_path / "part").read_bytes() == BIG[-10:]
        assert status("-r", f"{len(BIG)}-", url(running, "/big")) == "416"


def test_server_stands_wrk(http: Running) -> None:
    """Load over many connections that wrk breaks off in the end."""
    curl(url(http, "/"))
    before = http.descriptors()
    for path in ("/", "/api/status", "/big"):
        report = run([program("wrk"), "-t1", "-c64", "-d2", url(http, path)])
        assert int(re.search(r"(\d+) requests in", report)[1]) > 20
        assert "Non-2xx" not in report
        assert "connect 0, read 0" in report or "Socket errors" not in report
    assert curl(url(http, "/")) == "<p>hello</p>\n"
    assert http.descriptors() <= before + 1
    assert "served" in http.stop()


@pytest.mark.parametrize("language", LANGUAGES)
def test_fetch_gets_what_there_is(language: str, root: Path,
                                  tmp_path: Path) -> None:
    with nginx(root, tmp_path) as port:
        base = f"http://127.0.0.1:{port}"
        good = run(command(language, "http_fetch",
                           *[f"{base}/big"] * 20, f"{base}/index.html"))
        assert good.count(f"200  {len(BIG)} bytes") == 20
        assert good.count("200  13 bytes") == 1
        bad = run(command(language, "http_fetch", f"{base}/none",
                          "http://127.0.0.1:1/", "gopher://x/"), 1)
        assert "404" in bad
        assert "refused" in bad
        assert "neither http nor https" in bad


def test_fetch_gives_up_in_time(root: Path, tmp_path: Path) -> None:
    with nginx(root, tmp_path) as port:
        said = run(command("python", "http_fetch", "--timeout", 0.3,
                           f"http://127.0.0.1:{port}/slow"), 1)
    assert "no answer within 0.3 s" in said


@pytest.mark.parametrize("language", LANGUAGES)
def test_proxy_carries_both_ways(language: str, root: Path,
                                 tmp_path: Path) -> None:
    with nginx(root, tmp_path) as port:
        words = (command(language, "tcp_proxy", "--listen", "127.0.0.1:0",
                         f"127.0.0.1:{port}") if language == "python"
                 else command(language, "tcp_proxy", "127.0.0.1", port, 0))
        with server(words, r"proxy on 127\.0\.0\.1:(\d+)") as proxy:
            curl("-o", tmp_path / "got", url(proxy, "/big"))
            assert (tmp_path / "got").read_bytes() == BIG
            report = run([program("wrk"), "-t1", "-c16", "-d2",
                          url(proxy, "/index.html")])
            assert "Non-2xx" not in report
            carried = re.search(r"carried (\d+) bytes", proxy.stop())
    assert carried
    assert int(carried[1]) > len(BIG)


@pytest.mark.parametrize("language", LANGUAGES)
def test_proxy_survives_a_target_that_is_down(language: str) -> None:
    words = (command(language, "tcp_proxy", "--listen", "127.0.0.1:0",
                     "127.0.0.1:1") if language == "python"
             else command(language, "tcp_proxy", "127.0.0.1", 1, 0))
    with server(words, r"proxy on 127\.0\.0\.1:(\d+)") as proxy:
        for _ in range(2):
            # No answer, or a reset: its request was never read.
            run([program("curl"), "-sS", url(proxy, "/")], 52, 56)
            proxy.wait_for("no connection to 127.0.0.1:1: ")
        proxy.stop()
