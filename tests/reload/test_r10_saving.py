"""R10: any way an editor or tool saves gives one reload of the final content.

Real files, the real watchdog, a real service in a real reactor; the editors and tools are real where
they are installed, and else their steps are played as they were recorded.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

#: Seconds; short, so that there can be many tests, and long against the steps of one save.
QUIET = 0.12
#: Seconds between two steps of a save that takes its time: well within the quiet time.
PAUSE = 0.02
#: Seconds after which something that is to happen counts as never happening.
PATIENCE = 20

INIT = """
from cletus import Service
service = Service()
N = 0
from talker import a, b, linked, sub, far, {many}
try:
    from talker import extra
except ImportError:
    pass
try:
    from talker import doubtful
except ImportError:
    pass
"""
MANY = [f"many{n}" for n in range(50)]


def text(n: int) -> str:
    """A module whose first half compiles, and holds another number than the whole."""
    return "N = -1\n" + "# filling\n" * 200 + f"N = {n}\n"


class Pauses:
    """Tells a save that took longer than it should: on a busy machine our own process may stall.

    Then the quiet time may have passed in the midst of the save, and the reload of its half was right.
    """

    _since = 0.0
    _longest = 0.0

    @classmethod
    def take(cls, seconds: float) -> None:
        """A pause between two steps."""
        time.sleep(seconds)
        cls._step(seconds)

    @classmethod
    @contextmanager
    def without(cls) -> Iterator[None]:
        """What runs inside may take its time."""
        cls._step(0)
        yield
        cls._since = time.monotonic()

    @classmethod
    def stalled(cls, act: Callable[[], None]) -> bool:
        """Do something; whether there was half a quiet time in it that was not meant."""
        cls._since, cls._longest = time.monotonic(), 0.0
        act()
        cls._step(0)
        return cls._longest > QUIET / 2

    @classmethod
    def _step(cls, meant: float) -> None:
        now = time.monotonic()
        cls._longest = max(cls._longest, now - cls._since - meant)
        cls._since = now


class Child:
    """The service in its process, and what it prints."""

    def __init__(self, folder: Path, *settings: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.reload.saving_child", "talker", str(folder), *settings],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._lines: Queue[dict[str, Any]] = Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(json.loads(line))

    def next(self) -> dict[str, Any]:
        """The next thing that it has to tell."""
        try:
            return self._lines.get(timeout=PATIENCE)
        except Empty:
            pytest.fail("the service did not notice anything")

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(PATIENCE) == 0
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()


class World:
    """The files of an application, reached through a link, and the service that runs it.

    Attributes:
        base: the folder in which everything is; no watch is on it as a whole.
        package: the application, through the link ``current``.
        n: a number that was never in any file, anew for each test.
        generation: how many reloads there must have been.
    """

    def __init__(self, base: Path, *settings: str) -> None:
        self.base = base
        self.n = 0
        self.generation = self.marks = 0
        release = base / "releases" / "1"
        package = release / "talker"
        (package / "sub").mkdir(parents=True)
        (base / "shared" / "far").mkdir(parents=True)
        for path in ("a.py", "b.py", "sub/__init__.py"):
            (package / path).write_text(text(0))
        for name in MANY:
            (package / f"{name}.py").write_text(text(0))
        for path in ("linked.py", "far/__init__.py"):
            (base / "shared" / path).write_text(text(0))
        (package / "linked.py").symlink_to(base / "shared" / "linked.py")
        (package / "far").symlink_to(base / "shared" / "far")
        (package / "__init__.py").write_text(INIT.format(many=", ".join(MANY)))
        (package / "data.toml").write_text("n = 0\n")
        (base / "current").symlink_to("releases/1")
        self.package = base / "current" / "talker"
        self.child = Child(base / "current", f"reload_debounce={QUIET}", *settings)
        assert self.child.next()["outcome"] == "unchanged"  # the look that follows the start

    def settled(self) -> None:
        """Wait for the service to have seen everything that was done so far.

        A file that is touched makes it look and find nothing; it must have nothing else to tell.
        """
        os.utime(self.package / "b.py")
        assert self.child.next()["outcome"] == "unchanged"

    def told(self) -> dict[str, Any]:
        """The next reload, committed or refused."""
        while (told := self.child.next())["outcome"] == "unchanged":
            pass  # late events of what has been reloaded already
        return told

    def expect(self, **values: int) -> dict[str, Any]:
        """What was done since gives exactly one reload, and then these numbers hold.

        A surplus reload would be taken for the next one, and fail that by its number.
        """
        told = self.told()
        assert told["outcome"] == "committed", told["error"] or told
        self.generation += 1
        assert told["generation"] == self.generation, "there were more reloads than saves"
        for name, value in values.items():
            assert told["values"][f"talker.{name}"] == value
        return told

    def does(self, act: Callable[[], None]) -> None:
        """One act of saving, in one go; done again if our own process stalled in its midst."""
        for _ in range(20):
            if not Pauses.stalled(act):
                return
            self.resettle()
        pytest.fail("this machine is too busy for a test of times")

    def resettle(self) -> None:
        """Forget what has been reloaded so far."""
        self.marks += 1
        mark = 10**6 + self.marks
        (self.package / "b.py").write_text(text(mark))
        while (told := self.child.next())["values"].get("talker.b") != mark:
            pass
        self.generation = told["generation"]

    def git(self, *words: str) -> None:
        identity = ("-c", "user.name=A", "-c", "user.email=a@b", "-c", "core.autocrlf=false")
        subprocess.run(
            ["git", *identity, *words],
            cwd=self.package,
            check=True,
            capture_output=True,
            env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull},
        )


def running(tmp_path_factory: pytest.TempPathFactory, *settings: str) -> Iterator[World]:
    """A world that all tests share: what one of them reloads too often, the next one notices."""
    world = World(tmp_path_factory.mktemp("saving"), "reload_patterns=*.toml", *settings)
    yield world
    world.settled()
    world.child.stop()


@pytest.fixture(scope="module")
def events_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    # Without the slow scan: what is noticed was told by events.
    yield from running(tmp_path_factory, "reload_rescan=0")


@pytest.fixture(scope="module")
def scanning_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    yield from running(tmp_path_factory, "reload_poll=true", "reload_poll_interval=0.05")


@pytest.fixture
def world(events_world: World) -> World:
    events_world.n += 1
    return events_world


@pytest.fixture
def scanned(scanning_world: World) -> World:
    scanning_world.n += 1
    return scanning_world


# -- one file -------------------------------------------------------------------------------------


def in_place(file: Path, new: str) -> None:
    """VS Code, nano, ``>``: cut to nothing and written anew."""
    file.write_text(new)


def in_many_writes(file: Path, new: str) -> None:
    with file.open("w") as out:
        for start in range(0, len(new), 500):
            out.write(new[start : start + 500])
            out.flush()
            Pauses.take(PAUSE / 3)


def half_and_the_rest_a_good_while_later(file: Path, new: str) -> None:
    """A file that is still open for writing is waited for, longer than the quiet time."""
    with file.open("w") as out:
        out.write(new[: len(new) // 2])
        out.flush()
        Pauses.take(2 * QUIET)
        out.write(new[len(new) // 2 :])


def half_closed_and_completed(file: Path, new: str) -> None:
    """Within the quiet time the half that compiles is never taken for the whole."""
    file.write_text(new[: len(new) // 2])
    Pauses.take(PAUSE)
    with file.open("a") as out:
        out.write(new[len(new) // 2 :])


def emptied_and_filled(file: Path, new: str) -> None:
    file.write_text("")
    Pauses.take(PAUSE)
    file.write_text(new)


def renamed_over(file: Path, new: str) -> None:
    """Helix, Kate, ``sed -i``, most formatters: a temporary file beside it takes its place."""
    other = file.with_name(".tmpXYZ")
    other.write_text(new)
    other.replace(file)


def renamed_over_from_elsewhere(file: Path, new: str) -> None:
    """There is no event of the move's beginning."""
    other = file.parents[3] / "outside"
    other.write_text(new)
    other.replace(file)


def by_vim(*options: str) -> Callable[[Path, str], None]:
    def save(file: Path, new: str) -> None:
        vim = shutil.which("vim")
        if vim is None:
            pytest.skip("vim is not installed")
        commands = [*options, "%delete _", f"call setline(1, {json.dumps(new.splitlines())})", "wq"]
        arguments = [one for command in commands for one in ("-c", command)]
        with Pauses.without():
            subprocess.run([vim, "-u", "NONE", "-N", "-es", *arguments, str(file)], check=True)

    return save


vim_by_renaming = by_vim("set backup writebackup backupcopy=no")
vim_in_place = by_vim("set writebackup backupcopy=yes")


def as_emacs(file: Path, new: str) -> None:
    """Recorded: lock link, auto-save file, the old version renamed to a backup, the new one written."""
    lock, auto = file.with_name(f".#{file.name}"), file.with_name(f"#{file.name}#")
    lock.symlink_to("somebody@somewhere.4711:1234567890")
    auto.write_text(new)
    file.rename(file.with_name(f"{file.name}~"))
    Pauses.take(PAUSE)
    file.write_text(new)
    auto.unlink()
    lock.unlink()


def as_pycharm(file: Path, new: str) -> None:
    """Its safe write: a new file, the old one set aside, the new one in its place, the old one gone."""
    fresh, old = (file.with_name(f"{file.name}___jb_{what}___") for what in ("tmp", "old"))
    fresh.write_text(new)
    file.rename(old)
    fresh.rename(file)
    old.unlink()


def deleted_and_created(file: Path, new: str) -> None:
    file.unlink()
    Pauses.take(PAUSE)
    file.write_text(new)


def appended(file: Path, new: str) -> None:
    with file.open("a") as out:
        out.write(new.splitlines()[-1] + "\n")


def with_an_older_time(file: Path, new: str) -> None:
    """``rsync -t``, ``cp -p``, a backup moved back: reloaders that look for newer files miss it."""
    stat = file.stat()
    file.write_text(new)
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns - 10**12))


def in_a_burst(file: Path, new: str) -> None:
    """As someone leans on the keys."""
    for n in range(30):
        file.write_text(new.replace("# filling\n", f"# filling {n}\n", 1))
        Pauses.take(PAUSE / 3)
    file.write_text(new)


def by_a_hard_link(file: Path, new: str) -> None:
    other = file.parents[3] / "linked from outside"
    other.unlink(missing_ok=True)
    other.write_text(new)
    file.unlink()
    os.link(other, file)
    other.unlink()


SAVES = [
    in_place,
    in_many_writes,
    half_and_the_rest_a_good_while_later,
    half_closed_and_completed,
    emptied_and_filled,
    renamed_over,
    renamed_over_from_elsewhere,
    pytest.param(vim_by_renaming, id="vim_by_renaming"),
    pytest.param(vim_in_place, id="vim_in_place"),
    as_emacs,
    as_pycharm,
    deleted_and_created,
    appended,
    with_an_older_time,
    in_a_burst,
    by_a_hard_link,
]


@pytest.mark.parametrize("save", SAVES)
def test_one_file(world, save):
    def act() -> None:
        world.n += 1
        save(world.package / "a.py", text(world.n))

    world.does(act)
    assert world.expect(a=world.n)["changed"] == ["talker.a"]


@pytest.mark.parametrize("save", [in_place, renamed_over, deleted_and_created])
def test_the_file_that_makes_the_application(world, save):
    """Without ``__init__.py`` it would be an empty namespace package; nobody may see it like that."""
    init = world.package / "__init__.py"
    lines = init.read_text()

    def act() -> None:
        world.n += 1
        save(init, lines.replace("N = ", f"N = {world.n}  # was "))

    world.does(act)
    first = world.expect()
    assert first["values"]["talker"] == world.n
    assert first["changed"] == ["talker"]


# -- several files --------------------------------------------------------------------------------


def test_checkout_of_fifty_files(world):
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    world.git("init", "-q", "-b", "one")
    world.git("add", *(f"{name}.py" for name in MANY))
    world.git("commit", "-q", "-m", "one")
    world.git("checkout", "-q", "-b", "two")
    for name in MANY:
        (world.package / f"{name}.py").write_text(text(world.n))
    world.expect(many0=world.n, many49=world.n)
    world.git("commit", "-q", "-a", "-m", "two")
    world.git("checkout", "-q", "one")
    first = world.expect(many0=0, many49=0)
    assert len(first["changed"]) == 50
    world.git("checkout", "-q", "two")
    world.expect(many0=world.n, many49=world.n)
    shutil.rmtree(world.package / ".git")
    world.settled()


def test_a_formatter_that_takes_its_time(world):
    def act() -> None:
        world.n += 1
        for name in MANY:
            renamed_over(world.package / f"{name}.py", text(world.n))
            Pauses.take(PAUSE / 3)

    world.does(act)
    assert len(world.expect(many0=world.n, many49=world.n)["changed"]) == 50


def test_edited_and_taken_back_is_nothing(world):
    before = (world.package / "a.py").read_text()

    def act() -> None:
        world.n += 1
        (world.package / "a.py").write_text(text(world.n))
        Pauses.take(PAUSE)
        (world.package / "a.py").write_text(before)

    world.does(act)
    assert world.child.next()["outcome"] == "unchanged"
    world.settled()


def test_broken_and_mended(world):
    """A refused reload is no end: the next save is a reload again."""
    (world.package / "a.py").write_text("N = (\n")
    assert world.told()["outcome"] == "refused"
    (world.package / "a.py").write_text(text(world.n))
    world.expect(a=world.n)


# -- modules and packages that come and go ---------------------------------------------------------


def test_a_module_and_a_package_come_are_renamed_and_go(world):
    package = world.package
    (package / "extra.py").write_text(text(world.n))
    world.expect(extra=world.n)
    # A package of the same name takes its place, folder first.
    (package / "extra.py").unlink()
    (package / "extra").mkdir()
    (package / "extra" / "__init__.py").write_text("from talker.extra import inner\nN = 1\n")
    (package / "extra" / "inner.py").write_text(text(world.n))
    world.expect(extra=1, **{"extra.inner": world.n})
    # The new folder is watched, too.
    in_place(package / "extra" / "inner.py", text(world.n + 1000))
    world.expect(**{"extra.inner": world.n + 1000})
    (package / "extra").rename(package / "doubtful")
    init = package / "doubtful" / "__init__.py"
    init.write_text(init.read_text().replace("extra", "doubtful"))
    first = world.expect(doubtful=1, **{"doubtful.inner": world.n + 1000})
    assert "talker.extra" not in first["values"]
    in_place(package / "doubtful" / "inner.py", text(world.n))
    world.expect(**{"doubtful.inner": world.n})
    shutil.rmtree(package / "doubtful")
    assert "talker.doubtful" not in world.expect()["values"]


def test_a_package_is_moved_in_from_elsewhere(world):
    ready = world.base / "ready"
    ready.mkdir()
    (ready / "__init__.py").write_text(text(world.n))
    ready.rename(world.package / "extra")
    world.expect(extra=world.n)
    in_place(world.package / "extra" / "__init__.py", text(world.n + 1000))
    world.expect(extra=world.n + 1000)
    (world.package / "extra").rename(ready)
    assert "talker.extra" not in world.expect()["values"]
    shutil.rmtree(ready)


# -- links and replaced folders ---------------------------------------------------------------------


def switch(link: Path, target: str) -> None:
    """``ln -sfn`` as it is done well: the new link is renamed over the old one."""
    other = link.with_name(".new-link")
    other.symlink_to(target)
    other.replace(link)


def test_what_a_link_leads_to_is_edited(world):
    in_place(world.base / "shared" / "linked.py", text(world.n))
    world.expect(linked=world.n)
    renamed_over(world.base / "shared" / "linked.py", text(world.n + 1000))
    world.expect(linked=world.n + 1000)
    in_place(world.base / "shared" / "far" / "__init__.py", text(world.n))
    world.expect(far=world.n)


def test_a_link_is_switched(world):
    for name in ("other.py", "other/__init__.py"):
        path = world.base / "elsewhere" / str(world.n) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(world.n))
    switch(world.package / "linked.py", f"{world.base}/elsewhere/{world.n}/other.py")
    world.expect(linked=world.n)
    switch(world.package / "far", f"{world.base}/elsewhere/{world.n}/other")
    world.expect(far=world.n)
    in_place(
        world.base / "elsewhere" / str(world.n) / "other" / "__init__.py", text(world.n + 1000)
    )
    world.expect(far=world.n + 1000)
    for name in ("linked.py", "far"):
        switch(world.package / name, f"{world.base}/shared/{name}")
        world.expect()


def test_another_release_is_switched_to(world):
    """``current -> releases/1`` becomes ``current -> releases/2``, and edits there count."""
    new = world.base / "releases" / f"x{world.n}"
    shutil.copytree(world.base / "releases" / "1", new, symlinks=True)
    (new / "talker" / "a.py").write_text(text(world.n))
    switch(world.base / "current", f"releases/{new.name}")
    world.expect(a=world.n)
    in_place(new / "talker" / "a.py", text(world.n + 1000))
    world.expect(a=world.n + 1000)
    (world.base / "releases" / "1" / "talker" / "a.py").write_text(text(world.n))
    world.settled()  # nobody lives there any more
    switch(world.base / "current", "releases/1")
    world.expect(a=world.n)


def test_the_package_is_replaced_by_a_copy(world):
    """A watch stays with the folder that was moved away; a new one must be set up."""
    package = world.base / "releases" / "1" / "talker"
    old, new = package.with_name("old"), package.with_name("new")
    shutil.copytree(package, new, symlinks=True)
    (new / "a.py").write_text(text(world.n))
    package.rename(old)
    new.rename(package)
    world.expect(a=world.n)
    in_place(package / "a.py", text(world.n + 1000))
    world.expect(a=world.n + 1000)
    shutil.rmtree(old)
    world.settled()


# -- data -------------------------------------------------------------------------------------------


def test_data_that_a_pattern_names(world):
    (world.package / "data.toml").write_text(f"n = {world.n}\n")
    assert world.expect()["changed"] == ["talker/data.toml"]
    renamed_over(world.package / "data.toml", f"n = {world.n + 1000}\n")
    assert world.expect()["changed"] == ["talker/data.toml"]


# -- what is no edit --------------------------------------------------------------------------------


def _touch(package: Path) -> None:
    os.utime(package / "a.py")


def _save_the_same(package: Path) -> None:
    renamed_over(package / "a.py", (package / "a.py").read_text())


def _chmod(package: Path) -> None:
    (package / "a.py").chmod(0o600)


def _read(package: Path) -> None:
    (package / "a.py").read_text()


def _litter(package: Path) -> None:
    (package / "__pycache__").mkdir(exist_ok=True)
    for name in ("__pycache__/a.cpython-311.pyc", "notes.txt", ".a.py.swp", "4913", "a.py~"):
        (package / name).write_text("N = 7")
        (package / name).unlink()


NO_EDITS: Mapping[str, Callable[[Path], None]] = {
    "touch": _touch,
    "save the same": _save_the_same,
    "chmod": _chmod,
    "read": _read,
    "litter": _litter,
}


@pytest.mark.parametrize("act", NO_EDITS)
def test_no_edit_is_no_reload(world, act):
    """The edit after it is the next reload there is, and the only one."""
    NO_EDITS[act](world.package)
    world.settled()
    in_place(world.package / "a.py", text(world.n))
    assert world.expect(a=world.n)["changed"] == ["talker.a"]


# -- without events ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "save",
    [in_many_writes, as_emacs, deleted_and_created, with_an_older_time],
)
def test_one_file_is_found_by_scanning(scanned, save):
    test_one_file(scanned, save)


@pytest.mark.parametrize(
    "case",
    [
        test_a_formatter_that_takes_its_time,
        test_a_package_is_moved_in_from_elsewhere,
        test_the_package_is_replaced_by_a_copy,
    ],
)
def test_several_are_found_by_scanning(scanned, case):
    case(scanned)
