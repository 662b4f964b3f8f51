"""Settings: typed, checked, from six places of which the nearest to the person wins."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest

from cletus.errors import SettingError, StartError
from cletus.renamed import SETTINGS
from cletus.settings.settings import (
    SOURCES,
    Settings,
    Sources,
    describe,
    merge,
    needs_restart,
    setting,
)
from cletus.testing import Log

DESIGN = {
    "host": "127.0.0.1",
    "port": 9000,
    "store": "store",
    "line_max": 4096,
    "subnegotiation_max": 8192,
    "output_max": 1024 * 1024,
    "line_rate": 20.0,
    "line_burst": 40,
    "connections_max": 10_000,
    "connections_per_address": 100,
    "reload": True,
    "reload_debounce": 0.2,
    "reload_timeout": 10.0,
    "reload_keep": 5,
    "users_login_time": 120.0,
    "users_strangers_per_address": 20,
    "users_reserve_deleted": False,
}


@pytest.mark.parametrize("name", DESIGN)
def test_the_defaults_are_those_of_the_design(name: str) -> None:
    assert getattr(Settings(), name) == DESIGN[name]


def test_each_setting_is_described_in_a_line() -> None:
    """The description is its ``--help``."""
    described = list(describe())
    assert [name for name, *_ in described] == [
        one.name for one in msgspec.structs.fields(Settings)
    ]
    for name, _, default, about in described:
        assert about, name
        assert "\n" not in about
        assert not about.endswith("."), "it is a phrase"
        assert default == getattr(Settings(), name)


def test_what_stands_nearest_to_the_person_wins() -> None:
    """Preset, file, environment, module body, configure(), run(), command line, in any order of time."""
    said = dict(zip(SOURCES, range(1, 8), strict=True))
    for order in (SOURCES, SOURCES[::-1], (*SOURCES[3:], *SOURCES[:3])):
        sources = Sources()
        for source in order:
            sources.update(source, {"port": said[source]})
        assert sources.settings().port == said["command line"]
    sources = Sources()
    for source in SOURCES:
        assert sources.update(source, {"port": said[source]}).port == said[source]


def test_a_source_is_added_to_or_replaced() -> None:
    sources = Sources()
    sources.update("file", {"port": 1, "host": "::1"})
    assert sources.update("file", {"port": 2}).host == "::1"
    sources.replace("file", {"port": 3})
    assert (sources.settings().host, sources.settings().port) == ("127.0.0.1", 3)


def test_a_copy_is_changed_on_trial() -> None:
    sources = Sources()
    sources.update("file", {"port": 1})
    sources.copy().update("file", {"port": 2})
    assert sources.settings().port == 1


@pytest.mark.parametrize(
    ("name", "near"),
    [("prot", "port"), ("line_rat", "line_rate"), ("line-max", "line_max"), ("stores", "store")],
)
def test_an_unknown_name_is_told_with_its_source_and_the_nearest(name: str, near: str) -> None:
    with pytest.raises(SettingError) as raised:
        merge(Settings(), {name: 1}, "service.run()")
    error = raised.value
    assert (error.name, error.source) == (name, "service.run()")
    assert str(error) == f"service.run(): setting {name!r} is unknown; did you mean {near!r}?"
    assert isinstance(error, StartError)


def test_a_name_like_nothing_has_no_nearest() -> None:
    with pytest.raises(SettingError, match=r"setting 'xyzzy' is unknown$"):
        merge(Settings(), {"xyzzy": 1}, "file")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "many"),
        ("port", -1),
        ("port", 65536),
        ("port", 1.5),
        ("port", None),
        ("line_max", -1),
        ("line_rate", "fast"),
        ("line_rate", -0.1),
        ("line_rate", float("nan")),
        ("line_rate", "nan"),
        ("store_sync", "sometimes"),
        ("store", ""),
        ("reload", "perhaps"),
        ("host", 127),
        ("reload_modules", 5),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_and_nothing_is_added(name: str, value: Any) -> None:
    sources = Sources()
    with pytest.raises(SettingError, match=rf"command line: setting '{name}' cannot be"):
        sources.update("command line", {"line_burst": 7, name: value})
    assert sources.settings() == Settings()


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("port", "8000", 8000),
        ("line_rate", "2.5", 2.5),
        ("line_rate", 3, 3.0),
        ("reload", "false", False),
        ("reload", "1", True),
        ("reload_modules", ["a", "b"], ("a", "b")),
        ("reload_modules", "a, b.c,", ("a", "b.c")),
        ("store_sync", "rename", "rename"),
    ],
)
def test_texts_are_converted_as_they_come_from_a_command_line(
    name: str, value: Any, meant: Any
) -> None:
    assert getattr(merge(Settings(), {name: value}, "command line"), name) == meant


def test_settings_do_not_change_under_anybodys_hands() -> None:
    settings = Settings()
    with pytest.raises(AttributeError):
        settings.port = 1  # type: ignore[misc]  # that is the point
    assert merge(settings, {"port": 1}, "file").port == 1
    assert settings.port == 9000


def test_settings_of_an_application_are_described_and_checked_like_ours() -> None:
    class Ours(Settings, frozen=True, kw_only=True):
        rooms: Annotated[int, msgspec.Meta(ge=1, description="how many rooms there are")] = 3

    assert ("rooms", "how many rooms there are") in [
        (name, about) for name, *_, about in describe(Ours)
    ]
    assert merge(Ours(), {"rooms": "4", "port": 1}, "file") == Ours(rooms=4, port=1)
    with pytest.raises(SettingError, match="'rooms'"):
        Sources(Ours).update("file", {"rooms": 0})


def test_doors_and_stores_stay_as_they_are_until_a_restart() -> None:
    assert {"host", "port"} <= needs_restart()
    assert not {"line_rate", "output_max", "stop_notice"} & needs_restart()


@pytest.mark.parametrize(
    ("name", "value", "takes"),
    [("store_sync", "foo", "full or rename"), ("store", "", "a folder or URL")],
)
def test_what_a_setting_takes_is_told(name: str, value: str, takes: str) -> None:
    """In words that can be typed. A store of no name would be spread over the folder one is in."""
    with pytest.raises(SettingError, match=f"cannot be {value!r}: it takes {takes}$"):
        Sources().update("command line", {name: value})


# -- names that have changed ---------------------------------------------------------------------


@pytest.mark.parametrize("source", ["file", "environment", "service.configure()"])
@pytest.mark.parametrize(("old", "new"), SETTINGS.items())
def test_the_old_name_of_a_setting_is_taken_and_warns(
    source: str, old: str, new: str, log: Log
) -> None:
    """In the log as well, where it was not code that said it."""
    sources = Sources()
    with pytest.warns(
        DeprecationWarning, match=f"{source}: setting '{old}'.*'{new}'".replace("()", ".*")
    ):
        settings = sources.update(source, {old: "3"})
    assert getattr(settings, new) == 3
    assert getattr(sources.settings(), new) == 3, "without another warning"
    logged = [line for line in log.lines if f"setting {old!r} is now called {new!r}" in line]
    assert len(logged) == (source != "service.configure()")


def test_the_new_name_wins_over_the_old_one_in_one_source() -> None:
    with pytest.warns(DeprecationWarning, match="reload_quiet"):
        settings = Sources().update("file", {"reload_debounce": 1, "reload_quiet": 2})
    assert settings.reload_debounce == 1


def test_a_setting_of_an_application_may_have_an_old_name() -> None:
    class Ours(Settings, frozen=True, kw_only=True):
        users_grace: int = 3

    assert Sources(Ours).update("file", {"users_grace": 4}) == Ours(users_grace=4)


def test_settings_have_attributes_of_the_old_names() -> None:
    settings = Settings(reload_debounce=7)
    with pytest.warns(DeprecationWarning, match="Settings.reload_debounce"):
        assert settings.reload_quiet == 7  # type: ignore[attr-defined]  # it is an old name
    with pytest.raises(AttributeError):
        settings.reload_quiet = 1  # type: ignore[attr-defined]  # settings are frozen


def test_setting_was_called_about() -> None:
    import cletus.settings
    import cletus.settings.settings as module

    for where in (cletus.settings, module):
        with pytest.warns(DeprecationWarning, match="about is now called .*setting"):
            assert where.about is setting  # type: ignore[attr-defined]  # it is an old name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        cletus.settings.nothing  # type: ignore[attr-defined]  # that is the point  # noqa: B018


# -- a relative store ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "lies_beside"),
    [
        ("preset", True),
        ("file", True),
        ("environment", False),
        ("module body", True),
        ("service.run()", True),
        ("command line", False),
    ],
)
def test_a_relative_store_lies_beside_the_application(
    tmp_path: Path, source: str, lies_beside: bool
) -> None:
    """Wherever the command is called from; what is typed into a shell is relative to where that is."""
    sources = Sources()
    sources.read_file(tmp_path)
    assert sources.settings().store == str(tmp_path / "store"), "the default, too"
    settings = sources.update(source, {"store": "data/stores"})
    assert settings.store == (str(tmp_path / "data/stores") if lies_beside else "data/stores")
    assert sources.copy().settings() == settings


def test_a_relative_folder_of_the_page_lies_beside_the_application(tmp_path: Path) -> None:
    sources = Sources()
    sources.read_file(tmp_path)
    assert sources.settings().web_folder == "", "none by default"
    assert sources.update("file", {"web_folder": "web"}).web_folder == str(tmp_path / "web")
    assert sources.update("command line", {"web_folder": "web"}).web_folder == "web"


@pytest.mark.parametrize("store", ["/var/lib/talker", "memory:", "file:store", "sqlite:/a.db"])
def test_other_stores_stay_as_they_are(tmp_path: Path, store: str) -> None:
    sources = Sources()
    sources.read_file(tmp_path)
    assert sources.update("file", {"store": store}).store == store


def test_data_is_not_kept_among_installed_packages(tmp_path: Path) -> None:
    sources = Sources()
    sources.read_file(tmp_path / "site-packages")
    assert sources.settings().store == "store"


def test_a_relative_database_lies_beside_the_application(tmp_path: Path) -> None:
    sources = Sources()
    sources.read_file(tmp_path)
    assert sources.update("file", {"store": "sqlite:a.db"}).store == f"sqlite://{tmp_path}/a.db"
