"""A blocking consumer on a thread of its own feeds a bounded channel; a task
takes the messages off in batches.

This is how to use a client library that only knows blocking calls (Kafka, a
message bus, a serial port): the library lives in the thread, and the channel's
bound is the back-pressure. When the batches are slow, the thread waits in
send_blocking(), and with it the library.
"""

import bide

MESSAGES = 10_000


def consume(messages, count):
    """The thread. In real life `poll()` of a client library is in the loop."""
    try:
        for offset in range(count):
            messages.send_blocking((offset, f"event {offset}"))
    except bide.ClosedError:
        return "the consumer was told to stop"
    finally:
        messages.close()
    return "the consumer has stopped"


async def main():
    messages: bide.Channel[tuple[int, str]] = bide.Channel(256, name="messages")
    thread = bide.spawn_thread(consume, messages, MESSAGES, name="consumer")
    seen = batches = largest = 0
    while True:
        try:
            # Waits for one message, then takes what is there.
            batch = await messages.recv_many(500)
        except bide.ClosedError:
            break
        for offset, _ in batch:
            assert offset == seen, "out of order"
            seen += 1
        batches += 1
        largest = max(largest, len(batch))
        await bide.yield_now()  # or commit the offsets of this batch
    print(f"{seen} messages in {batches} batches, the largest of {largest}")
    print(await thread)
    assert seen == MESSAGES


if __name__ == "__main__":
    bide.run(main())
