"""``staged`` and ``App``: an application imported anew, running in memory, unloaded at the end."""

from __future__ import annotations

import dataclasses
import sys
import textwrap
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from cletus import Service
from cletus.contrib.users import hashing
from cletus.errors import ImportFailed, ServiceStateError, SettingError
from cletus.reload.code.modules import ApplicationFinder
from cletus.service.construction import current_loading
from cletus.service.interfaces import Components
from cletus.service.lifecycle import State
from cletus.testing import App, MemoryDoor, StepClock, reloaded, staged

APPLICATION = """
    from cletus import Service, events
    from cletus.storage import Field, Store

    service = Service(name="code")
    started = []

    class Note(Store):
        service = service
        text = Field("")

    found = sorted(Note.manager.saved())

    @service.listen(events.PreStart)
    def start(event):
        started.append(service.settings.store)

    service.run(port=9)
"""


@pytest.fixture
def clock() -> StepClock:
    return StepClock()


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str, name: str = "staged_talk.py") -> Path:
        (tmp_path / name).write_text(textwrap.dedent(text))
        return tmp_path

    return write


def imported() -> set[str]:
    return {name for name in sys.modules if name.startswith("staged_")}


def test_it_runs_in_memory_from_its_import_to_its_stop(write, clock):
    folder = write(APPLICATION)
    with staged("staged_talk.py", folder, clock) as service:
        assert service.state is State.RUNNING
        assert service.reactor is clock
        assert service.doors == ()
        assert service.settings.port == 9
        module = sys.modules["staged_talk"]
        assert module.service is service
        assert module.started == ["memory:"]
    assert service.state is State.STOPPED
    assert not (folder / "store").exists()


def test_nothing_of_it_is_left_at_the_end(write, clock):
    folder, path = write(APPLICATION), list(sys.path)
    with staged("staged_talk.py", folder, clock):
        assert imported()
    assert not imported()
    assert sys.path == path
    assert not any(isinstance(one, ApplicationFinder) for one in sys.meta_path)
    assert current_loading() is None
    assert not clock.getDelayedCalls()


def test_a_module_that_was_imported_before_is_restored(write, clock, monkeypatch):
    folder = write(APPLICATION.replace("service.run(port=9)", ""))
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    import staged_talk

    try:
        with staged("staged_talk", folder, clock) as service:
            assert service is not staged_talk.service
            assert sys.modules["staged_talk"] is not staged_talk
        assert sys.modules["staged_talk"] is staged_talk
    finally:
        del sys.modules["staged_talk"]
        staged_talk.service.session.close()


def test_its_settings_are_those_of_its_file_its_code_and_the_test(write, clock, monkeypatch):
    monkeypatch.setenv("CLETUS_LINE_MAX", "5")  # set by the person who runs the tests: not used
    folder = write(APPLICATION)
    write("line_max = 100\nline_burst = 7\nline_rate = 3\nstore = 'elsewhere'\n", "cletus.toml")
    with staged("staged_talk.py", folder, clock, {"line_burst": 8}) as service:
        settings = service.settings
    assert (settings.line_max, settings.line_burst) == (100, 8)
    assert (settings.line_rate, settings.store) == (0, "memory:")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("from cletus import Service\nservice = Service()\n1/0\n", ImportFailed),
        ("from cletus import Service\nservice = Service(no_such=1)\n", SettingError),
        (
            "from cletus import Service, events\nservice = Service()\nservice.configure(reload_modules=('no_such_module',))\n",
            SettingError,
        ),
        (
            """
            from cletus import Service, events
            from twisted.internet.defer import Deferred
            service = Service()
            @service.listen(events.PreStart)
            async def start(event):
                await Deferred()
            """,
            ServiceStateError,
        ),
    ],
)
def test_nothing_is_left_of_an_application_that_cannot_start(write, clock, text, error):
    folder = write(text)
    with pytest.raises(error), staged("staged_talk.py", folder, clock):
        pass
    assert not imported()
    assert not any(isinstance(one, ApplicationFinder) for one in sys.meta_path)


def test_what_needs_a_reactor_is_not_opened(write, clock, monkeypatch):
    """Such as a metrics port or a control socket."""

    def attachments(service: Service):
        raise AssertionError("it was asked for")

    components = dataclasses.replace(Components.default, attachments=attachments)
    monkeypatch.setattr(Components, "default", components)
    with staged("staged_talk.py", write(APPLICATION), clock) as service:
        assert service.state is State.RUNNING


def test_password_hashes_are_cheap_meanwhile(write, clock):
    folder = write("from cletus import Service\nimport cletus.contrib.users\nservice = Service()\n")
    dear = hashing.HASHER
    assert isinstance(dear, PasswordHasher)
    with staged("staged_talk.py", folder, clock):
        assert hashing.HASHER.memory_cost < dear.memory_cost
    assert hashing.HASHER is dear


def test_clients_are_disconnected_at_the_end(write, clock):
    with staged("staged_talk.py", write(APPLICATION), clock) as service:
        visitor = MemoryDoor(service).connect()
    assert not visitor.connected
    assert service.settings.stop_notice in visitor.transcript


def test_a_restart_finds_what_was_saved(write, clock):
    app = App("staged_talk.py", write(APPLICATION), clock)
    first = app.start()
    sys.modules["staged_talk"].Note("one", text="hello").save()
    second = app.restart()
    assert (first.state, second.state) == (State.STOPPED, State.RUNNING)
    assert sys.modules["staged_talk"].found == ["one"]
    assert sys.modules["staged_talk"].Note.manager.get("one").text == "hello"
    app.stop()
    app.stop()
    assert second.state is State.STOPPED


def test_two_apps_have_nothing_in_common(write, clock):
    folder = write(APPLICATION)
    for _ in range(2):
        app = App("staged_talk.py", folder, clock)
        app.start()
        assert sys.modules["staged_talk"].found == []
        sys.modules["staged_talk"].Note("one").save()
        app.stop()


def test_what_is_saved_soon_is_saved_at_once(write, clock):
    with staged("staged_talk.py", write(APPLICATION), clock):
        note_cls = sys.modules["staged_talk"].Note
        done = note_cls("one").save_soon()
        clock.advance(0)
        assert done.called


def test_a_report_tells_of_the_application_and_not_of_the_kit(write, clock):
    with staged("staged_talk.py", write(APPLICATION), clock) as service:
        report = reloaded(service)
        assert report.ok
        assert str(report).count("\n") == 0


def test_an_application_that_does_not_stop_is_reported_and_leaves_nothing(write, clock):
    folder = write(
        """
        from cletus import Service, events
        from twisted.internet.defer import Deferred
        service = Service()
        @service.listen(events.PreStop)
        async def stop(event):
            await Deferred()
        """
    )
    stops_not = pytest.raises(ServiceStateError, match="does not stop")
    with stops_not, staged("staged_talk.py", folder, clock):
        pass
    assert not imported()


def test_an_application_without_users_needs_no_hashes(write, clock, monkeypatch):
    monkeypatch.delitem(sys.modules, "cletus.contrib.users.hashing")
    with staged("staged_talk.py", write(APPLICATION), clock) as service:
        assert service.state is State.RUNNING
    assert "cletus.contrib.users.hashing" not in sys.modules


def test_no_app_has_the_store_of_another(tmp_path: Path) -> None:
    """Not even if it gets the address in memory of one that is gone, whose backend is still held."""
    (tmp_path / "apart.py").write_text(textwrap.dedent(APPLICATION))
    held, stores = [], set()
    for _ in range(20):
        app = App("apart.py", tmp_path, StepClock())
        held.append(app._backend)
        stores.add(id(app._backend))
        del app
    assert len(stores) == 20
