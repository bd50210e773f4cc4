"""The loop under test: bide's, or the stock one with BIDE_LOOP=asyncio.

The tests are about the packages, so they have to pass on the stock loop, too.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import bide

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "peers"))

STOCK = os.environ.get("BIDE_LOOP") == "asyncio"
new_loop = asyncio.new_event_loop if STOCK else bide.new_event_loop
