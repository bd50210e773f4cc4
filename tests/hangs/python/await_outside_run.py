# An operation is awaited where no runtime runs.
#
# expect: NoRuntimeError: ... bide.run
# expect: line {line A}, in main
import asyncio

import bide


async def main():
    await bide.sleep(1)  # A


asyncio.run(main())
