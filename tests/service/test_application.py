"""The modules of the application, which a reload rebuilds."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from cletus.service.application import Application, Root, application_of, root_of

APP = Application((Root("app", Path("/srv/app"), True), Root("one", Path("/srv/one.py"), False)))

MAKES = "import sys\nfrom cletus.service.application import application_of\nMADE = application_of(sys._getframe())\n"


@pytest.fixture(autouse=True)
def imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Imports modules from the test's folder, and forgets them after the test."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write(folder: Path, **files: str) -> None:
    """Write modules: ``app/core`` is ``app/core.py``."""
    for name, text in files.items():
        path = folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def imported(name: str) -> ModuleType:
    __import__(name)
    return sys.modules[name]


@pytest.mark.parametrize(
    ("module", "owned"),
    [
        ("app", True),
        ("app.core", True),
        ("app.core.deep", True),
        ("application", False),
        ("app_core", False),
        ("one", True),
        ("one.two", False),
        ("cletus", False),
        ("", False),
        (None, False),
    ],
)
def test_a_package_owns_the_modules_in_it_and_a_file_owns_itself(
    module: str | None, owned: bool
) -> None:
    assert APP.owns(module) is owned


def test_the_package_of_the_module_that_makes_the_service_is_the_application(
    tmp_path: Path,
) -> None:
    """The outermost one, however deep the module is in it."""
    write(tmp_path, **{"big/__init__": "", "big/inner/__init__": "", "big/inner/core": MAKES})
    made = imported("big.inner.core").MADE
    assert made.roots == (Root("big", tmp_path / "big", True),)
    assert made.entries == ("big.inner.core",)


def test_a_single_file_is_an_application(tmp_path: Path) -> None:
    write(tmp_path, solo=MAKES)
    assert (
        Application((Root("solo", tmp_path / "solo.py", False),), ("solo",))
        == imported("solo").MADE
    )


def test_a_namespace_package_is_not_a_root(tmp_path: Path) -> None:
    """Other distributions may have modules in it; a regular package in it is a root."""
    write(tmp_path, **{"spaced/core": MAKES, "spaced/pack/__init__": "", "spaced/pack/core": MAKES})
    assert imported("spaced.core").MADE.roots == (
        Root("spaced.core", tmp_path / "spaced/core.py", False),
    )
    assert imported("spaced.pack.core").MADE.roots == (
        Root("spaced.pack", tmp_path / "spaced/pack", True),
    )


def test_a_service_made_in_a_function_has_no_application() -> None:
    """As in tests: no module body would make it again."""
    assert application_of(sys._getframe()) == Application()


def test_code_that_a_module_body_runs_is_importing(tmp_path: Path) -> None:
    """Also a function that the body calls, but not the same function called later."""
    text = (
        "from pathlib import Path\nfrom cletus.service.application import Application, Root\n"
        f"APP = Application((Root(__name__, Path({str(tmp_path)!r}), False),))\n"
        "def asked():\n    return APP.is_importing()\n"
        "THEN = asked()\nclass Inner:\n    THEN = asked()\n"
    )
    write(tmp_path, body=text)
    body = imported("body")
    assert body.THEN
    assert body.Inner.THEN
    assert not body.asked()


def test_further_packages_are_included_by_name(tmp_path: Path) -> None:
    write(tmp_path, **{"lib/__init__": "", "lib/deep": "", "tool": ""})
    included = APP.including(["lib.deep", "tool", "app.core", "one"])
    assert [root.name for root in included.roots] == ["app", "one", "lib", "tool"]
    assert included.entries == ("lib.deep", "tool")
    assert APP.including([]) == APP


@pytest.mark.parametrize("name", ["nosuch_module", "sys", "math"])
def test_a_module_without_python_source_cannot_be_included(name: str) -> None:
    with pytest.raises(ImportError, match=name):
        APP.including([name])


def test_loaded_modules_are_those_that_are_imported(tmp_path: Path) -> None:
    write(tmp_path, **{"pack/__init__": "", "pack/a": "", "pack/b": ""})
    app = Application((root_of(imported("pack")),))
    imported("pack.a")
    assert set(app.loaded()) == {"pack", "pack.a"}


def test_a_subclass_of_the_service_may_have_an_init_of_its_own(tmp_path: Path) -> None:
    """The module makes the service, not the ``__init__`` that calls that of ``Service``."""
    write(
        tmp_path,
        own="from cletus import Service\n"
        "class Base(Service):\n    def __init__(self):\n        super().__init__(port=1)\n"
        "class Ours(Base):\n    def __init__(self):\n        super().__init__()\n"
        "service = Ours()\n",
    )
    service = imported("own").service
    assert service.settings.port == 1
    assert service.session.application.entries == ("own",)
