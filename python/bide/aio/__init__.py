"""asyncio on bide's reactor.

    asyncio.run(main(), loop_factory=bide.new_event_loop)      # 3.12 and later
    bide.install()                                             # or for all

The loop is asyncio's own where speed does not matter; see docs/asyncio.md.
"""

from bide.aio._loop import EventLoop, EventLoopPolicy, install, new_event_loop

__all__ = ["EventLoop", "EventLoopPolicy", "install", "new_event_loop"]
