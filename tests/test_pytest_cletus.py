"""``pytest_cletus``: the plugin, as it works for the tests of an application.

Most of these tests run pytest inside this pytest, without pytest-twisted, which would stop the reactor
at the end of the inner run, and so for the outer run.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

pytest_plugins = ["pytester"]

TALK = """
    from cletus import Service, events
    from cletus.storage import Field, Store

    service = Service()

    class Visits(Store):
        service = service
        count = Field(0)

    @service.listen(events.Connect)
    async def connect(event):
        visits = Visits.manager.get("all") or Visits("all")
        visits.count += 1
        visits.save()
        event.client.name = await event.client.ask("What is your name? ")
        service.write_all(f"* {event.client.name} comes in, visit {visits.count}.")

    @service.listen(events.Receive)
    def receive(event):
        if event.data == "boom":
            raise RuntimeError("the talker is broken")
        service.write_all(f"{event.client.name}: {event.data}")
"""

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    """Writes a talker and tests of it, and runs pytest on them."""

    def run(tests: str, *arguments: str, target: str = "talk.py") -> pytest.RunResult:
        pytester.makepyfile(talk=TALK)
        pytester.makepyfile(test_talk=tests)
        if target:
            pytester.makepyprojecttoml(f'[tool.pytest.ini_options]\ncletus_target = "{target}"\n')
        without = ("-p", "no:twisted", "-p", "no:hypothesispytest", "-p", "no:cacheprovider")
        return pytester.runpytest_inprocess(*without, "--strict-markers", *arguments)

    return run


@pytest.mark.parametrize("target", ["talk.py", "talk"])
def test_the_configuration_names_the_application(run: Run, target: str) -> None:
    result = run(
        """
        def test_they_meet(client, connect, service, clock):
            assert client.sees("What is your name?")
            assert client.says("Bob") == "* Bob comes in, visit 1.\\n"
            ann = connect()
            assert ann.says("Ann", "hello") == "* Ann comes in, visit 2.\\nAnn: hello\\n"
            assert client.screen.endswith("Ann: hello")
            assert len(service.clients) == 2
            assert service.reactor is clock
        """,
        target=target,
    )
    result.assert_outcomes(passed=1)


def test_each_test_has_an_application_of_its_own(run: Run) -> None:
    """Even when the test module has imported it: the application under test is another one."""
    result = run(
        """
        import sys, talk
        import pytest

        @pytest.mark.parametrize("again", [1, 2])
        def test_it_is_the_first_visit(client, service, again):
            assert "visit 1." in client.says("Bob")
            assert sys.modules["talk"].service is service
            assert talk.service is not service

        def test_it_is_back(request):
            assert sys.modules["talk"] is talk
        """
    )
    result.assert_outcomes(passed=3)


def test_tests_may_live_inside_of_the_application(pytester: pytest.Pytester, run: Run) -> None:
    """In a folder of their own; the application's modules are restored after each test."""
    package = pytester.path / "lib" / "mytalker"
    (package / "tests").mkdir(parents=True)
    (package / "__init__.py").write_text("from mytalker import core\n")
    (package / "core.py").write_text("from cletus import Service\nservice = Service()\n")
    (package / "tests" / "__init__.py").touch()
    (package / "tests" / "test_core.py").write_text(
        "import sys\n"
        "from mytalker import core\n\n"
        "def test_it(service):\n"
        "    from mytalker import core as mine\n"
        "    assert mine is not core and mine.service is service\n\n"
        "def test_after_it():\n"
        "    assert sys.modules['mytalker.core'] is core\n"
        "    assert sys.modules[__name__].core is core\n"
    )
    ini = '[tool.pytest.ini_options]\npythonpath = ["lib"]\ncletus_target = "lib/mytalker"\n'
    pytester.makepyprojecttoml(ini)
    result = run("", "lib", target="")
    result.assert_outcomes(passed=2)


def test_a_marker_names_the_application_and_its_settings(run: Run) -> None:
    result = run(
        """
        import pytest

        pytestmark = pytest.mark.cletus("talk.py", line_max=10, line_burst=4)

        def test_of_the_module(service):
            assert (service.settings.line_max, service.settings.line_burst) == (10, 4)

        @pytest.mark.cletus(line_max=20)
        def test_of_its_own(service, client):
            assert (service.settings.line_max, service.settings.line_burst) == (20, 4)
        """,
        target="",
    )
    result.assert_outcomes(passed=2)


def test_target_and_settings_can_be_fixtures(run: Run) -> None:
    result = run(
        """
        import pytest

        @pytest.fixture
        def cletus_target(tmp_path):
            path = tmp_path / "other.py"
            path.write_text("from cletus import Service\\nservice = Service()")
            return path

        @pytest.fixture
        def cletus_settings(tmp_path):
            return {"store": str(tmp_path / "store")}

        def test_it(service, tmp_path):
            assert service.session.application.roots[0].name == "other"
            assert (tmp_path / "store").is_dir()
        """,
        target="",
    )
    result.assert_outcomes(passed=1)


def test_the_application_under_test_must_be_named(run: Run) -> None:
    result = run("def test_it(client): pass", target="")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["Which application is under test?*", "*cletus_target = *"])


def test_a_test_that_fails_shows_every_screen_and_the_log(run: Run) -> None:
    result = run(
        """
        def test_it(client, connect):
            client.says("Bob")
            connect().says("Ann", "hello")
            assert client.sees("Hall")
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            '*assert client.sees("Hall")',
            "*where False = sees('Hall')",
            "*Screen of <Visitor from 192.0.2.1:40001>*",
            "| What is your name? Bob *|",
            "| Ann: hello *|",
            "*Screen of <Visitor from 192.0.2.2:40002>*",
            "*Log of the service*",
            "<Client 1 telnet 192.0.2.1:40001> connected",
        ]
    )


def test_an_error_in_the_log_fails_the_test(run: Run) -> None:
    result = run(
        """
        def test_it(client):
            client.says("Bob", "boom")
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "The service has logged an error; *",
            "*RuntimeError: the talker is broken",
            "*Screen of*",
        ]
    )


def test_an_error_that_a_test_takes_does_not_fail_it(run: Run) -> None:
    result = run(
        """
        def test_it(client, log):
            assert "Something went wrong" in client.says("Bob", "boom")
            (mistake,) = log.take_failures()
            assert mistake.endswith("RuntimeError: the talker is broken")
            assert any("connected" in line for line in log.lines)
        """
    )
    result.assert_outcomes(passed=1)


def test_an_error_at_the_stop_fails_the_test(run: Run) -> None:
    result = run(
        """
        from cletus import events

        def test_it(service):
            @service.listen(events.PostStop)
            def stopped(event):
                raise RuntimeError("at the very end")
        """
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*RuntimeError: at the very end"])


def test_a_test_that_fails_with_an_error_in_the_log_fails_once(run: Run) -> None:
    result = run(
        """
        def test_it(client):
            client.says("Bob", "boom")
            assert client.sees("Hall")
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*where False = sees('Hall')", "*the talker is broken*"])


def test_it_can_be_restarted_and_reloaded(run: Run) -> None:
    result = run(
        """
        from cletus.testing import assert_survives_reload, reloaded

        def test_restart(client, connect, restart, service):
            client.says("Bob")
            again = restart()
            assert again is not service
            assert not client.connected
            assert "visit 2." in connect().says("Bob")

        def test_reload(client, service):
            client.says("Bob")
            edit = lambda text: text.replace('{event.client.name}: ', '{event.client.name} says: ')
            assert reloaded(service, {"talk": edit}).ok
            assert client.says("hello") == "Bob says: hello\\n"
            assert_survives_reload(service)
            assert client.says("hello") == "Bob says: hello\\n"
        """
    )
    result.assert_outcomes(passed=2)


def test_a_fixture_may_replace_the_service(run: Run) -> None:
    result = run(
        """
        import pytest
        from cletus import Service, events
        from cletus.testing import start_in_memory

        @pytest.fixture
        def service(clock):
            service = Service()
            service.listen(events.Receive)(lambda event: event.client.write(event.data.upper()))
            start_in_memory(service, clock)
            yield service
            service.stop()
            clock.advance(10)

        def test_it(client):
            assert client.says("hello") == "HELLO\\n"
        """,
        target="",
    )
    result.assert_outcomes(passed=1)


def test_without_pyte_the_transcript_is_shown(run: Run) -> None:
    result = run(
        """
        import pytest
        from cletus.errors import PyteMissing
        from cletus.testing import screen

        @pytest.fixture(autouse=True)
        def no_pyte(monkeypatch):
            monkeypatch.setattr(screen, "pyte", None)
            yield

        def test_it(client):
            assert "Bob comes in" in client.says("Bob")
            with pytest.raises(PyteMissing):
                client.screen
            assert 0
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*Screen of*", "What is your name? * Bob comes in, visit 1."])


def test_a_screen_that_cannot_be_drawn_does_not_hide_the_failure(run: Run) -> None:
    result = run(
        """
        def test_it(client, clock):
            clock.callLater(0, lambda: 1 / 0)
            clock.callLater(0, lambda: [] + "a")
            client.says("Bob")
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*ZeroDivisionError: division by zero", "It cannot be drawn: Type*"]
    )


@pytest.mark.parametrize("reactor", ["default", "asyncio"])
def test_tests_may_be_async_whatever_the_reactor(pytester: pytest.Pytester, reactor: str) -> None:
    """With pytest-twisted, in a process of its own, since a process has one reactor."""
    pytester.makepyfile(talk=TALK)
    pytester.makepyfile(
        test_talk="""
        import pytest, pytest_twisted
        from cletus.testing import reload_with

        pytestmark = pytest.mark.cletus("talk.py")

        @pytest_twisted.ensureDeferred
        async def test_async(client, service):
            assert await client.says("Bob") == "* Bob comes in, visit 1.\\n"
            report = await reload_with(service, {"talk": lambda text: text + "\\n"})
            assert report.ok
            assert await client.says("hello") == "Bob: hello\\n"

        @pytest_twisted.ensureDeferred
        async def test_mistake(client):
            await client.says("Bob", "boom")

        def test_sync(client):
            assert client.says("Bob") == "* Bob comes in, visit 1.\\n"
        """
    )
    result = pytester.runpytest_subprocess(
        f"--reactor={reactor}", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"
    )
    result.assert_outcomes(passed=2, failed=1)


def test_a_run_that_does_not_use_it_does_not_load_cletus(pytester: pytest.Pytester) -> None:
    """Nor Twisted; and Cletus is loaded late enough for coverage to see all of it."""
    pytester.makepyfile(
        """
        import sys

        def test_it(request):
            assert request.config.pluginmanager.has_plugin("cletus")
            for name in ("cletus", "twisted", "pyte"):
                assert name not in sys.modules
        """
    )
    result = pytester.runpytest_subprocess(
        "-p", "no:twisted", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"
    )
    result.assert_outcomes(passed=1)


def test_importing_the_plugin_imports_pytest_alone() -> None:
    code = "import sys, pytest; a = set(sys.modules); import pytest_cletus; print(set(sys.modules) - a)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout == "{'pytest_cletus'}\n"
