"""The command line: each setting an option, each mistake one clear line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from cletus import Service
from cletus.cli import main
from cletus.cli import options as options_module
from cletus.cli import run as run_module
from cletus.reload.code.modules import ApplicationFinder
from cletus.service.construction import current_loading
from cletus.settings.settings import Settings, describe
from cletus.version import __version__

APP = "from cletus import Service\nservice = Service()\n"


@pytest.fixture(autouse=True)
def imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test runs in a folder of its own, and forgets what was imported from there.

    Nothing else: half of Twisted imported twice is refused by the other half.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(run_module.gc, "freeze", lambda: None)  # type: ignore[attr-defined]  # not in a test's process
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "/").is_relative_to(tmp_path):
            del sys.modules[name]
    sys.meta_path[:] = [one for one in sys.meta_path if not isinstance(one, ApplicationFinder)]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Service]:
    """The services that would have run."""
    services: list[Service] = []

    def serve(service: Service) -> int:
        services.append(service)
        return 0

    monkeypatch.setattr(run_module, "serve", serve)
    return services


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["run", *arguments])


@pytest.fixture
def refused() -> Callable[..., str]:
    """Run this, which must be refused with one line."""

    def refused(*arguments: str) -> str:
        result = run(*arguments)
        assert result.exit_code == 2, result.output
        assert result.output.startswith("cletus: ")
        assert "Traceback" not in result.output
        return result.output.removeprefix("cletus: ").rstrip("\n")

    return refused


# -- options ----------------------------------------------------------------------------------------


def options() -> dict[str, click.Option]:
    command = run_module.run
    parameters = command.get_params(click.Context(command))
    return {
        one.name: one
        for one in parameters
        if isinstance(one, click.Option) and one.name and "--help" not in one.opts
        if not one.hidden
    }


def test_every_setting_is_an_option_and_every_option_a_setting() -> None:
    presets = {"preset_dev", "preset_production"}
    assert set(options()) - presets == {name for name, *_ in describe()}


@pytest.mark.parametrize("name", [name for name, *_ in describe()])
def test_an_option_is_called_as_its_setting_and_described_by_it(name: str) -> None:
    option = options()[name]
    about = {setting: text for setting, *_, text in describe()}[name]
    assert option.opts == ["--" + name.replace("_", "-")]
    assert option.help
    assert about in option.help


def test_what_is_not_given_is_left_to_the_other_sources(
    served: list[Service], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CLETUS_WEB_PORT")
    (tmp_path / "app.py").write_text(APP)
    assert run("app.py").exit_code == 0
    assert served[0].settings == Settings(store=str(tmp_path / "store"))


def test_what_can_be_on_or_off_can_be_switched_both_ways() -> None:
    assert options()["reload"].secondary_opts == ["--no-reload"]


def test_options_are_in_force(served: list[Service], tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    result = run(
        *("app.py", "--host", "::1", "--port", "8000", "--store", "memory:", "--no-reload"),
        *("--line-rate", "2.5", "--reload-modules", "json", "--reload-modules", "email"),
    )
    assert result.exit_code == 0, result.output
    settings = served[0].settings
    assert (settings.host, settings.port, settings.store) == ("::1", 8000, "memory:")
    assert (settings.reload, settings.line_rate) == (False, 2.5)
    assert settings.reload_modules == ("json", "email")


def test_options_win_over_the_file_the_environment_and_the_code(
    served: list[Service], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "app.py").write_text(APP.replace("Service()", "Service(line_max=4, line_burst=4)"))
    (tmp_path / "cletus.toml").write_text(
        "port = 1\nline_max = 1\nline_burst = 1\noutput_max = 1\n"
    )
    monkeypatch.setenv("CLETUS_PORT", "2")
    monkeypatch.setenv("CLETUS_OUTPUT_MAX", "2")
    assert run("app.py", "--line-burst", "6").exit_code == 0
    settings = served[0].settings
    assert (settings.output_max, settings.port, settings.line_max) == (2, 2, 4)
    assert settings.line_burst == 6


def test_options_are_in_force_while_the_application_is_imported(
    served: list[Service], tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text(f"{APP}SEEN = service.settings.port\n")
    assert run("app.py", "--port", "8000").exit_code == 0
    assert sys.modules["app"].SEEN == 8000
    assert current_loading() is None


def test_a_file_that_runs_its_service_itself_is_only_imported(
    served: list[Service], tmp_path: Path
) -> None:
    """Its settings count, and the options win."""
    (tmp_path / "app.py").write_text(f"{APP}service.run(port=1, line_max=7)\n")
    assert run("app.py", "--port", "2").exit_code == 0
    assert (served[0].settings.port, served[0].settings.line_max) == (2, 7)


def test_running_from_a_file_takes_the_options_of_the_command_line(
    served: list[Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    """``python app.py --port 8000``."""
    service = Service(port=1, line_max=1, line_burst=1)
    monkeypatch.setattr(sys, "argv", ["app.py", "--port=3"])
    with pytest.raises(SystemExit) as ended:
        service.run(port=2, line_max=2)
    assert ended.value.code == 0
    assert served == [service]
    settings = service.settings
    assert (settings.port, settings.line_max, settings.line_burst) == (3, 2, 1)


def test_a_file_with_a_wrong_setting_is_refused(
    served: list[Service], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["app.py"])
    with pytest.raises(SystemExit) as ended:
        Service().run(prot=2)
    assert ended.value.code == 2
    assert (
        "service.run(): setting 'prot' is unknown; did you mean 'port'?" in capsys.readouterr().err
    )
    assert served == []


def test_help_and_version() -> None:
    for arguments in (["--help"], ["-h"], ["run", "--help"]):
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0
        assert "Usage" in result.output
    assert __version__ in CliRunner().invoke(main, ["--version"]).output


# -- settings of the application --------------------------------------------------------------------

OWN = """\
from typing import Annotated, Literal
import cletus
from cletus.settings.settings import setting

class Settings(cletus.Settings):
    greeting: Annotated[str, setting("said to whoever comes in")] = "Hello"
    shout_cooldown: float = 15.0
    loud: bool = False
    colours: list[str] = []
    weather: Literal["fair", "foul"] = "fair"
    limit: int | None = None
    names: dict[str, str] = {}

service = cletus.Service(Settings)
SEEN = service.settings.greeting
"""


def test_settings_of_the_application_are_options(served: list[Service], tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(OWN)
    result = run(
        *("--port", "8000", "app.py", "--greeting", "Good evening", "--loud", "--limit=3"),
        *("--colours", "red", "--colours", "blue", "--line-max", "7", "--weather", "foul"),
    )
    assert result.exit_code == 0, result.output
    settings: Any = served[0].settings
    assert (settings.port, settings.line_max) == (8000, 7)
    assert (settings.greeting, settings.loud, settings.limit) == ("Good evening", True, 3)
    assert (settings.colours, settings.weather) == (["red", "blue"], "foul")
    assert sys.modules["app"].SEEN == "Good evening", "in force while the application is imported"


def test_settings_of_the_application_are_options_of_its_own_program(
    served: list[Service], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "app.py").write_text(f"{OWN}service.run(greeting='Hi')\n")
    monkeypatch.setattr(sys, "argv", ["app.py", "--shout-cooldown=3", "--production"])
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        __import__("app")
    assert ended.value.code == 0
    settings: Any = served[0].settings
    assert (settings.greeting, settings.shout_cooldown) == ("Hi", 3.0)
    assert settings.log_format == "json"


def test_help_of_a_target_has_its_own_settings_and_does_not_run_it(
    served: list[Service], tmp_path: Path
) -> None:
    """Also if its import fails after the service was created."""
    (tmp_path / "app.py").write_text(f"{OWN}raise RuntimeError('imported to its end')\n")
    for arguments in (["app.py", "--help"], ["app.py", "--port", "1", "-h"]):
        result = run(*arguments)
        assert result.exit_code == 0, result.output
        own, common = result.output.split("Settings of the application:")[1].split("Settings:")
        assert "--greeting" in own
        assert "said to whoever comes in" in own
        assert "--line-max" in common
        assert "--names" not in result.output, "a table cannot be said in one word"
    assert served == []
    assert "--greeting" not in run("--help").output


def test_help_of_a_target_that_is_none_is_what_there_is_for_all(tmp_path: Path) -> None:
    result = run("nosuch", "--help")
    assert result.exit_code == 2
    assert "--line-max" in result.output
    assert result.output.splitlines()[-1].startswith("cletus: nosuch: ")


@pytest.mark.parametrize(
    "arguments", [("app.py", "--greting=x"), ("app.py", "--port", "1", "--greting")]
)
def test_an_unknown_option_names_the_nearest_also_of_the_application(
    served: list[Service], tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """And no more of the application is imported."""
    (tmp_path / "app.py").write_text(f"{OWN}raise RuntimeError('imported to its end')\n")
    result = run(*arguments)
    assert result.exit_code == 2
    last = result.output.splitlines()[-1]
    assert "--greting" in last
    assert "--greeting" in last
    assert served == []
    assert current_loading() is None


def test_an_option_of_the_application_stands_after_its_name(tmp_path: Path) -> None:
    """Before it, nobody knows whether the next word is its value; the message says where it belongs."""
    (tmp_path / "app.py").write_text(OWN)
    result = run("--greeting", "hello", "app.py")
    assert result.exit_code == 2
    assert "--greeting" in result.output
    assert "after TARGET" in result.output


def test_a_bad_value_of_a_setting_of_the_application(
    refused: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text(OWN)
    line = refused("app.py", "--shout-cooldown", "often")
    assert "command line: setting 'shout_cooldown' cannot be 'often'" in line


def test_settings_may_be_called_as_options_of_ours(served: list[Service], tmp_path: Path) -> None:
    """The application's own win."""
    (tmp_path / "app.py").write_text(
        "import cletus\n"
        "class Settings(cletus.Settings):\n    dev: str = ''\n    target: str = ''\n"
        "service = cletus.Service(Settings)\n"
    )
    assert run("app.py", "--dev", "ann", "--target", "moon").exit_code == 0
    settings: Any = served[0].settings
    assert (settings.dev, settings.target) == ("ann", "moon")


def test_old_names_of_settings_are_options_that_no_help_shows(
    served: list[Service], tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text(APP)
    with pytest.warns(DeprecationWarning, match="command line: setting 'reload_quiet'"):
        assert run("app.py", "--reload-quiet", "3").exit_code == 0
    assert served[0].settings.reload_debounce == 3
    assert "--reload-quiet" not in run("--help").output


def test_the_help_of_a_target_shows_its_own_defaults(tmp_path: Path) -> None:
    """Those of its settings file and of its code, also of what it configures last."""
    (tmp_path / "app.py").write_text(f"{APP}service.configure(line_max=77, name='The Lantern')\n")
    (tmp_path / "cletus.toml").write_text("port = 4321\n")
    result = run("app.py", "--help")
    assert result.exit_code == 0
    words = " ".join(result.output.split())
    for default in ("[77]", "[4321]", "[The Lantern]"):
        assert default in words
    assert "[9000]" not in words


# -- presets ----------------------------------------------------------------------------------------


def test_dev_and_production_are_other_defaults(served: list[Service], tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    assert run("--dev", "app.py").exit_code == 0
    sys.modules.pop("app")
    assert run("app.py", "--production").exit_code == 0
    dev, production = (service.settings for service in served)
    assert (dev.reload, dev.tls_self_signed, dev.log_format) == (True, True, "text"), "no terminal"
    assert (production.reload, production.tls_self_signed) == (False, False)
    assert production.log_format == "json"


@pytest.mark.parametrize("where", ["file", "environment", "code", "option"])
def test_whatever_is_said_wins_over_a_preset(
    served: list[Service], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    (tmp_path / "app.py").write_text(APP)
    options = []
    if where == "file":
        (tmp_path / "cletus.toml").write_text("reload = true\n")
    elif where == "environment":
        monkeypatch.setenv("CLETUS_RELOAD", "true")
    elif where == "code":
        (tmp_path / "app.py").write_text(f"{APP}service.configure(reload=True)\n")
    else:
        options = ["--reload"]
    assert run("app.py", "--production", *options).exit_code == 0
    assert served[0].settings.reload
    assert served[0].settings.log_format == "json"


def test_both_presets_are_one_too_many(served: list[Service], tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    for arguments in (["--dev", "--production", "app.py"], ["app.py", "--dev", "--production"]):
        result = run(*arguments)
        assert result.exit_code == 2
        assert "--dev and --production" in result.output.splitlines()[-1]
    assert served == []


def test_dev_without_tls_runs_and_says_so(
    served: list[Service], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(options_module, "can_tls", lambda: False)
    monkeypatch.setattr(run_module, "can_tls", lambda: False)
    (tmp_path / "app.py").write_text(APP)
    result = run("app.py", "--dev")
    assert result.exit_code == 0
    assert result.output == "cletus: --dev without TLS: pip install 'cletus-live[tls]'\n"
    assert not served[0].settings.tls_self_signed
    sys.modules.pop("app")
    assert run("app.py", "--dev", "--tls-self-signed").output == "", "that is asked for by name"
    assert served[1].settings.tls_self_signed


# -- what cannot be run -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    [
        *("nosuch", "nosuch.module", "no/such.py", "./nosuch", "", ".", "..", "a..b", "/"),
        *("~/app.py", "a b", "\0", "x" * 5000, "x/" * 5000),
    ],
)
def test_a_missing_module(refused: Callable[..., str], target: str) -> None:
    line = refused(target)
    assert target in line
    assert "\n" not in line


def test_a_file_that_is_no_module(refused: Callable[..., str], tmp_path: Path) -> None:
    for name in ("app.txt", "my-app.py"):
        (tmp_path / name).write_text(APP)
        assert name in refused(name)


def test_a_folder_that_is_no_package(refused: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    for target in ("app", "./app"):
        assert "app" in refused(target)


@pytest.mark.parametrize("name", ["random", "cletus", "twisted"])
def test_a_file_with_the_name_of_a_module_that_is_there_already(
    refused: Callable[..., str], tmp_path: Path, name: str
) -> None:
    """Python would give us that one; the message says what to do."""
    (tmp_path / f"{name}.py").write_text(APP)
    line = refused(f"{name}.py")
    assert str(tmp_path / f"{name}.py") in line
    assert "another name" in line


def test_a_module_of_python_itself(refused: Callable[..., str]) -> None:
    assert "math" in refused("math")
    assert "Service()" in refused("colorsys")


def test_a_module_without_a_service(refused: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("answer = 42\n")
    line = refused("app.py")
    assert "app.py" in line
    assert "service = Service()" in line


def test_a_module_with_two_services(refused: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP + "other = Service()\nsame = service\n")
    assert "2 services" in refused("app.py")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--port", "many"),
        ("--port", "70000"),
        ("--line-max", "-1"),
        ("--line-rate", "nan"),
        ("--store-sync", "maybe"),
    ],
)
def test_a_bad_value_of_an_option(
    refused: Callable[..., str], tmp_path: Path, option: str, value: str
) -> None:
    (tmp_path / "app.py").write_text(APP)
    line = refused("app.py", option, value)
    assert "command line" in line
    assert option.removeprefix("--").replace("-", "_") in line
    assert value in line
    assert "\n" not in line


def test_an_unknown_option(tmp_path: Path) -> None:
    """Usage lines come first, as click writes them; the last line names it and a near one."""
    (tmp_path / "app.py").write_text(APP)
    result = run("app.py", "--prot", "1")
    assert result.exit_code == 2
    last = result.output.splitlines()[-1]
    assert "--prot" in last
    assert "--port" in last


def test_an_unknown_setting_in_the_code(refused: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP + "service.configure(line_rat=3)\n")
    line = refused("app.py")
    assert "'line_rat' is unknown; did you mean 'line_rate'?" in line


def test_a_settings_file_that_is_none(refused: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "cletus.toml").write_text("port: 9000\n")
    line = refused("app.py")
    assert str(tmp_path / "cletus.toml") in line
    assert "\n" not in line


def test_a_module_that_misses_a_module(refused: Callable[..., str], tmp_path: Path) -> None:
    """The name of what is missing, and where it is asked for."""
    (tmp_path / "app.py").write_text(APP + "import nosuch_library\n")
    text = refused("app.py")
    assert f"{tmp_path / 'app.py'}:3" in text
    assert "No module named 'nosuch_library'" in text


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("def broken(:", "SyntaxError"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit(5)", "SystemExit: 5"),
        ("import sys; sys.exit('enough')", "SystemExit: enough"),
        ("x = '\0'", "null bytes"),
        ("\tx = 1\n        y = 2", "IndentationError"),
    ],
)
def test_a_module_that_cannot_be_imported(
    refused: Callable[..., str], tmp_path: Path, code: str, error: str
) -> None:
    """The place in the application and what was raised; no frame of ours."""
    (tmp_path / "app.py").write_text(f"{APP}{code}\n")
    text = refused("app.py")
    assert "app.py" in text
    assert error in text
    assert "importlib" not in text
    assert len(text.splitlines()) <= 3


def test_what_failed_once_can_be_run_when_it_is_mended(
    refused: Callable[..., str], served: list[Service], tmp_path: Path
) -> None:
    """Nothing is left behind of the first attempt that could be in the way."""
    (tmp_path / "app.py").write_text(f"{APP}1 / 0\n")
    refused("app.py")
    assert current_loading() is None
    assert not any(isinstance(one, ApplicationFinder) for one in sys.meta_path)
    (tmp_path / "app.py").write_text(APP)
    sys.modules.pop("app", None)
    assert run("app.py").exit_code == 0
    assert len(served) == 1


def test_only_what_is_needed_is_imported() -> None:
    """No reactor, which is Twisted's to choose at the start; nor what only some services need."""
    program = "import sys, cletus; print(*sys.modules)"
    import subprocess

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    imported = set(done.stdout.split())
    assert "cletus.service" in imported
    assert not imported & {"twisted.internet.reactor", "twisted.web", "rich", "cletus.contrib"}


@pytest.mark.parametrize(
    ("words", "completion"),
    [
        ("cletus sh", "plain,shell"),
        ("cletus run --line-r", "plain,--line-rate"),
        ("cletus run ap", "file,ap"),
        ("cletus check ap", "file,ap"),
        ("cletus store list ap", "file,ap"),
        ("cletus who ap", "file,ap"),
        ("cletus user list ap", "file,ap"),
    ],
)
def test_shells_complete_commands_options_and_targets(
    monkeypatch: pytest.MonkeyPatch, words: str, completion: str
) -> None:
    """As ``docs/commands.md`` says; click does it, by an environment variable."""
    monkeypatch.setenv("_CLETUS_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(words.count(" ")))
    result = CliRunner().invoke(main, [], prog_name="cletus")
    assert completion in result.output.splitlines()


def test_dev_waits_for_the_mended_file_and_starts_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mistake at the start is mended as one during a reload is: by saving the file."""
    (tmp_path / "app.py").write_text("def (\n")
    programs: list[list[str]] = []

    def execv(_path: str, arguments: list[str]) -> None:
        programs.append(arguments)
        raise SystemExit(0)

    monkeypatch.setattr("cletus.cli.run.os.execv", execv)
    monkeypatch.setattr("cletus.cli.run.wait_for_change", lambda *_: None)
    result = run("--dev", "app.py")
    assert "app.py:1" in result.output
    assert "Waiting for a file to be saved" in result.output
    assert programs == [[sys.executable, *sys.orig_argv[1:]]]


def test_dev_does_not_wait_for_an_application_that_there_is_not(
    refused: Callable[..., str],
) -> None:
    assert "nowhere" in refused("--dev", "nowhere.py")


def test_the_command_is_imported_without_rich():
    """It takes a third of a small service's start, and only a terminal needs it."""
    script = "import sys, cletus.cli.run; print('rich' in sys.modules, 'readline' in sys.modules)"
    shown = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert shown.stdout.split() == ["False", "False"]
