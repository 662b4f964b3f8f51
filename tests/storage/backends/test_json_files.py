"""``cletus/storage/backends/json_files.py``, with the folders and groups below it."""

from __future__ import annotations

import os
import stat
import string
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cletus.errors import NotSaved, StoreDenied, StoreIOError, StoreUnusable, UnsafeName
from cletus.storage.backends import json_files, store_folder
from cletus.storage.backends.json_files import JsonFiles
from cletus.storage.interfaces import Document
from cletus.testing.log import Log
from tests.storage import mutants
from tests.storage.conformance import BackendConformance
from tests.storage.doubles import Recorded, Sluggish, SyncfsMissing


def opened(folder: Path, **kwargs: object) -> JsonFiles:
    home = JsonFiles(folder, **kwargs)
    home.open()
    return home


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class TestFlushed(BackendConformance):
    """Files keep the contract of all homes."""

    @pytest.fixture
    def home(self, tmp_path: Path) -> JsonFiles:
        return opened(tmp_path / "store")


class TestRenamed(BackendConformance):
    """So they do without flushes."""

    @pytest.fixture
    def home(self, tmp_path: Path) -> JsonFiles:
        return opened(tmp_path / "store", sync="rename")


class TestWithoutSyncfs(BackendConformance):
    """So they do where each file is flushed by itself."""

    @pytest.fixture
    def home(self, tmp_path: Path) -> JsonFiles:
        return opened(tmp_path / "store", calls=SyncfsMissing())


class TestSluggish(BackendConformance):
    """So they do where the system takes and gives a few bytes at a time."""

    @pytest.fixture
    def home(self, tmp_path: Path) -> JsonFiles:
        return opened(tmp_path / "store", calls=Sluggish())

    def test_the_last_write_stays(self, home: JsonFiles) -> None:
        """The same with texts that three bytes at a time get through."""
        for text in (b"long" * 100, b"x", b""):
            home.write("user", "bob", text)
            assert home.read("user", "bob") == text


def test_one_file_a_document(tmp_path: Path) -> None:
    """``<folder>/<store>/<key>.json``, and nothing else but the lock."""
    home = opened(tmp_path)
    home.write("user", "bob", b"{}")
    home.write_many([Document("room", f"r{n}", b"{}") for n in range(4)])
    rooms = [f"room/r{n}.json" for n in range(4)]
    assert files_in(tmp_path) == [".lock", *rooms, "user/bob.json"]
    assert home.location("user", "bob") == str(tmp_path / "user" / "bob.json")


def check_modes(make: Callable[..., JsonFiles], folder: Path, umask: int) -> None:
    previous = os.umask(umask)
    try:
        home = make(folder / "deep" / "store")
        home.open()
        for _ in range(2):
            home.write("user", "bob", b"{}")
            home.write_many([Document("room", f"r{n}", b"{}") for n in range(5)])
            for path in (folder / "deep").rglob("*"):
                assert mode(path) == (0o700 if path.is_dir() else 0o600), path
            assert mode(folder / "deep") == 0o700
    finally:
        os.umask(previous)


@pytest.mark.parametrize("umask", [0, 0o022, 0o077, 0o777])
def test_nobody_else_can_read(tmp_path: Path, umask: int) -> None:
    """Statement 9: files are 0600 and folders 0700 whatever the umask, also when saved again."""
    check_modes(JsonFiles, tmp_path, umask)


def test_modes_mutant(tmp_path: Path) -> None:
    """Leaving the modes to the umask is noticed."""
    with pytest.raises(AssertionError):
        check_modes(mutants.MODE_BY_UMASK, tmp_path, 0o022)


def test_an_existing_folder_keeps_its_mode(tmp_path: Path) -> None:
    """Who made the folder decided who may look into it."""
    (tmp_path / "user").mkdir(mode=0o750)
    opened(tmp_path).write("user", "bob", b"{}")
    assert mode(tmp_path / "user") == 0o750


def test_what_a_crash_left_is_swept(tmp_path: Path) -> None:
    """Opening removes our temporary files, and nothing that anybody else made."""
    (tmp_path / "user").mkdir()
    for name in (".save-123-4.tmp", ".save-x.tmp", ".bob.json.swp", "bob.json", "note.tmp"):
        (tmp_path / "user" / name).write_text("{}")
    home = opened(tmp_path)
    left = [".bob.json.swp", ".save-x.tmp", "bob.json", "note.tmp"]
    assert sorted(os.listdir(tmp_path / "user")) == left
    assert home.keys("user") == ["bob"]


def test_what_is_found_at_the_start_is_there_to_stay(tmp_path: Path) -> None:
    """A process may have been killed between its rename and its flush: that is made up for."""
    opened(tmp_path).write("user", "bob", b"{}")
    calls = Recorded()
    home = JsonFiles(tmp_path, calls=calls)
    home._lock.take = lambda: None  # the first home has it
    home.open()
    assert calls.made.count("fsync") == 2, "the store's folder, and the folder of them all"


def test_a_mounted_disk_can_be_the_folder(unprivileged: Path) -> None:
    """What cannot be a store is not looked into: ``lost+found`` is closed to all but root."""
    (unprivileged / "lost+found").mkdir(mode=0)
    home = opened(unprivileged)
    home.write("user", "bob", b"{}")
    home.close()
    (unprivileged / "lost+found").rmdir()


def check_open_refused(make: Callable[..., JsonFiles], folder: Path, place: Path, why: str) -> None:
    with pytest.raises(StoreUnusable) as caught:
        make(folder).open()
    assert str(caught.value) == f"the store {place} cannot be used: {why}"


def test_a_folder_that_cannot_be_written_stops_the_start(unprivileged: Path) -> None:
    """Statement 7: one clear line at the start, not at the first save."""
    unprivileged.chmod(0o500)
    why = "Permission denied"
    try:
        check_open_refused(JsonFiles, unprivileged / "store", unprivileged / "store", why)
        check_open_refused(JsonFiles, unprivileged, unprivileged / ".lock", why)
        with pytest.raises(AssertionError):
            check_mutant_is_refused(unprivileged)
    finally:
        unprivileged.chmod(0o700)


def check_mutant_is_refused(folder: Path) -> None:
    try:
        mutants.NoProbe(folder).open()
    except StoreUnusable:
        return
    raise AssertionError("it opened")


def test_a_store_that_cannot_be_written_stops_the_start(unprivileged: Path) -> None:
    """One store's folder may be somebody else's, from an earlier run as root for instance."""
    user = unprivileged / "user"
    user.mkdir(mode=0o500)
    why = "the folder of this store is not writable"
    check_open_refused(JsonFiles, unprivileged, user, why)
    user.chmod(0o300)
    check_open_refused(JsonFiles, unprivileged, user, "Permission denied")
    user.chmod(0o700)
    home = opened(unprivileged)  # a refused start let go of the lock
    home.close()


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    """The home cannot be a file."""
    (tmp_path / "store").write_text("")
    check_open_refused(
        JsonFiles, tmp_path / "store" / "deep", tmp_path / "store" / "deep", "Not a directory"
    )


def test_a_file_in_the_place_of_a_store(tmp_path: Path) -> None:
    """A named error, and other stores work."""
    (tmp_path / "user").write_text("")
    home = opened(tmp_path)
    with pytest.raises(StoreIOError, match="Not a directory"):
        home.write("user", "bob", b"{}")
    with pytest.raises(StoreIOError, match=r"cannot list user .*Not a directory"):
        home.keys("user")
    with pytest.raises(NotSaved):
        home.read("user", "bob")
    home.write("room", "hall", b"{}")


def test_a_folder_in_the_place_of_a_file(tmp_path: Path) -> None:
    """A named error, no temporary file, and the folder is left alone."""
    folder = tmp_path / "user" / "bob.json"
    folder.mkdir(parents=True)
    (folder / "treasure").write_text("x")
    home = opened(tmp_path)
    with pytest.raises(StoreIOError, match=r"cannot save user 'bob' .*Is a directory"):
        home.write("user", "bob", b"{}")
    with pytest.raises(StoreIOError, match=r"cannot read user 'bob' .*Is a directory"):
        home.read("user", "bob")
    with pytest.raises(StoreIOError, match="cannot delete"):
        home.delete("user", "bob")
    group = [Document("user", f"k{n}", b"{}") for n in range(5)]
    [failure] = home.write_many([*group, Document("user", "bob", b"{}")])
    assert failure.document.key == "bob"
    assert files_in(tmp_path / "user") == ["bob.json/treasure", *(f"k{n}.json" for n in range(5))]


def test_a_file_that_may_not_be_read(unprivileged: Path) -> None:
    """Denied is not the same as not saved: otherwise a new object would overwrite it."""
    home = opened(unprivileged)
    home.write("user", "bob", b"{}")
    os.chmod(home.location("user", "bob"), 0)
    with pytest.raises(StoreDenied, match=r"bob\.json\): Permission denied$"):
        home.read("user", "bob")


def test_a_folder_that_becomes_read_only(unprivileged: Path) -> None:
    """Denied, the old version stands, and once it is repaired the next save works."""
    home = opened(unprivileged)
    home.write("user", "bob", b"old")
    (unprivileged / "user").chmod(0o500)
    with pytest.raises(StoreDenied, match="the version saved before is untouched"):
        home.write("user", "bob", b"new")
    with pytest.raises(StoreDenied):
        home.delete("user", "bob")
    assert home.read("user", "bob") == b"old"
    (unprivileged / "user").chmod(0o700)
    home.write("user", "bob", b"new")
    assert home.read("user", "bob") == b"new"


def test_only_plain_files_are_read(tmp_path: Path) -> None:
    """Neither a named pipe, which could hang us, nor what a link leads to."""
    home = opened(tmp_path)
    (tmp_path / "user").mkdir()
    (tmp_path / "secret").write_text("{}")
    os.mkfifo(tmp_path / "user" / "pipe.json")
    (tmp_path / "user" / "link.json").symlink_to(tmp_path / "secret")
    (tmp_path / "user" / "zero.json").symlink_to("/dev/zero")
    with pytest.raises(StoreIOError, match="it is not a plain file"):
        home.read("user", "pipe")
    for key in ("link", "zero"):
        with pytest.raises(StoreIOError, match="it is a symbolic link"):
            home.read("user", key)
    home.write("user", "link", b"[]")  # in the place of the link
    assert (tmp_path / "secret").read_text() == "{}"


def test_nothing_is_written_through_a_link_of_another_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In place of a folder of the store; our own link may lead to another disk."""
    (tmp_path / "elsewhere").mkdir()
    home = opened(tmp_path / "store")
    (tmp_path / "store" / "user").symlink_to(tmp_path / "elsewhere")
    home.write("user", "bob", b"{}")
    assert files_in(tmp_path / "elsewhere") == ["bob.json"]
    monkeypatch.setattr(store_folder, "_link_owner", lambda _: 54321)
    for change in (partial(home.write, "user", "eve", b"{}"), partial(home.delete, "user", "bob")):
        with pytest.raises(StoreIOError, match="it is a symbolic link"):
            change()
    assert files_in(tmp_path / "elsewhere") == ["bob.json"]


def test_a_document_has_a_largest_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One without an end does not fill the memory."""
    monkeypatch.setattr(json_files, "DOCUMENT_MAX", 100)
    home = opened(tmp_path)
    home.write("user", "bob", b"x" * 100)
    home.write("user", "eve", b"x" * 101)
    assert len(home.read("user", "bob")) == 100
    with pytest.raises(StoreIOError, match="it has more than 100 bytes"):
        home.read("user", "eve")


def test_a_folder_of_another_user_is_refused(unprivileged: Path) -> None:
    """Whoever owns it can replace everybody's data."""
    if os.getuid() != 0:
        pytest.skip("needs root, to make a folder of another user")
    os.seteuid(0)
    os.chown(unprivileged, 12345, 12345)
    unprivileged.chmod(0o777)
    os.seteuid(65534)
    with pytest.raises(StoreUnusable, match="belongs to user 12345; run as that user"):
        JsonFiles(unprivileged).open()


def test_a_folder_that_all_can_write_to_is_told(tmp_path: Path) -> None:
    """It may be meant so, as with some volumes of containers."""
    tmp_path.chmod(0o777)
    with Log().listening() as log:
        opened(tmp_path).close()
    assert any(f"can write to {tmp_path}: chmod o-w it" in line for line in log.lines)


def test_a_store_folder_removed_by_hand_is_made_again(tmp_path: Path) -> None:
    """Its name is flushed again, too."""
    home = opened(tmp_path)
    home.write("user", "bob", b"{}")
    os.unlink(tmp_path / "user" / "bob.json")
    os.rmdir(tmp_path / "user")
    home.write("user", "bob", b"again")
    assert home.read("user", "bob") == b"again"
    assert mode(tmp_path / "user") == 0o700


def test_where_the_process_goes_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative folder is meant from where the home was made."""
    monkeypatch.chdir(tmp_path)
    home = opened(Path("store"))
    monkeypatch.chdir("/")
    home.write("user", "bob", b"{}")
    assert (tmp_path / "store" / "user" / "bob.json").exists()


def test_opening_twice_is_harmless(tmp_path: Path) -> None:
    """The second time does nothing."""
    home = opened(tmp_path)
    home.open()
    home.write("user", "bob", b"{}")


def test_nothing_is_held_after_close(tmp_path: Path) -> None:
    """No descriptor is left open, whatever was done."""
    before = len(os.listdir("/proc/self/fd"))
    home = opened(tmp_path)
    home.write("user", "bob", b"{}")
    home.write_many([Document("user", f"k{n}", b"{}") for n in range(9)])
    home.delete("user", "bob")
    home.read("user", "k1")
    home.close()
    assert len(os.listdir("/proc/self/fd")) == before


ANY_NAME = st.one_of(
    st.text(),
    st.text(alphabet=string.printable + "./\\\0äÄß🦊\u0130\u0301", max_size=12),
    st.sampled_from(["..", "../x", "a/../../x", "/x", "CON", "NUL.txt", "A", "a", ".lock"]),
    st.integers(200, 300).map(lambda length: "x" * length),
    st.integers(60, 140).map(lambda length: "ä" * length),
)


def check_any_name(home: JsonFiles, outside: Path, names: list[str]) -> None:
    """Each name is refused or round-trips, beside all others, and only the folder changes."""
    before = [path for path in files_in(outside) if not path.startswith("store/")]
    kept = {}
    for name in names:
        try:
            home.write("user", name, name.encode("utf-8", "surrogatepass"))
        except UnsafeName:
            continue
        kept[name] = name.encode("utf-8", "surrogatepass")
    assert {name: home.read("user", name) for name in kept} == kept
    assert set(home.keys("user")) == set(kept)
    assert [path for path in files_in(outside) if not path.startswith("store/")] == before
    for name in kept:
        home.delete("user", name)
    assert files_in(outside) == [*before, "store/.lock"]


@given(names=st.lists(ANY_NAME, max_size=8, unique=True))
def test_any_name_is_refused_or_round_trips(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    """Statement 10: whatever is given, nothing is ever written outside of the store's folder."""
    outside = tmp_path_factory.mktemp("outside")
    home = opened(outside / "store", sync="rename")
    try:
        check_any_name(home, outside, names)
    finally:
        home.close()


def test_names_mutant(tmp_path: Path) -> None:
    """A home that trusts its keys is caught leaving its folder."""
    home = mutants.Trusting(tmp_path / "store", sync="rename")
    home.open()
    with pytest.raises(AssertionError):
        check_any_name(home, tmp_path, ["../../x"])


def test_a_save_makes_no_call_too_many(tmp_path: Path) -> None:
    """The calls of the correct protocol (reliability notes, 3), in order, and no other."""
    calls = Recorded()
    home = opened(tmp_path, calls=calls)
    home.write("user", "bob", b"{}")
    calls.made.clear()
    home.write("user", "bob", b"{}")
    save = "open open fchmod write fsync close rename fsync close"
    assert " ".join(calls.made) == save
    calls.made.clear()
    assert home.read("user", "bob") == b"{}"
    assert calls.made == ["open", "read", "read", "close"]


def check_group_shares_flushes(make: Callable[..., JsonFiles], folder: Path) -> None:
    calls = Recorded()
    home = make(folder, calls=calls)
    home.open()
    group = [Document(store, f"k{n}", b"{}") for n in range(50) for store in ("user", "room")]
    home.write_many(group)
    calls.made.clear()
    home.write_many(group)
    assert calls.made.count("syncfs") == 1
    assert calls.made.count("fsync") == 2, "one for each folder"
    assert calls.made.index("syncfs") < calls.made.index("rename")


def test_a_group_shares_its_flushes(tmp_path: Path) -> None:
    """Statement 14, as calls: one flush of all contents before the renames, one of each folder."""
    check_group_shares_flushes(JsonFiles, tmp_path)


@pytest.mark.parametrize("make", [mutants.OneByOne, mutants.RenamesFirst])
def test_group_mutants(tmp_path: Path, make: Callable[..., JsonFiles]) -> None:
    """Saving one by one, or renaming first, is noticed."""
    with pytest.raises(AssertionError):
        check_group_shares_flushes(make, tmp_path)


def check_listing(make: Callable[..., JsonFiles], folder: Path) -> None:
    calls = Recorded()
    home = make(folder, sync="rename", calls=calls)
    home.open()
    home.write_many([Document("user", f"k{n}", b"{}") for n in range(20)])
    calls.made.clear()
    assert len(home.keys("user")) == 20
    assert calls.made == ["listdir"]


def test_keys_are_listed_without_a_look_at_the_files(tmp_path: Path) -> None:
    """Statement 15, as calls: one, however many keys there are."""
    check_listing(JsonFiles, tmp_path)


def test_listing_mutant(tmp_path: Path) -> None:
    """Looking at each file is noticed."""
    with pytest.raises(AssertionError):
        check_listing(mutants.LooksAtEachFile, tmp_path)


def test_documents_under_a_key_of_an_earlier_form_are_renamed(tmp_path: Path) -> None:
    """Version 0.1 did not fold letters such as the sharp s; what is in the way is left alone."""
    folder = tmp_path / "user"
    folder.mkdir()
    for name in ("straße", "fluß", "fluss", "Öl", "bob"):
        (folder / f"{name}.json").write_text(name)
    files = JsonFiles(tmp_path)
    files.open()
    files.close()
    found = {path.stem: path.read_text() for path in folder.iterdir()}
    assert found == {
        "strasse": "straße",
        "fluß": "fluß",
        "fluss": "fluss",
        "Öl": "Öl",
        "bob": "bob",
    }
