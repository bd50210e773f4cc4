"""The child of a fork inside a running loop."""

import subprocess
import sys
import textwrap


def python(code):
    """Runs `code` in a fresh interpreter: (exit status, stdout, stderr)."""
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)],
                          capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def test_fork_under_a_running_loop_is_an_error():
    status, out, err = python(
        """
        import bide, os

        async def main():
            bide.spawn(bide.sleep(100))
            await bide.sleep(0.001)
            if os.fork() == 0:
                try:
                    await bide.sleep(0)
                except RuntimeError as error:
                    print("child:", error, flush=True)
                os._exit(7)
            print("parent:", os.waitstatus_to_exitcode(os.wait()[1]))
            await bide.sleep(0.001)
            return "goes on"

        print(bide.run(main()))
        """
    )
    assert status == 0, err
    assert "child: the process was forked while bide.run()" in out
    assert out.endswith("parent: 7\ngoes on\n")


def test_forked_child_runs_a_loop_of_its_own():
    status, out, err = python(
        """
        import asyncio, bide, os, signal

        async def of_its_own():
            try:
                await bide.spawn_blocking(len, "four")
                await asyncio.to_thread(len, "four")
                await bide.spawn(asyncio.sleep(0.001))
                os.kill(os.getpid(), signal.SIGINT)
                await bide.sleep(60)
            except asyncio.CancelledError:
                print("cancelled", flush=True)
                raise

        async def main():
            server = await bide.listen_tcp("127.0.0.1", 0)
            loop = asyncio.get_running_loop()
            plain = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
            await bide.spawn_blocking(len, "four")
            if os.fork() == 0:
                del plain, server
                try:
                    bide.run(of_its_own())
                except KeyboardInterrupt:
                    print("interrupted", flush=True)
                with asyncio.Runner(loop_factory=bide.new_event_loop) as runner:
                    runner.run(asyncio.sleep(0))
                os._exit(7)
            print("parent:", os.waitstatus_to_exitcode(os.wait()[1]))
            client = await bide.connect_tcp("127.0.0.1", server.port)
            await (await server.accept()).write(b"still here")
            print((await client.read(10)).decode())
            address = plain.sockets[0].getsockname()
            await asyncio.open_connection(*address)

        bide.run(main())
        """
    )
    assert status == 0, err
    assert out == "cancelled\ninterrupted\nparent: 7\nstill here\n"


def test_forked_child_leaves_run_with_the_error():
    status, out, err = python(
        """
        import bide, os

        async def main():
            await bide.sleep(0.001)
            if os.fork() == 0:
                try:
                    await bide.sleep(1)
                finally:
                    print("unwound", flush=True)
            os.wait()

        try:
            bide.run(main())
        except RuntimeError:
            print("child out", flush=True)
            os._exit(0)
        print("parent out")
        """
    )
    assert status == 0, err
    assert out == "unwound\nchild out\nparent out\n"
