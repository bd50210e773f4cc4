"""A Redis client that pipelines: many tasks share one connection.

    python redis_pipeline.py [--unix PATH | --port 6379] [--tasks 100]

Each task asks and waits for its own answer; what they ask meanwhile goes out
together, and Redis answers in order. So one connection serves all of them, with
a few system calls. The protocol is hiredis's (pip install hiredis).
"""

import argparse
from collections import deque

import bide
import hiredis


class Redis:
    """One connection. Runs in `group`, until close()."""

    def __init__(self, stream, group):
        self.stream = stream
        self.reader = hiredis.Reader()
        self.outgoing = []
        self.waiting = deque()  # futures, in the order of their commands
        self.wanted = bide.Event(name="commands to send")
        self.closed = False
        group.spawn(self.send(), name="redis sender")
        group.spawn(self.receive(), name="redis receiver")

    async def command(self, *words):
        if self.closed:
            raise ConnectionError("the connection to Redis is closed")
        answer = bide.Future()
        self.outgoing.append(hiredis.pack_command(words))
        self.waiting.append(answer)
        self.wanted.set()
        value = await answer
        if isinstance(value, hiredis.HiredisError):
            raise value
        return value

    async def send(self):
        while not self.closed:
            await self.wanted.wait()
            self.wanted.clear()
            batch = b"".join(self.outgoing)
            self.outgoing.clear()
            if batch:
                await self.stream.write(batch)

    async def receive(self):
        try:
            async for data in self.stream:
                self.reader.feed(data)
                while (value := self.reader.gets()) is not False:
                    self.waiting.popleft().set_result(value)
        except (OSError, bide.ClosedError):
            pass
        finally:
            self.close()

    def close(self):
        """Ends both tasks; commands without an answer fail."""
        self.closed = True
        self.stream.close()
        self.wanted.set()
        while self.waiting:
            self.waiting.popleft().set_exception(
                ConnectionError("Redis has closed the connection"))


async def visitor(redis, number):
    """Three commands, one after the other, as any program would write it."""
    key = f"visitor:{number}"
    await redis.command("SET", key, number * number)
    value = int(await redis.command("GET", key))
    await redis.command("INCRBY", "sum", value)
    return value


async def connect(options):
    if options.unix:
        return await bide.connect_unix(options.unix)
    return await bide.connect_tcp(options.host, options.port)


async def main(options):
    async with await connect(options) as stream, bide.TaskGroup() as group:
        redis = Redis(stream, group)
        await redis.command("DEL", "sum")
        start = bide.now()
        values = await bide.gather(*(
            visitor(redis, number) for number in range(options.tasks)))
        took = bide.now() - start
        total = int(await redis.command("GET", "sum"))
        assert total == sum(values), (total, sum(values))
        try:
            await redis.command("INCR", "visitor:1", "too", "many")
        except hiredis.ReplyError as error:
            print("an error stays with its command:", error)
        print(f"{options.tasks} tasks, {3 * options.tasks} commands, "
              f"sum {total}, in {took * 1000:.1f} ms")
        redis.close()


if __name__ == "__main__":
    options = argparse.ArgumentParser(description="a Redis pipeline")
    options.add_argument("--unix", metavar="PATH")
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--port", type=int, default=6379)
    options.add_argument("--tasks", type=int, default=100)
    bide.run(main(options.parse_args()))
