"""``cletus/storage/backends/urls.py``."""

from __future__ import annotations

import os
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from cletus.errors import StartError, StoreUnusable, UnknownStoreScheme
from cletus.settings.settings import Settings
from cletus.storage.backends import urls
from cletus.storage.backends.json_files import JsonFiles
from cletus.storage.backends.memory import Memory
from cletus.storage.backends.urls import backend_for


@pytest.mark.parametrize(
    ("store", "folder"),
    [
        ("store", os.path.abspath("store")),
        ("/var/lib/talker", "/var/lib/talker"),
        ("./redis:x", os.path.abspath("redis:x")),
        ("file:store", os.path.abspath("store")),
        ("file:///var/lib/my%20talker", "/var/lib/my talker"),
        ("file://localhost/var", "/var"),
        ("FILE:/var", "/var"),
    ],
)
def test_paths_and_file_urls_are_folders(store: str, folder: str) -> None:
    """Of JSON files."""
    home = backend_for(Settings(store=store))
    assert isinstance(home, JsonFiles)
    assert home.folder == folder
    assert home.sync == "full"


@pytest.mark.parametrize("store", ["store", "file:store"])
def test_the_sync_mode_is_a_setting(store: str) -> None:
    """``store_sync`` ``rename`` reaches the files."""
    home = backend_for(Settings(store=store, store_sync="rename"))
    assert home.sync == "rename"


@pytest.mark.parametrize("store", ["file://elsewhere/x", "file:", "file:/x?mode=ro", "file:/x#y"])
def test_odd_file_urls_are_refused(store: str) -> None:
    """With what to write instead."""
    with pytest.raises(StoreUnusable, match="a file: URL"):
        backend_for(Settings(store=store))


def test_postgresql_has_the_two_schemes_of_libpq() -> None:
    for scheme in ("postgres", "postgresql"):
        backend = backend_for(Settings(store=f"{scheme}://db/talker"))
        assert backend.location("a", "b") == f"{scheme}://db/talker: a/b"


def test_memory_is_a_scheme() -> None:
    """For tests."""
    assert isinstance(backend_for(Settings(store="memory:")), Memory)


def test_an_unknown_scheme_names_the_known() -> None:
    """And how to write a folder that is called so."""
    with pytest.raises(UnknownStoreScheme) as caught:
        backend_for(Settings(store="redis://localhost/0"))
    assert caught.value.scheme == "redis"
    assert set(caught.value.known) >= {"file", "memory"}
    assert isinstance(caught.value, StartError)
    assert "known are file:, memory:, postgres:, postgresql:, sqlite:" in str(caught.value)
    assert "'./redis://localhost/0'" in str(caught.value)


def test_other_packages_register_a_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their callable gets the URL and the settings."""
    point = EntryPoint("dict", f"{__name__}:opener", urls.GROUP)
    monkeypatch.setattr(urls, "entry_points", lambda group: [point])
    settings = Settings(store="dict:x")
    assert backend_for(settings) == ("dict:x", settings)


def test_a_package_that_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names it."""
    point = EntryPoint("dict", "no_such_package:opener", urls.GROUP)
    monkeypatch.setattr(urls, "entry_points", lambda group: [point])
    with pytest.raises(StoreUnusable, match="no_such_package:opener cannot be imported"):
        backend_for(Settings(store="dict:x"))


def test_a_package_whose_import_fails_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says how."""

    def resolve(_name: str) -> object:
        raise IndexError("list index out of range")

    monkeypatch.setattr(urls, "resolve_name", resolve)
    with pytest.raises(StoreUnusable, match="IndexError"):
        backend_for(Settings(store="postgresql://localhost/talker"))


def opener(url: str, settings: Settings) -> object:
    """What an entry point names."""
    return url, settings


class OldBackend:
    """A backend of another package, written for the interface as it was called before."""

    def place(self, store: str, key: str) -> str:
        return f"{store}/{key}"


def old_backend(_url: str, _settings: Settings) -> OldBackend:
    return OldBackend()


def test_a_backend_with_methods_of_earlier_names_works(monkeypatch: pytest.MonkeyPatch) -> None:
    """``place`` is ``location`` now; a package that has not followed works, with a warning."""
    point = EntryPoint("old", f"{__name__}:old_backend", "cletus.stores")
    monkeypatch.setattr(urls, "entry_points", lambda group: [point])
    with pytest.warns(DeprecationWarning, match="OldBackend.place is now called location"):
        backend = backend_for(Settings(store="old:"))
    assert backend.location("user", "bob") == "user/bob"


def test_earlier_names_of_our_own_backends_work() -> None:
    """For an application that calls them."""
    backend: Any = Memory()
    with pytest.warns(DeprecationWarning, match="Memory.place is now called Memory.location"):
        assert backend.place("user", "bob") == "memory:user/bob"
