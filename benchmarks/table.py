"""Plain tables and progress for terminals, and Markdown of the same rows."""

import shutil
import sys


def text(header, rows):
    """Columns as wide as they need; the first to the left, others right."""
    grid = [[str(cell) for cell in row] for row in [header, *rows]]
    widths = [max(map(len, column)) for column in zip(*grid, strict=True)]
    lines = []
    for row in grid:
        cells = [row[0].ljust(widths[0])]
        pairs = zip(row[1:], widths[1:], strict=True)
        cells += [cell.rjust(width) for cell, width in pairs]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "-" * max(map(len, lines)))
    return "\n".join(lines)


def markdown(header, rows):
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in [header, *rows]]
    lines.insert(1, "|---|" + "---:|" * (len(header) - 1))
    return "\n".join(lines)


def times(value):
    """A ratio, as people say it: 12x, 3.4x, 0.87x."""
    digits = 0 if value >= 10 else 1 if value >= 2 else 2
    return f"{value:.{digits}f}x"


def share(value):
    """A ratio meant to be small: 1/12, 1/3.4, 0.87x, 1.3x."""
    if value > 1 / 1.5:
        return f"{value:.2f}x"
    if value <= 0:
        return "0"
    return f"1/{1 / value:.{0 if value <= 0.1 else 1}f}"


def cost(value):
    """A ratio as what something costs on top: 3 %, -1 %."""
    return f"{(value - 1) * 100:.0f} %"


def nanoseconds(value):
    if value < 10_000:
        return f"{value:.0f}" if value >= 100 else f"{value:.1f}"
    if value < 10_000_000:
        return f"{value / 1000:.0f} us"
    return f"{value / 1e6:.0f} ms"


class Progress:
    """One line on stderr that says how far the work is; silent when stderr is
    not a terminal, but for a line every tenth of the way."""

    def __init__(self, total):
        self.total = total
        self.done = 0
        self.terminal = sys.stderr.isatty()

    def step(self, what):
        self.done += 1
        line = f"[{self.done}/{self.total}] {what}"
        if self.terminal:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r{line[:width]:<{width}}", end="", file=sys.stderr)
        elif self.done * 10 // self.total != (self.done - 1) * 10 // self.total:
            print(line, file=sys.stderr)
        sys.stderr.flush()

    def end(self):
        if self.terminal:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r{'':<{width}}\r", end="", file=sys.stderr, flush=True)
