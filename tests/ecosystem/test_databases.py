"""asyncpg on PostgreSQL, redis-py on Redis."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
import redis.asyncio
from peers import postgres, redis as redis_server


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    with postgres(tmp_path_factory.mktemp("pg")) as (home, port):
        yield {"host": home, "port": port, "user": "postgres",
               "database": "postgres"}


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory):
    with redis_server(tmp_path_factory.mktemp("redis")) as path:
        yield f"unix://{path}"


def test_asyncpg_pool(run, database):
    async def main():
        async with asyncpg.create_pool(**database, min_size=2,
                                       max_size=4) as pool:
            rows = await asyncio.gather(*(
                pool.fetchval("SELECT $1::int * 2", n) for n in range(200)))
            assert rows == [2 * n for n in range(200)]

    run(main())


def test_asyncpg_transactions_and_copy(run, database, tmp_path):
    async def main():
        c = await asyncpg.connect(**database)
        await c.execute("CREATE TEMP TABLE t (n int, s text)")
        records = [(n, "x" * 100) for n in range(10_000)]
        await c.copy_records_to_table("t", records=records)
        with pytest.raises(ZeroDivisionError):
            async with c.transaction():
                await c.execute("DELETE FROM t")
                1 / 0  # noqa: B018
        assert await c.fetchval("SELECT sum(n) FROM t") == sum(range(10_000))
        await c.copy_from_table("t", output=str(tmp_path / "out"))
        assert len((tmp_path / "out").read_text().splitlines()) == 10_000
        await c.close()

    run(main())


def test_asyncpg_timeout_and_cancel(run, database):
    async def main():
        c = await asyncpg.connect(**database)
        with pytest.raises(asyncio.TimeoutError):
            await c.execute("SELECT pg_sleep(60)", timeout=0.1)
        task = asyncio.create_task(c.execute("SELECT pg_sleep(60)"))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await c.fetchval("SELECT 1") == 1
        await c.close()

    run(main())


def test_asyncpg_listen(run, database):
    async def main():
        got = asyncio.get_running_loop().create_future()
        one, two = [await asyncpg.connect(**database) for _ in range(2)]
        await one.add_listener("news", lambda *words: got.set_result(words[3]))
        await two.execute("NOTIFY news, 'hello'")
        assert await got == "hello"
        await one.close()
        await two.close()

    run(main())


def test_redis_commands_in_parallel(run, redis_url):
    async def main():
        async with redis.asyncio.Redis.from_url(redis_url) as r:
            async def visitor(n):
                await r.set(f"k{n}", n)
                return int(await r.get(f"k{n}"))

            assert await asyncio.gather(*map(visitor, range(100))) == list(
                range(100))
            async with r.pipeline(transaction=True) as pipe:
                for n in range(100):
                    pipe.incrby("total", n)
                assert (await pipe.execute())[-1] == sum(range(100))

    run(main())


def test_redis_pubsub(run, redis_url):
    async def main():
        async with redis.asyncio.Redis.from_url(redis_url) as r:
            async with r.pubsub() as pubsub:
                await pubsub.subscribe("news")
                await r.publish("news", "hello")
                async for message in pubsub.listen():
                    if message["type"] == "message":
                        assert message["data"] == b"hello"
                        break

    run(main())


def test_redis_blocking_pop_cancelled(run, redis_url):
    async def main():
        async with redis.asyncio.Redis.from_url(redis_url) as r:
            waiting = asyncio.create_task(r.blpop(["queue"], timeout=0))
            await asyncio.sleep(0.05)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await r.rpush("queue", "x")
            assert await r.lpop("queue") == b"x"

    run(main())
