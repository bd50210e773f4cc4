"""Signal handlers of a loop.

The loop's run has CPython wake it by a descriptor of its own, so a handler in
Python runs at once; it need not learn the signal's number from a pipe.

The modules `signal` and `sys` are used by asyncio's own names of them: who puts
something else there, as CPython's tests do, finds it used.
"""

# mypy: ignore-errors
# It stands on asyncio's own methods, which have no types.
from __future__ import annotations

import errno
import warnings
from asyncio import coroutines, events, unix_events
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import signal
    from asyncio.unix_events import _UnixSelectorEventLoop as _Base
else:
    _Base = object


class SignalsMixin(_Base):
    _signal_handlers: dict[int, events.Handle]

    def add_signal_handler(self, sig, callback, *args):
        """Call callback(*args) in the loop whenever the signal arrives."""
        if (coroutines.iscoroutine(callback)
                or coroutines.iscoroutinefunction(callback)):
            raise TypeError("coroutines cannot be used with "
                            "add_signal_handler()")
        self._check_signal(sig)
        self._check_closed()
        system = unix_events.signal
        try:
            # Fails outside of the main thread.
            system.set_wakeup_fd(system.set_wakeup_fd(-1))
        except (ValueError, OSError) as exc:
            raise RuntimeError(str(exc)) from None
        before = self._signal_handlers.get(sig)
        self._signal_handlers[sig] = events.Handle(callback, args, self, None)
        try:
            system.signal(sig, self._on_signal)
            system.siginterrupt(sig, False)
        except OSError as exc:
            self._put_back(sig, before)
            if exc.errno == errno.EINVAL:
                raise RuntimeError(f"sig {sig} cannot be caught") from None
            raise

    def _put_back(self, sig: int, handle: events.Handle | None) -> None:
        if handle is None:
            del self._signal_handlers[sig]
        else:
            self._signal_handlers[sig] = handle

    def _on_signal(self, sig: int, frame: FrameType | None) -> None:
        if not self.is_closed():
            self._handle_signal(sig)

    def remove_signal_handler(self, sig):
        """Stop handling the signal; whether it was handled."""
        self._check_signal(sig)
        if self._signal_handlers.pop(sig, None) is None:
            return False
        system = unix_events.signal
        default: Callable[..., Any] | signal.Handlers = system.SIG_DFL
        if sig == system.SIGINT:
            default = system.default_int_handler
        try:
            system.signal(sig, default)
        except OSError as exc:
            if exc.errno == errno.EINVAL:
                raise RuntimeError(f"sig {sig} cannot be caught") from None
            raise
        return True

    def _remove_signal_handlers(self) -> None:
        if not unix_events.sys.is_finalizing():
            for sig in list(self._signal_handlers):
                self.remove_signal_handler(sig)
        elif self._signal_handlers:
            warnings.warn(
                f"Closing the loop {self!r} on interpreter shutdown stage, "
                f"skipping signal handlers removal", ResourceWarning,
                source=self)
            self._signal_handlers.clear()
