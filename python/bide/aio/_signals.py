"""Signal handlers of a loop.

The loop's run has CPython wake it by a descriptor of its own, so a handler in
Python runs at once; it need not learn the signal's number from a pipe.
"""

# mypy: ignore-errors
# It stands on asyncio's own methods, which have no types.
from __future__ import annotations

import errno
import signal
import sys
import warnings
from asyncio import coroutines, events
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
        try:
            # Fails outside of the main thread.
            signal.set_wakeup_fd(signal.set_wakeup_fd(-1))
        except (ValueError, OSError) as exc:
            raise RuntimeError(str(exc)) from None
        before = self._signal_handlers.get(sig)
        self._signal_handlers[sig] = events.Handle(callback, args, self, None)
        try:
            signal.signal(sig, self._on_signal)
            signal.siginterrupt(sig, False)
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
        default: Callable[..., Any] | signal.Handlers = signal.SIG_DFL
        if sig == signal.SIGINT:
            default = signal.default_int_handler
        try:
            signal.signal(sig, default)
        except OSError as exc:
            if exc.errno == errno.EINVAL:
                raise RuntimeError(f"sig {sig} cannot be caught") from None
            raise
        return True

    def _remove_signal_handlers(self) -> None:
        if not sys.is_finalizing():
            for sig in list(self._signal_handlers):
                self.remove_signal_handler(sig)
        elif self._signal_handlers:
            warnings.warn(
                f"Closing the loop {self!r} on interpreter shutdown stage, "
                f"skipping signal handlers removal", ResourceWarning,
                source=self)
            self._signal_handlers.clear()
