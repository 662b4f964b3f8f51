"""What ``cletus run`` cannot do, it says in one clear line, and exits with 2."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.harness import Talker

APP = """\
from cletus import Service
service = Service()
"""


@pytest.fixture
def refused(start: Callable[..., Talker], tmp_path: Path) -> Callable[..., str]:
    """Run cletus with these arguments, which it must refuse; the line that it says why with."""
    (tmp_path / "app.py").write_text(APP)

    def refused(*arguments: str) -> str:
        talker = start("-m", "cletus", *arguments)
        assert talker.ends() == 2, talker.output
        assert "Traceback" not in talker.output
        return talker.output

    return refused


def one_line(output: str) -> str:
    """The output, which is a single line that says who speaks."""
    assert output.startswith("cletus: ")
    assert output.endswith("\n")
    assert output.count("\n") == 1, output
    return output.removeprefix("cletus: ").rstrip()


def test_a_port_in_use(refused: Callable[..., str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        line = one_line(refused("run", "app.py", "--port", str(port), "--store", "memory:"))
    assert f"127.0.0.1:{port}" in line
    assert "in use" in line
    assert "--port" in line


def test_an_address_of_somewhere_else(refused: Callable[..., str]) -> None:
    # TEST-NET-1 of RFC 5737 is nobody's address.
    arguments = ("run", "app.py", "--host", "192.0.2.1", "--store", "memory:")
    assert "--host" in one_line(refused(*arguments))


@pytest.mark.parametrize("target", ["nosuch", "nosuch.module", "no/such.py", "./nosuch"])
def test_a_missing_module(refused: Callable[..., str], target: str) -> None:
    assert target in one_line(refused("run", target))


def test_a_file_that_is_no_python(refused: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "app.txt").write_text(APP)
    assert "app.txt" in one_line(refused("run", "app.txt"))


def test_a_module_that_misses_a_module(refused: Callable[..., str], tmp_path: Path) -> None:
    """The name of what is missing, and where it is asked for."""
    (tmp_path / "app.py").write_text(APP + "import nosuch_library\n")
    output = refused("run", "app.py")
    assert output.startswith("cletus: ")
    assert "app.py:3" in output
    assert "No module named 'nosuch_library'" in output


def test_a_module_without_a_service(refused: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("answer = 42\n")
    line = one_line(refused("run", "app.py"))
    assert "app.py" in line
    assert "service = Service()" in line


def test_a_module_with_two_services(refused: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP + "other = Service()\n")
    assert "2 services" in one_line(refused("run", "app.py"))


def test_a_store_folder_that_cannot_be_written(refused: Callable[..., str], tmp_path: Path) -> None:
    """Here a folder below a regular file, where root cannot write either."""
    (tmp_path / "file").write_text("I am not a folder\n")
    line = one_line(refused("run", "app.py", "--port", "0", "--store", "file/store"))
    assert "file/store" in line


def test_a_store_folder_that_another_service_has_open(
    refused: Callable[..., str], run: Callable[..., Talker]
) -> None:
    other = run("app.py")
    assert other.port
    line = one_line(refused("run", "app.py", "--port", "0", "--store", "saved"))
    assert str(other.process.pid) in line


def test_a_kind_of_store_that_nobody_knows(refused: Callable[..., str]) -> None:
    line = one_line(refused("run", "app.py", "--port", "0", "--store", "cloud:nine"))
    assert "cloud" in line
    assert "memory:" in line


def test_an_unknown_option(refused: Callable[..., str]) -> None:
    """Usage lines come first, as click writes them; the last line names it and a near one."""
    line = refused("run", "app.py", "--prot", "1").splitlines()[-1]
    assert "--prot" in line
    assert "--port" in line


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
def test_a_bad_value_of_an_option(refused: Callable[..., str], option: str, value: str) -> None:
    line = one_line(refused("run", "app.py", option, value))
    assert option.removeprefix("--").replace("-", "_") in line
    assert value in line


@pytest.mark.parametrize("name", ["nosuch", "sys"])
def test_what_cannot_be_rebuilt(refused: Callable[..., str], name: str) -> None:
    line = one_line(refused("run", "app.py", "--store", "memory:", "--reload-modules", name))
    assert "reload_modules" in line
    assert name in line


def test_an_unknown_setting_in_the_application(refused: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP + "service.configure(line_rat=3)\n")
    output = refused("run", "app.py")
    assert "line_rat" in output
    assert "did you mean 'line_rate'?" in output
    assert len(output.splitlines()) <= 2


def test_a_syntax_error(refused: Callable[..., str], tmp_path: Path) -> None:
    """File and line, and the line itself."""
    (tmp_path / "app.py").write_text(APP + "def broken(:\n")
    first, source = refused("run", "app.py").splitlines()
    assert "app.py:3: SyntaxError" in first
    assert source.strip() == "def broken(:"


def test_an_exception_while_it_is_imported(refused: Callable[..., str], tmp_path: Path) -> None:
    """The place in the application and what was raised; no frame of ours."""
    (tmp_path / "app.py").write_text(APP + "1 / 0\n")
    output = refused("run", "app.py")
    assert "app.py:3" in output
    assert "ZeroDivisionError: division by zero" in output
    assert "importlib" not in output
    assert len(output.splitlines()) <= 3


@pytest.mark.parametrize("ending", ["raise SystemExit(5)", "import sys; sys.exit('enough')"])
def test_an_application_that_exits_while_it_is_imported(
    refused: Callable[..., str], tmp_path: Path, ending: str
) -> None:
    (tmp_path / "app.py").write_text(f"{APP}{ending}\n")
    assert "app.py:3" in refused("run", "app.py")


def test_an_error_of_the_application_at_its_start_is_no_usage_error(
    start: Callable[..., Talker], tmp_path: Path
) -> None:
    """A listener that fails is logged, and the service starts all the same."""
    (tmp_path / "app.py").write_text(
        f"from cletus import events\n{APP}"
        "@service.listen(events.PreStart)\n"
        "def prestart(event):\n"
        "    raise RuntimeError('the dog ate it')\n"
    )
    talker = start("-m", "cletus", "run", "app.py", "--port", "0", "--store", "memory:")
    assert talker.port
    assert "RuntimeError: the dog ate it" in talker.output
    assert talker.stop() == 0
