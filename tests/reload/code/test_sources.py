import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from cletus.errors import SourceError
from cletus.reload.code import sources as module
from cletus.reload.code.diff import Diff, compare, compile_all
from cletus.reload.code.sources import Source, Unsettled, compiled, read
from cletus.reload.watch.file_tree import FileTree
from cletus.service.application import Application, Root


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "talker"
    folder.mkdir()
    (folder / "__init__.py").touch()
    return folder


def scope(package: Path, *patterns: str) -> FileTree:
    return FileTree(Application((Root("talker", package, True),), ("talker",)), patterns)


def source(data: bytes) -> Source:
    return Source("talker", Path("/talker.py"), False, data, b"")


# -- what is read ---------------------------------------------------------------------------------


def test_modules_by_name_and_content(package):
    (package / "users.py").write_bytes(b"a = 1\r\n")
    found = read(scope(package))
    assert found.modules["talker.users"].data == b"a = 1\r\n"
    assert found.modules["talker"].is_package
    assert not found.modules["talker.users"].is_package
    assert found.line(str(package / "users.py"), 1) == "a = 1"
    assert found.line(str(package / "users.py"), 2) == ""
    assert found.line("/elsewhere.py", 1) == ""


def test_a_package_comes_before_an_extension_before_a_module(package):
    """As Python itself would choose among them."""
    (package / "a.py").touch()
    (package / "a").mkdir()
    (package / "a" / "__init__.py").touch()
    (package / "a.so").touch()
    (package / "b.py").touch()
    (package / "b.so").touch()
    found = read(scope(package))
    assert found.modules["talker.a"].path == package / "a" / "__init__.py"
    assert found.extensions.keys() == {"talker.b"}
    assert "talker.b" not in found.modules


def test_a_folder_without_init_is_a_namespace_if_there_are_modules_below_it(package):
    (package / "spread").mkdir()
    assert not read(scope(package)).is_namespace("talker.spread")
    (package / "spread" / "x.py").touch()
    assert read(scope(package)).is_namespace("talker.spread")
    assert not read(scope(package)).is_namespace("talker.spr")


def test_data_is_part_of_the_content_and_named_by_the_plan(package):
    """An edit of a data file is a change like any other."""
    (package / "data").mkdir()
    data = package / "data" / "rooms.toml"
    data.write_text("a = 1")
    before = read(scope(package, "*.toml"))
    data.write_text("a = 2")
    after = read(scope(package, "*.toml"))
    assert compare(before, after).changed == ("talker/data/rooms.toml",)
    assert compare(read(scope(package)), after).added == ("talker/data/rooms.toml",)
    assert compare(after, read(scope(package))).removed == ("talker/data/rooms.toml",)


def test_touched_and_unchanged_is_equal(package):
    before = read(scope(package)).digests()
    os.utime(package / "__init__.py")
    assert read(scope(package)).digests() == before


def test_a_package_without_its_init_is_not_settled(package):
    """It would import as an empty namespace package, and the whole application would be gone."""
    (package / "__init__.py").unlink()
    with pytest.raises(Unsettled) as raised:
        read(scope(package))
    assert raised.value.path == str(package / "__init__.py")


def test_a_package_whose_folder_is_gone_is_not_settled(package):
    package.rename(package.parent / "old")
    with pytest.raises(Unsettled):
        read(scope(package))


@pytest.mark.parametrize("what", ["users.py", "sub"])
def test_what_cannot_be_read_is_named(package, monkeypatch, what):
    """As root nothing is unreadable, so the refusal is played."""
    (package / "users.py").touch()
    (package / "sub").mkdir()
    place = package / what

    def refuse(real: Callable[..., object]) -> Callable[..., object]:
        def call(path: object, *args: object) -> object:
            if os.fspath(path) == str(place):
                raise PermissionError(13, "Permission denied", str(path))
            return real(path, *args)

        return call

    monkeypatch.setattr(Path, "read_bytes", refuse(Path.read_bytes))
    monkeypatch.setattr(os, "scandir", refuse(os.scandir))
    with pytest.raises(SourceError, match="Permission denied") as raised:
        read(scope(package))
    assert raised.value.path == place


# -- what moves meanwhile -------------------------------------------------------------------------


def during(monkeypatch: pytest.MonkeyPatch, name: str, act: Callable[[Path], None]) -> None:
    """Have something happen while the file of this name is being read."""
    real = module._bytes

    def played(path: Path) -> bytes:
        if path.name != name:
            return real(path)
        act(path)
        return real(path)

    monkeypatch.setattr(module, "_bytes", played)


def _append(path: Path) -> None:
    with path.open("a") as file:
        file.write("# more")


def _replace(path: Path) -> None:
    other = path.with_name("tmp")
    other.write_bytes(path.read_bytes())
    other.rename(path)


@pytest.mark.parametrize("act", [_append, _replace, Path.unlink], ids=lambda act: act.__name__)
@pytest.mark.parametrize("which", ["a.py", "z.py"])
def test_a_change_of_any_file_while_any_is_read_is_noticed(package, monkeypatch, act, which):
    """Also of one that was read before: all of them are of one instant, or none is."""
    for name in ("a.py", "m.py", "z.py"):
        (package / name).write_text("x = 1\n")
    during(monkeypatch, "m.py", lambda path: act(package / which))
    with pytest.raises(Unsettled) as raised:
        read(scope(package))
    assert raised.value.path == str(package / which)


def test_a_new_file_while_others_are_read_is_noticed(package, monkeypatch):
    during(monkeypatch, "__init__.py", lambda path: path.with_name("new.py").touch())
    with pytest.raises(Unsettled) as raised:
        read(scope(package))
    assert raised.value.path == str(package / "new.py")


# -- compiling ------------------------------------------------------------------------------------


def test_an_empty_file_is_a_module():
    assert compiled(source(b"")).co_names == ()


def test_a_coding_cookie_is_heeded():
    names: dict[str, str] = {}
    exec(compiled(source("# coding: latin-1\nname = 'Zoë'\n".encode("latin-1"))), names)
    assert names["name"] == "Zoë"


def test_a_byte_order_mark_is_no_text():
    names: dict[str, str] = {}
    exec(compiled(source("\ufeffname = 'Zoë'\n".encode())), names)
    assert names["name"] == "Zoë"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"a = 1\0\n", "null bytes"),
        (b"name = 'Zo\xeb'\n", "utf-8"),
        (b"# coding: klingon\n", "klingon"),
        (b"a = (\n", "never closed"),
        (b"a = " + b"-" * 100_000 + b"1\n", "Error"),
    ],
    ids=["NUL", "bad UTF-8", "unknown coding", "cut off", "too deep"],
)
def test_what_cannot_be_compiled_is_named(data, reason):
    """Whatever is wrong with it: the error is ours, and says which file."""
    with pytest.raises(SourceError, match=reason) as raised:
        compiled(source(data))
    assert raised.value.path == Path("/talker.py")


def test_the_line_is_named():
    with pytest.raises(SourceError) as raised:
        compiled(source(b"a = 1\n    b = 2\n"))
    assert (raised.value.line, raised.value.text) == (2, "b = 2")


def test_what_has_not_changed_is_used_again_with_its_code(package):
    (package / "a.py").write_text("x = 1")
    (package / "b.py").write_text("x = 1")
    before = read(scope(package))
    code = before.modules["talker.a"].code
    (package / "b.py").write_text("x = 2")
    after = read(scope(package), before)
    assert after.modules["talker.a"].code is code
    assert after.modules["talker.b"] is not before.modules["talker.b"]
    assert before.modules["talker.b"].data == b"x = 1"


def test_the_same_text_in_another_file_is_another_source(package):
    """Its tracebacks name the file."""
    (package / "a.py").write_text("x = 1")
    before = read(scope(package))
    (package / "a.py").unlink()
    (package / "a").mkdir()
    (package / "a" / "__init__.py").write_text("x = 1")
    after = read(scope(package), before)
    assert after.modules["talker.a"].code.co_filename == str(package / "a" / "__init__.py")


def test_a_text_goes_to_another_process_without_its_code():
    text = source(b"x = 1")
    assert text.code
    assert pickle.loads(pickle.dumps(text)) == text


# -- C extensions ---------------------------------------------------------------------------------


def test_an_extension_that_has_changed_is_refused_by_name(package):
    file = package / "fast.so"
    file.write_bytes(b"one")
    before = read(scope(package))
    compile_all(compare(before, read(scope(package))))
    file.write_bytes(b"two")
    with pytest.raises(SourceError, match="restart") as raised:
        compile_all(compare(before, read(scope(package))))
    assert raised.value.path == file


@pytest.mark.parametrize("act", ["added", "removed"])
def test_an_extension_that_comes_or_goes_is_not_refused(package, act):
    without = read(scope(package))
    (package / "fast.so").write_bytes(b"one")
    pair = (without, read(scope(package)))
    plan = compare(*(pair if act == "added" else pair[::-1]))
    assert getattr(plan, act) == ("talker.fast",)
    compile_all(plan)


def test_nothing_differs_from_itself(package):
    found = read(scope(package))
    assert compare(found, found).is_empty
    assert Diff(found).is_empty
