"""The table of the README, out of what was measured."""

import table

# What a row shows: (Python's case, Lua's case), each a (bench, case).
ROWS = {
    "switch between 1,000 tasks": ("switch", "1000 tasks"),
    "mutex contended by 100 tasks": ("mutex", "100 tasks"),
    "channel of capacity 1": ("channel", "capacity 1"),
    "100,000 sleeping timers, each": ("timers", "100k sleeping"),
    "asyncio's `call_soon`": ("aio_loop", "call_soon"),
    "TCP echo, 1 KiB": ("echo", "TCP, 1 KiB"),
    "TLS echo, 1 KiB": ("echo", "TLS, 1 KiB"),
    "UDP echo, 1 KiB": ("echo", "UDP, 1 KiB"),
    "HTTP request, JSON": ("http", "JSON"),
}
COLUMNS = (
    ("python", ("bide", "asyncio", "uvloop", "trio")),
    ("lua", ("bide", "cqueues", "luv")),
)
HEADER = (
    "an operation takes",
    "bide, Python",
    "asyncio",
    "uvloop",
    "trio",
    "bide, Lua",
    "cqueues",
    "luv",
)


def _cell(results, lang, place, impl):
    ns = results.median(lang, *place, impl)
    if ns is None and impl == "bide":  # asyncio's API on bide's loop
        ns = results.median(lang, *place, "bide loop")
    if ns is None:
        return ""
    return f"{ns:.0f} ns" if ns < 1000 else f"{ns / 1000:.1f} us"


def markdown(results):
    """Rows without any figure of ours are left out."""
    rows = []
    for title, place in ROWS.items():
        cells = [
            _cell(results, lang, place, impl)
            for lang, impls in COLUMNS
            for impl in impls
        ]
        if any(cells):
            rows.append((title, *cells))
    return table.markdown(HEADER, rows)
