"""A cache in front of a slow lookup, protected by a mutex: of all the tasks
that want the same missing entry at the same time, one looks it up."""

import bide


class Cache:
    def __init__(self, lookup):
        self.lookup = lookup
        self.entries = {}
        self.locks = {}

    async def get(self, key):
        if key in self.entries:
            return self.entries[key]
        # One mutex per key, so that different keys do not wait for each other.
        lock = self.locks.setdefault(key, bide.Mutex(name=f"entry {key}"))
        async with lock:
            if key not in self.entries:  # someone may have been faster
                self.entries[key] = await self.lookup(key)
                self.locks.pop(key, None)
        return self.entries[key]


async def main():
    lookups = 0

    async def slow_lookup(key):
        """Stands for a database or DNS query."""
        nonlocal lookups
        await bide.sleep(0.01)
        lookups += 1
        return f"value of {key}"

    cache = Cache(slow_lookup)

    async def user(i):
        key = f"user{i % 3}"
        assert await cache.get(key) == f"value of {key}"

    async with bide.TaskGroup() as group:
        for i in range(300):
            group.spawn(user(i))
    print(f"300 tasks, 3 keys, {lookups} lookups")
    assert lookups == 3


if __name__ == "__main__":
    bide.run(main())
