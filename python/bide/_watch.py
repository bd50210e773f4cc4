"""What bide.watch() tells."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["Change"]


class Change(NamedTuple):
    """One change in a directory, from bide.watch(). Names are bytes if the path
    was."""

    kind: str
    """"created", "removed", "modified", "attributes", "renamed", "overflow" or
    "gone"."""
    name: Any
    """In the directory; empty of "overflow" and "gone"."""
    is_dir: bool
    old_name: Any = None
    """Of "renamed"."""


Change.__module__ = "bide"
