"""What ``cletus run`` cannot do, it says in one clear line, and exits with 2.

Here in processes of their own; ``tests/test_cli.py`` has all that fails before anything is opened.
"""

from __future__ import annotations

import re
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.harness import Talker
from tests.engines import valkey

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


@pytest.mark.parametrize("target", ["nosuch", "no/such.py"])
def test_a_missing_module(refused: Callable[..., str], target: str) -> None:
    assert target in one_line(refused("run", target))


def test_a_module_without_a_service(refused: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("answer = 42\n")
    line = one_line(refused("run", "app.py"))
    assert "app.py" in line
    assert "service = Service()" in line


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


def test_an_unknown_option(refused: Callable[..., str]) -> None:
    """Usage lines come first, as click writes them; the last line names it and a near one."""
    line = refused("run", "app.py", "--prot", "1").splitlines()[-1]
    assert "--prot" in line
    assert "--port" in line


def test_a_syntax_error(refused: Callable[..., str], tmp_path: Path) -> None:
    """File and line, and the line itself."""
    (tmp_path / "app.py").write_text(APP + "def broken(:\n")
    first, source = refused("run", "app.py").splitlines()
    assert "app.py:3: SyntaxError" in first
    assert source.strip() == "def broken(:"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "`cluster`|'cluster'"),
        (("--cluster", "valkey://192.0.2.1"), "'cluster_key' is needed"),
        (("--cluster", "valkey://localhost"), "'cluster_name' is needed"),
        (("--cluster", "db"), "'cluster' is not a URL"),
    ],
)
def test_a_gateway_that_does_not_know_its_cluster(
    refused: Callable[..., str], options: tuple[str, ...], words: str
) -> None:
    """It opens no door."""
    assert re.search(
        words, one_line(refused("gateway", "--port", "0", "--web-port", "0", *options))
    )


def test_a_cluster_whose_engine_or_primary_is_not_there(
    start: Callable[..., Talker], tmp_path: Path
) -> None:
    """It says which of them; and no password."""
    (tmp_path / "app.py").write_text(APP)
    ask = ("-m", "cletus", "status", "app.py", "--timeout", "1", "--cluster")
    status = start(*ask, "valkey://talker:opensesame@127.0.0.1:1")
    assert status.ends() != 0
    line = one_line(status.output)
    assert "the engine has not answered" in line
    assert "opensesame" not in line
    with valkey() as engine:
        status = start(*ask, engine.url)
        assert status.ends() != 0
        assert "no primary has answered" in one_line(status.output)


def test_a_command_that_waits_for_a_cluster_may_be_interrupted(
    start: Callable[..., Talker], tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text(APP)
    with socket.create_server(("127.0.0.1", 0)) as engine:
        url = f"valkey://127.0.0.1:{engine.getsockname()[1]}"
        status = start("-m", "cletus", "status", "app.py", "--cluster", url)
        with engine.accept()[0]:
            status.gets(signal.SIGINT)
            assert status.ends() != 0
    assert "interrupted before the primary has answered" in one_line(status.output)
