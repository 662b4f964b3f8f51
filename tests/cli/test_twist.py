"""``twist cletus``: found by Twisted, and with the command line of ``cletus run``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import files
from pathlib import Path
from types import ModuleType

import pytest
from twisted.application.service import IServiceMaker
from twisted.plugin import getPlugins

from cletus.cli.twist import Options, makeService
from cletus.twisted_service import CletusService

APP = """\
import cletus

class Settings(cletus.Settings):
    motto: str = "none"

service = cletus.Service(Settings)
seen = service.settings.motto
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with an application that has a setting of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(sys, "argv", ["/somewhere/twist"])
    (tmp_path / "twisted_app.py").write_text(APP)
    yield tmp_path
    sys.modules.pop("twisted_app", None)


def read(*arguments: str) -> Options:
    options = Options()
    options.parseOptions(arguments)
    return options


def test_twisted_finds_it() -> None:
    """In an installation from a checkout as in one from a wheel; nothing is imported for that."""
    (ours,) = [one for one in getPlugins(IServiceMaker) if one.tapname == "cletus"]
    assert ours.module == "cletus.cli.twist"
    assert ours.options is Options
    assert ours.makeService is makeService
    assert any(
        str(file).endswith("twisted/plugins/cletus_plugin.py") for file in files("cletus-live")
    )


def test_the_options_are_those_of_cletus_run(folder: Path) -> None:
    """Also those that the application has of its own; they hold while it is imported."""
    options = read("twisted_app.py", "--port", "1234", "--no-reload", "--motto", "be kind")
    made = makeService(options)
    module: ModuleType = sys.modules["twisted_app"]
    assert isinstance(made, CletusService)
    settings = module.service.settings  # type: ignore[attr-defined]  # of the application
    assert (settings.port, settings.reload, settings.motto) == (1234, False, "be kind")
    assert module.seen == "be kind"  # type: ignore[attr-defined]  # of the application


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Missing argument 'TARGET'"),
        (["--prot", "1", "twisted_app.py"], "No such option"),
    ],
)
def test_a_command_line_that_is_wrong_ends_it_at_once(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        read(*arguments)
    assert ended.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith("Usage: twist cletus [OPTIONS] TARGET")
    assert said in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing_here"], "cletus: nothing_here: no module of this name"),
        (["twisted_app.py", "--port", "x"], "cletus: command line: setting 'port' cannot be 'x'"),
        (["twisted_app.py", "--mottto", "x"], "No such option '--mottto'"),
    ],
)
def test_what_the_application_knows_ends_it_when_that_is_imported(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    options = read(*arguments)
    with pytest.raises(SystemExit) as ended:
        makeService(options)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_help_is_that_of_cletus_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        read("--help")
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith("Usage: twist cletus [OPTIONS] TARGET")
    assert "--line-rate" in out
    assert "--line-rate" in str(Options())
    with pytest.raises(SystemExit) as ended:
        makeService(read("twisted_app.py", "--help"))
    assert ended.value.code == 0
    assert "--motto" in capsys.readouterr().out
