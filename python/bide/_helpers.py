"""What the extension's types have in Python: loops around their operations."""

from __future__ import annotations

import errno

from . import _core

# The system is short of something that ending connections give back.
_SHORTAGE = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


async def wait_for(condition, predicate):
    """Condition.wait_for()."""
    while not (result := predicate()):
        await condition.wait()
    return result


async def serve(listener, handler, limit, token):
    """Listener.serve()."""
    if token is None:
        await _serve(listener, handler, limit)
    else:
        with token:
            await _serve(listener, handler, limit)


async def _serve(listener, handler, limit):
    slots = None if limit is None else _core.Semaphore(limit)
    async with _core.TaskGroup() as group:
        while True:
            if slots is not None:
                await slots.acquire()
            stream = await _accept(listener)
            if stream is None:
                return
            group.spawn(_handle(stream, handler, slots))


async def _accept(listener):
    """A connection, or None when the listener is closed. Out of descriptors,
    it waits a little longer each time."""
    pause = 0.01
    while True:
        try:
            return await listener.accept()
        except _core.ClosedError:
            return None
        except OSError as error:
            if error.errno not in _SHORTAGE:
                raise
            if pause == 0.01:
                _core._report(error, "in Listener.serve(), which goes on",
                              listener)
        await _core.sleep(pause)
        pause = min(2 * pause, 1.0)


async def _handle(stream, handler, slots):
    try:
        await handler(stream)
    except Exception as error:
        _core._report(error, "in a handler of Listener.serve()", handler)
    finally:
        stream.close()
        if slots is not None:
            slots.release()
