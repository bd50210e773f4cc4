"""A Dask cluster whose scheduler, workers and client run on the loop."""

from __future__ import annotations

import asyncio

import dask
import distributed
import pytest


@pytest.fixture(autouse=True)
def quiet():
    with dask.config.set({"distributed.admin.tick.interval": "60s",
                          "distributed.worker.profile.enabled": False}):
        yield


def test_local_cluster(run):
    async def main():
        async with distributed.LocalCluster(
                n_workers=2, threads_per_worker=1, processes=False,
                dashboard_address=None, asynchronous=True) as cluster:
            async with distributed.Client(cluster, asynchronous=True) as client:
                futures = client.map(lambda n: n * n, range(100))
                total = client.submit(sum, futures)
                assert await total == sum(n * n for n in range(100))
                failing = client.submit(lambda: 1 / 0)
                with pytest.raises(ZeroDivisionError):
                    await failing
                big = await client.scatter(bytes(10_000_000))
                assert await client.submit(len, big) == 10_000_000

    run(main(), 120)


def test_worker_processes(run):
    """The cluster's own loop is ours; the workers talk to it over TCP."""
    async def main():
        async with distributed.LocalCluster(
                n_workers=1, threads_per_worker=1, processes=True,
                dashboard_address=None, asynchronous=True) as cluster:
            async with distributed.Client(cluster, asynchronous=True) as client:
                futures = client.map(pow, range(50), [2] * 50)
                assert await client.gather(futures) == [
                    n * n for n in range(50)]

    run(main(), 120)
    assert asyncio.events._get_running_loop() is None
