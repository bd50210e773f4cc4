# A regular expression takes for ever, in C and with the GIL.
#
# env: BIDE_WATCHDOG=50ms
# hangs
# expect: bide: the loop is blocked: task "parser" ({A}) has been running for
# expect: re/__init__.py
# expect: line {line B}, in parse
import re

import bide


async def parse(text):  # A
    return re.match(r"(a+)+$", text)  # B


async def main():
    await bide.spawn(parse("a" * 60 + "!"), name="parser")


bide.run(main())
