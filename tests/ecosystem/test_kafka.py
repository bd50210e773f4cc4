"""Kafka on librdkafka's mock broker: the stalled stream, cured.

confluent-kafka's consumer blocks in poll(). A thread of its own pumps into a
bounded channel; tasks take batches from it.
"""

from __future__ import annotations

import asyncio

import bide
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition
from confluent_kafka import Consumer, Producer

COUNT = 500


class Broker:
    """A mock cluster, alive as long as the client that made it."""

    def __init__(self):
        self.producer = Producer({"bootstrap.servers": "ignored",
                                  "test.mock.num.brokers": 1})
        brokers = self.producer.list_topics(timeout=20).brokers
        first = next(iter(brokers.values()))
        self.address = f"{first.host}:{first.port}"

    def fill(self, topic):
        for n in range(COUNT):
            self.producer.produce(topic, b"%d" % n)
        assert self.producer.flush(20) == 0


def pump(address, topic, channel):
    """On a thread: blocks in poll() as long as it likes."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": "g",
                         "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    taken = 0
    while taken < COUNT:
        message = consumer.poll(1.0)
        if message is not None and message.error() is None:
            channel.send_blocking(int(message.value()))
            taken += 1
    consumer.close()
    channel.close()


async def batches(channel):
    got = []
    while True:
        try:
            batch = await channel.recv_many(64)
        except bide.ClosedError:
            return got
        got += batch
        await bide.sleep(0.001)  # the work on a batch


def test_confluent_consumer_in_a_thread_of_its_own():
    broker = Broker()
    broker.fill("one")

    async def main():
        channel = bide.Channel(32, name="messages")
        with bide.timeout(60):
            thread = bide.spawn_thread(pump, broker.address, "one", channel)
            got = await batches(channel)
            await thread
        return got

    assert sorted(bide.run(main())) == list(range(COUNT))


def test_confluent_producer_reports_into_the_loop(run):
    broker = Broker()

    async def main():
        loop = asyncio.get_running_loop()
        producer = Producer({"bootstrap.servers": broker.address})
        futures = []
        for n in range(COUNT):
            future = loop.create_future()
            futures.append(future)

            def delivered(error, message, future=future):
                loop.call_soon_threadsafe(future.set_result,
                                          error or message.offset())

            producer.produce("two", b"%d" % n, partition=0,
                             on_delivery=delivered)
        await asyncio.to_thread(producer.flush, 20)
        assert await asyncio.gather(*futures) == list(range(COUNT))

    run(main())


def test_aiokafka_produces_and_consumes(run):
    broker = Broker()

    async def main():
        producer = AIOKafkaProducer(bootstrap_servers=broker.address)
        await producer.start()
        for n in range(COUNT):
            await producer.send("three", b"%d" % n, partition=0)
        await producer.stop()
        consumer = AIOKafkaConsumer(bootstrap_servers=broker.address)
        await consumer.start()
        place = TopicPartition("three", 0)
        consumer.assign([place])
        consumer.seek(place, 0)
        got = []
        while len(got) < COUNT:
            for messages in (await consumer.getmany(timeout_ms=1000)).values():
                got += [int(m.value) for m in messages]
        await consumer.stop()
        assert got == list(range(COUNT))

    run(main())
