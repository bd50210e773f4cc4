"""The pytest plugin, in sessions of its own."""

import textwrap

import pytest

pytest_plugins = ["pytester"]


@pytest.fixture
def session(pytester):
    """Runs the tests in `source`: the result."""

    def run(source, *options, ini=""):
        pytester.makeini(f"[pytest]\n{ini}\n")
        pytester.makepyfile(textwrap.dedent(source))
        return pytester.runpytest_inprocess(
            "-p", "bide.pytest_plugin", "--import-mode=prepend", *options
        )

    return run


def test_plugin_runs_marked_tests(session):
    session(
        """
        import bide, pytest

        @pytest.mark.bide
        async def test_time_is_virtual():
            await bide.sleep(3600)
            assert bide.now() == 3600

        @pytest.mark.bide(virtual_time=False)
        async def test_time_is_real():
            assert bide.now() > 0

        @pytest.mark.bide(timeout=5)
        async def test_too_slow():
            await bide.sleep(6)

        class TestClass:
            @pytest.mark.bide
            async def test_method(self):
                await bide.yield_now()

        def test_plain():
            pass
        """
    ).assert_outcomes(passed=4, failed=1)


def test_plugin_mode_auto_takes_every_async_test(session):
    source = """
    import bide, pytest

    async def test_unmarked():
        assert bide.current_task() is not None

    @pytest.mark.bide(virtual_time=False)
    async def test_marked():
        assert bide.now() > 0
    """
    session(source, ini="bide_mode = auto").assert_outcomes(passed=2)
    assert session(source).parseoutcomes()["passed"] == 1


def test_plugin_sets_up_async_fixtures_in_the_run(session):
    session(
        """
        import bide, pytest

        log = []

        @pytest.fixture
        def plain():
            return 1

        @pytest.fixture
        async def first(plain):
            await bide.sleep(1)
            log.append("first")
            yield plain + 1
            await bide.sleep(1)
            log.append("first ends")

        @pytest.fixture
        async def second(first, request):
            assert request.fixturename == "second"
            log.append("second")
            return first + 1

        @pytest.mark.bide
        async def test_it(second, first, plain):
            assert (plain, first, second) == (1, 2, 3)
            assert bide.now() == 1
            log.append("test")

        def test_then():
            assert log == ["first", "second", "test", "first ends"]

        class TestClass:
            @pytest.fixture
            async def mine(self):
                return self

            @pytest.fixture(autouse=True)
            async def always(self):
                log.append("always")

            @pytest.mark.bide
            async def test_own(self, mine, bide_clock):
                assert mine is self
                assert log[-1] == "always"
                await bide_clock.jump(5)
                assert bide.now() == 5
        """,
        "-W",
        "ignore",
    ).assert_outcomes(passed=3)


def test_plugin_tells_the_seed_of_a_failure(session):
    source = """
    import bide, pytest

    @pytest.mark.bide
    async def test_order():
        log = []
        async def add(x):
            log.append(x)
        async with bide.TaskGroup() as tg:
            for x in range(4):
                tg.spawn(add(x))
        assert log[0] != 2
    """
    result = session(source, "--bide-seeds=1000")
    result.assert_outcomes(failed=1)
    note = next(x for x in result.outlines if "--bide-seed=" in x)
    seed = note.split("--bide-seed=")[1].split()[0]
    again = session(source, f"--bide-seed={seed}")
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines([f"*--bide-seed={seed} *"])
    session(source).assert_outcomes(passed=1)


def test_plugin_explores_the_orders_of_a_test(session):
    session(
        """
        import bide, pytest

        runs = []

        @pytest.mark.bide(seeds=9)
        async def test_many():
            runs.append(1)

        def test_all():
            assert len(runs) == 9
        """
    ).assert_outcomes(passed=2)


def test_plugin_checks_for_leaks(session):
    result = session(
        """
        import bide, pytest

        @pytest.mark.bide(leaks=True)
        async def test_leaks():
            bide.spawn(bide.Event().wait(), name="lost")
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*LeakError: left behind:*"])
    result.stdout.fnmatch_lines(["*task 'lost' is not done*"])


def test_plugin_makes_forgotten_awaits_errors(session):
    result = session(
        """
        import bide, pytest

        @pytest.mark.bide
        async def test_forgets():
            bide.Channel(1).send("lost")
        """,
        ini="filterwarnings = error",
    )
    assert "passed" not in result.parseoutcomes()
    result.stdout.fnmatch_lines(["*operation Channel.send() was never awaited*"])


def test_plugin_refuses_what_it_does_not_know(session):
    source = """
    import pytest

    @pytest.mark.bide(sead=3)
    async def test_it():
        pass

    @pytest.fixture
    async def value():
        return 1

    @pytest.fixture
    def sync(value):
        return value

    @pytest.mark.bide
    async def test_sync_over_async(sync):
        pass
    """
    result = session(source)
    assert "passed" not in result.parseoutcomes()
    result.stdout.fnmatch_lines(["*the mark is bide(virtual_time=True*"])
    result.stdout.fnmatch_lines(["*'sync' is not async, and uses 'value'*"])
    assert session(source, ini="bide_mode = maybe").ret != 0
