"""What every home for documents must do; run against each of them.

Subclass ``BackendConformance`` in a test module and give it a fixture ``home``: a backend that has
been opened and may be closed and opened again by a test.
"""

from __future__ import annotations

import threading

import pytest

from cletus.errors import NotSaved, StorageError, StoreUnusable, UnsafeName
from cletus.storage.interfaces import Backend, Document

UNSAFE = ["", ".", "..", ".hidden", "../x", "a/b", "/etc/passwd", "nul\0", "x" * 300, "\ud800"]
AWKWARD = ["CON", "aux", "-rf", "~", "ä", "日本", "🦊", "a b", "x" * 120, "%2e%2e", "a.json", "*"]


def document(key: str, text: str = "{}", store: str = "user") -> Document:
    return Document(store, key, text.encode())


class BackendConformance:
    """The contract of ``cletus.storage.interfaces.Backend``, sentence by sentence."""

    def test_what_is_written_is_read(self, home: Backend) -> None:
        """A document comes back byte for byte."""
        home.write("user", "bob", b'{\n  "name": "B\xc3\xb6b"\n}\n')
        assert home.read("user", "bob") == b'{\n  "name": "B\xc3\xb6b"\n}\n'

    def test_the_last_write_stays(self, home: Backend) -> None:
        """A second write replaces the first, longer or shorter."""
        for text in (b"long" * 1000, b"x", b"", b"longer" * 30_000):
            home.write("user", "bob", text)
            assert home.read("user", "bob") == text

    def test_what_was_never_written_is_not_saved(self, home: Backend) -> None:
        """Reading says so, naming store and key, whether or not the store is known."""
        with pytest.raises(NotSaved, match="user 'bob' is not saved") as caught:
            home.read("user", "bob")
        assert (caught.value.store, caught.value.key) == ("user", "bob")
        home.write("user", "alice", b"{}")
        with pytest.raises(NotSaved):
            home.read("user", "bob")

    def test_stores_are_apart(self, home: Backend) -> None:
        """One key in two stores is two documents."""
        home.write("user", "bob", b"a person")
        home.write("room", "bob", b"a place")
        home.delete("user", "bob")
        assert home.read("room", "bob") == b"a place"
        assert home.keys("user") == []

    def test_keys_lists_each_document_once(self, home: Backend) -> None:
        """Written twice, listed once; deleted, listed no more; an unknown store has none."""
        assert home.keys("user") == []
        for key in ("bob", "alice", "bob"):
            home.write("user", key, b"{}")
        assert sorted(home.keys("user")) == ["alice", "bob"]
        home.delete("user", "bob")
        assert home.keys("user") == ["alice"]

    def test_delete_is_for_good(self, home: Backend) -> None:
        """What was deleted is not saved, and cannot be deleted again, but can be written again."""
        home.write("user", "bob", b"{}")
        home.delete("user", "bob")
        for again in (home.read, home.delete):
            with pytest.raises(NotSaved):
                again("user", "bob")
        home.write("user", "bob", b"back")
        assert home.read("user", "bob") == b"back"

    @pytest.mark.parametrize("count", [0, 1, 3, 4, 50])
    def test_many_are_written_together(self, home: Backend, count: int) -> None:
        """A group of any size, over several stores, is all there afterwards."""
        group = [document(f"k{n}", f"text {n}", ("user", "room")[n % 2]) for n in range(count)]
        assert home.write_many(group) == []
        assert [home.read(one.store, one.key) for one in group] == [one.data for one in group]

    def test_in_a_group_the_later_text_stays(self, home: Backend) -> None:
        """A key twice in one group ends with its later text."""
        assert home.write_many([document("bob", str(n)) for n in range(9)]) == []
        assert home.read("user", "bob") == b"8"

    def test_one_failure_hinders_no_other(self, home: Backend) -> None:
        """What cannot be written is returned with its reason; the others are saved."""
        group = [document("alice"), document("../bob"), document("carol")]
        [failure] = home.write_many(group)
        assert failure.document is group[1]
        assert isinstance(failure.error, UnsafeName)
        assert sorted(home.keys("user")) == ["alice", "carol"]

    @pytest.mark.parametrize("name", UNSAFE)
    def test_unsafe_names_are_refused(self, home: Backend, name: str) -> None:
        """A key or store that could leave the folder, hide in it, or not fit is refused by all."""
        for store, key in ((name, "bob"), ("user", name)):
            with pytest.raises(UnsafeName):
                home.write(store, key, b"{}")
            with pytest.raises(UnsafeName):
                home.read(store, key)
            with pytest.raises(UnsafeName):
                home.delete(store, key)
            [failure] = home.write_many([Document(store, key, b"{}")])
            assert isinstance(failure.error, UnsafeName)

    @pytest.mark.parametrize("key", AWKWARD)
    def test_awkward_names_round_trip(self, home: Backend, key: str) -> None:
        """What is merely odd is kept and listed as it is."""
        home.write("user", key, b"{}")
        assert home.read("user", key) == b"{}"
        assert home.keys("user") == [key]

    def test_a_place_for_people(self, home: Backend) -> None:
        """Messages say where a document is, whether it exists or not."""
        assert "user/bob" in home.location("user", "bob")

    def test_what_was_written_outlives_close(self, home: Backend) -> None:
        """Closed and opened again, as by a restart, the home holds what it held."""
        home.write("user", "bob", b"{}")
        home.close()
        home.open()
        assert home.read("user", "bob") == b"{}"
        assert home.keys("user") == ["bob"]

    def test_closing_twice_is_harmless(self, home: Backend) -> None:
        """So that whoever opened it can always close it."""
        home.close()
        home.close()

    def test_a_closed_home_refuses_to_write(self, home: Backend) -> None:
        """Another process may own it by now."""
        home.close()
        with pytest.raises(StoreUnusable, match="not open"):
            home.write("user", "bob", b"{}")
        with pytest.raises(StoreUnusable, match="not open"):
            home.delete("user", "bob")
        [failure] = home.write_many([document("bob")])
        assert isinstance(failure.error, StoreUnusable)

    def test_two_threads_may_write(self, home: Backend) -> None:
        """A group in one thread and single writes in another do not disturb each other."""
        group = [document(f"group{n}") for n in range(50)]
        failures: list[object] = []
        thread = threading.Thread(target=lambda: failures.extend(home.write_many(group)))
        thread.start()
        for n in range(50):
            home.write("user", f"single{n}", b"{}")
        thread.join()
        assert failures == []
        assert len(home.keys("user")) == 100

    def test_errors_are_ours(self) -> None:
        """Whatever a home raises, one ``except`` catches it."""
        assert all(issubclass(kind, StorageError) for kind in (NotSaved, UnsafeName, StoreUnusable))
