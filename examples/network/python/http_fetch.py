"""Fetches many URLs at once: at most so many at a time, each within a deadline.

    python http_fetch.py [--limit 8] [--timeout 10] URL...

Prints a line for each URL as it ends: status or error, size, time. The answers
are parsed by httptools (pip install httptools). Exits with 1 if any failed.
"""

import argparse
import sys
from urllib.parse import urlsplit

import bide
import httptools  # type: ignore[import-untyped, unused-ignore]


class Answer:
    """Collects what httptools reports."""

    def __init__(self):
        self.parser = httptools.HttpResponseParser(self)
        self.body = bytearray()
        self.headers = {}
        self.complete = False

    @property
    def status(self):
        return self.parser.get_status_code()

    def on_header(self, name, value):
        self.headers[name.lower()] = value

    def on_body(self, body):
        self.body += body

    def on_message_complete(self):
        self.complete = True


async def connect(parts):
    if parts.scheme == "https":
        return await bide.connect_tls(parts.hostname, parts.port or 443)
    if parts.scheme == "http":
        return await bide.connect_tcp(parts.hostname, parts.port or 80)
    raise ValueError(f"neither http nor https: {parts.geturl()}")


async def fetch(url):
    """The answer to a GET of `url`."""
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    answer = Answer()
    async with await connect(parts) as stream:
        await stream.write(
            f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
            "User-Agent: bide-example\r\nAccept: */*\r\n"
            "Connection: close\r\n\r\n".encode())
        async for data in stream:
            answer.parser.feed_data(data)
            if answer.complete:
                return answer
    # Without a length the end of the stream is the end of the answer.
    if b"content-length" in answer.headers or not answer.headers:
        raise ConnectionError("the server ended before its answer did")
    return answer


async def fetch_one(url, permits, timeout):
    """Whether it worked; prints how it went."""
    async with permits:
        start = bide.now()
        try:
            with bide.timeout(timeout):
                answer = await fetch(url)
        except TimeoutError:
            outcome, size = f"no answer within {timeout:g} s", 0
        except (OSError, ValueError, httptools.HttpParserError) as error:
            outcome, size = str(error), 0
        else:
            outcome, size = answer.status, len(answer.body)
        print(f"{outcome}  {size} bytes  {bide.now() - start:.3f} s  {url}",
              flush=True)
        return isinstance(outcome, int) and outcome < 400


async def main(options):
    permits = bide.Semaphore(options.limit, name="connections")
    worked = await bide.gather(*(
        fetch_one(url, permits, options.timeout) for url in options.urls))
    return all(worked)


if __name__ == "__main__":
    options = argparse.ArgumentParser(description="fetches many URLs at once")
    options.add_argument("urls", nargs="+", metavar="URL")
    options.add_argument("--limit", type=int, default=8)
    options.add_argument("--timeout", type=float, default=10.0)
    sys.exit(0 if bide.run(main(options.parse_args())) else 1)
