"""The wheel, installed into an environment that has nothing else, does what the README says."""

from __future__ import annotations

import email
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import twisted as twisted_package

from cletus import __version__
from cletus.cli.new import new
from tests.e2e.harness import REPOSITORY, Caller, Talker
from tests.test_dependencies import listed

#: Starts a program in place of the Python of these tests, under the same process number.
EXEC = "import os, sys; os.execv(sys.argv[1], sys.argv[1:])"

TEMPLATES = next(one.type.choices for one in new.params if one.name == "template")  # type: ignore[attr-defined]  # click's Choice


def run(*command: str | Path, cwd: Path | None = None, ok: bool = True, **more: str) -> str:
    """Run a command to its end, with more variables of the environment; its output.

    It fails the test if the command fails.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment.update(more)
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    output = done.stdout + done.stderr
    assert (done.returncode == 0) == ok, f"{command} ended with {done.returncode}:\n{output}"
    return output


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source archive, and the wheel that was built from that."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, REPOSITORY)
    return folder


@pytest.fixture(scope="session")
def wheel(built: Path) -> Path:
    (wheel,) = built.glob("*.whl")
    return wheel


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``bin`` of an environment with the wheel and what it needs; skips without a registry."""
    return install(str(wheel), tmp_path_factory.mktemp("installed"))


def install(what: str, folder: Path) -> Path:
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python")]
    quietly = ["--quiet", "--disable-pip-version-check"]
    done = subprocess.run(
        [*pip, "install", *quietly, what], capture_output=True, text=True, check=False
    )
    if done.returncode and not registry_answers(folder):
        pytest.skip("no package registry answers, and the wheel's dependencies are to be had there")
    assert done.returncode == 0, done.stderr
    return folder / "bin"


def registry_answers(folder: Path) -> bool:
    ask = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--quiet",
        "--dest",
        folder,
        "click",
    ]
    return subprocess.run(ask, capture_output=True, check=False).returncode == 0


@pytest.fixture
def launch(
    start: Callable[..., Talker], installed: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Talker]:
    """Start a program of that environment in the test's folder."""
    monkeypatch.delenv("PYTHONPATH", raising=False)

    def launch(program: str, *arguments: str) -> Talker:
        return start("-c", EXEC, str(installed / program), *arguments)

    return launch


# -- what is in it --------------------------------------------------------------------------------


def test_the_wheel_has_what_it_needs_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    tops = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == {"cletus", "pytest_cletus.py", "twisted"}
    assert {name for name in names if name.startswith("twisted/")} == {
        "twisted/plugins/cletus_plugin.py"
    }
    assert {"cletus/py.typed", "cletus/text/locale/de/LC_MESSAGES/cletus.mo"} <= names
    leftovers = [name for name in names if "__pycache__" in name or ".ruff_cache" in name]
    assert leftovers == []
    ours = {str(path.relative_to(REPOSITORY)) for path in (REPOSITORY / "cletus").rglob("*.py")}
    assert ours <= names


def test_the_source_archive_has_what_maintainers_need(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as source:
        names = [name.partition("/")[2] for name in source.getnames()]
    for wanted in (
        "pyproject.toml",
        "Makefile",
        ".ci/run",
        "README.md",
        "tests/conftest.py",
        "docs/deploy.md",
    ):
        assert wanted in names
    assert [name for name in names if name.startswith((".venv", ".git/", "store/", "build/"))] == []


def test_the_version_is_in_one_place(wheel: Path, installed: Path) -> None:
    """``cletus/version.py``; the project file says only where it is."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert "version" in project["dynamic"]
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = email.message_from_bytes(archive.read(name))
    assert metadata["Version"] == __version__
    assert f"cletus_live-{__version__}" in wheel.name
    assert run(installed / "cletus", "--version") == f"cletus, version {__version__}\n"
    written = [
        file.name
        for file in (*REPOSITORY.glob("*.toml"), *REPOSITORY.glob("cletus/*.py"))
        if re.search(rf'version\w* = "{re.escape(__version__)}"', file.read_text())
    ]
    assert written == ["version.py"]


def test_few_and_light_packages_come_along(installed: Path) -> None:
    """Those of ``docs/dependencies.md``, and no other."""
    code = "import importlib.metadata as m; print(*{d.metadata['Name'] for d in m.distributions()})"
    names = {
        re.sub(r"[-_.]+", "-", name).lower()
        for name in run(installed / "python", "-c", code).split()
    }
    assert names == {"cletus-live", *listed()}


def test_the_package_says_that_it_is_typed(installed: Path) -> None:
    """And it is imported from the environment, not from the checkout."""
    code = "import cletus, pathlib; print(pathlib.Path(cletus.__file__).with_name('py.typed').resolve())"
    path = Path(run(installed / "python", "-c", code, cwd=installed).strip())
    assert path.is_file()
    assert path.is_relative_to(installed.parent.resolve())


# -- its name -------------------------------------------------------------------------------------


def wheel_of(name: str, folder: Path, entry_points: str = "") -> Path:
    """A made-up distribution with a module ``decoy``."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-99.0.dist-info"
    path = folder / f"{name}-99.0-py3-none-any.whl"
    files = {
        "decoy.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 99.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": entry_points,
    }
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
        archive.writestr(
            f"{info}/RECORD", "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"])
        )
    return path


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """A package index that has a stranger's ``cletus`` alone: its URL, and the paths that were asked for."""
    folder = tmp_path / "index"
    wheel_of("cletus", folder / "simple" / "cletus")
    asked: list[str] = []

    class Index(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, *_: object) -> None:  # each request has one
            asked.append(self.path)

    with ThreadingHTTPServer(("127.0.0.1", 0), Index) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/simple", asked
        server.shutdown()
        thread.join()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """The Python of an environment that has every package of this one, but Cletus."""
    run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "env")
    (site,) = (tmp_path / "env").glob("lib/python3*/site-packages")
    ours = re.compile(r"_?(editable_impl_)?(pytest_)?cletus.*|__pycache__|.*\.pth|\.ruff_cache")
    for folder in map(Path, sys.path):
        if folder.name == "site-packages":
            for entry in folder.iterdir():
                if not ours.fullmatch(entry.name) and not (site / entry.name).exists():
                    (site / entry.name).symlink_to(entry)
    # What the wheel puts into Twisted's folder is not to end up in the one that the link leads to.
    twisted = Path(twisted_package.__file__).parent
    (site / "twisted").unlink()
    (site / "twisted").mkdir()
    for entry in twisted.iterdir():
        if entry.name != "plugins":
            (site / "twisted" / entry.name).symlink_to(entry)
    ignored = shutil.ignore_patterns("cletus*", "__pycache__", "dropin.cache")
    shutil.copytree(twisted / "plugins", site / "twisted" / "plugins", ignore=ignored)
    return tmp_path / "env" / "bin" / "python"


def test_a_stranger_with_our_old_name_is_never_fetched(
    wheel: Path, stranger: tuple[str, list[str]], elsewhere: Path, tmp_path: Path
) -> None:
    """Neither by our wheel, its extras and what we tell people to type, nor by a new project and its tests."""
    index, asked = stranger
    environment = {"PIP_INDEX_URL": index, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    pip = (elsewhere, "-m", "pip", "install", "--quiet", "--no-build-isolation")
    extras = "tls,metrics,yaml,orm,testing"
    run(*pip, f"{wheel}[{extras}]", **environment)
    run(*pip, f"cletus-live[{extras}]", **environment)
    run(*pip, "--upgrade", "cletus-live", **environment)
    program = elsewhere.with_name("cletus")
    run(program, "new", "mine", "--template", "echo", cwd=tmp_path)
    run(*pip, f"{tmp_path / 'mine'}[test]", **environment)
    output = run("make", "test", f"PYTHON={elsewhere}", cwd=tmp_path / "mine", **environment)
    assert " passed" in output
    assert run(program, "--version") == f"cletus, version {__version__}\n"
    assert not [path for path in asked if path.startswith("/simple/cletus/")]
    assert "/simple/cletus-live/" in asked, "the upgrade has asked"
    code = "import importlib.metadata as m; print(*{d.metadata['Name'] for d in m.distributions()})"
    assert "cletus" not in run(elsewhere, "-c", code).split()


def test_nobody_is_told_to_install_the_stranger() -> None:
    """No ``pip install cletus`` and no requirement of that name, in anything that is in the repository."""
    named = re.compile(r"pip install(?: -\S+)* ['\"]?cletus(?![-_\w/.])|['\"]cletus\[\w")
    files = run("git", "ls-files", cwd=REPOSITORY).split()
    found = {}
    for file in files:
        if file.startswith("seed/") or file == "tests/e2e/test_packaging.py":
            continue
        with suppress(UnicodeDecodeError):
            told = named.findall((REPOSITORY / file).read_text(encoding="utf-8"))
            if told:
                found[file] = told
    assert found == {}


@pytest.mark.parametrize(
    ("entry_points", "stays"),
    [
        ("[console_scripts]\ncletus = decoy:main\n", True),
        ("[pytest11]\ncletus = pytest_cletus\n", False),
    ],
    ids=["a stranger's", "ours"],
)
def test_only_ours_is_removed_under_the_old_name(
    elsewhere: Path, tmp_path: Path, entry_points: str, stays: bool
) -> None:
    """By ``make``, in an environment from before the distribution had its present name."""
    wheel = wheel_of("cletus", tmp_path / "wheels", entry_points)
    run(elsewhere, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel)
    script = REPOSITORY / ".ci" / "install.py"
    code = f"import runpy; assert runpy.run_path({str(script)!r})['remove_old_name']()"
    run(elsewhere, "-c", code)
    run(elsewhere, "-c", "import decoy", ok=stays)


# -- what it does ---------------------------------------------------------------------------------


def readme_app() -> str:
    """The service in 15 lines."""
    block = re.search(
        r"```python\n# talk\.py\n(.*?)```", (REPOSITORY / "README.md").read_text(), re.DOTALL
    )
    assert block is not None
    return block[1]


@pytest.mark.parametrize("way", ["cletus run", pytest.param("python", marks=pytest.mark.soak)])
def test_the_story_of_the_readme(
    launch: Callable[..., Talker], call: Callable[[Talker], Caller], tmp_path: Path, way: str
) -> None:
    """Bob is connected while the author edits, breaks and mends the file."""
    (tmp_path / "talk.py").write_text(readme_app())
    command = ("cletus", "run", "talk.py") if way == "cletus run" else ("python", "talk.py")
    talker = launch(*command, "--port=0", "--store=saved")
    bob = call(talker)
    bob.sees("What is your name? ")
    bob.types("bob", "hello")
    bob.sees("* bob comes in.\r\nbob: hello\r\n")

    talker.edit("talk.py", "{event.client.name}: ", "{event.client.name} says: ")
    talker.prints("Reloaded, generation 1")
    bob.types("hello again")
    bob.sees("bob says: hello again\r\n")

    whole = (tmp_path / "talk.py").read_text()
    talker.write("talk.py", whole.replace('{event.data}")', "{event.data"))
    talker.prints(r"Reload refused \(check\), generation 1")
    bob.types("still here")
    bob.sees("bob says: still here\r\n")

    talker.write("talk.py", whole)
    talker.prints("Nothing to reload: the files hold what runs")
    bob.types("mended")
    assert bob.sees("mended\r\n") == "bob says: mended\r\n"
    assert talker.stop() == 0


def test_twisted_finds_its_plugin(
    launch: Callable[..., Talker], tmp_path: Path, installed: Path
) -> None:
    assert re.search(r"\n +cletus +Run a service", run(installed / "twist", "--help", cwd=tmp_path))
    (tmp_path / "talk.py").write_text(readme_app())
    talker = launch("twist", "--log-format=text", "cletus", "talk.py", "--port=0", "--store=saved")
    port = talker.prints(r"Listening on telnet 127\.0\.0\.1:(\d+)")[1]
    caller = Caller(int(port))
    try:
        caller.sees("What is your name? ")
    finally:
        caller.hang_up()
    talker.stop()


@pytest.mark.parametrize(
    "template",
    # The others are run by the tests of the templates, and from the wheel by `make soak`.
    [pytest.param(one, marks=() if one == "talker" else pytest.mark.soak) for one in TEMPLATES],
)
def test_each_template_runs(
    launch: Callable[..., Talker],
    call: Callable[[Talker], Caller],
    installed: Path,
    tmp_path: Path,
    template: str,
) -> None:
    """``cletus new``, ``cletus check``, ``cletus run``, and somebody comes in."""
    run(installed / "cletus", "new", "mine", "--template", template, cwd=tmp_path)
    run(installed / "cletus", "check", "mine", cwd=tmp_path / "mine")
    code = f"import os; os.chdir('mine'); {EXEC}"
    talker = launch(
        "python", "-c", code, str(installed / "cletus"), "run", "mine", "--port=0", "--store=saved"
    )
    caller = call(talker)
    caller.types("hello")
    caller.sees("\n")
    assert talker.stop() == 0
    assert "Traceback" not in talker.output


def test_what_an_extra_would_bring_is_missed_in_one_line(installed: Path, tmp_path: Path) -> None:
    """Without the extras: it says what to install."""
    (tmp_path / "talk.py").write_text(readme_app())
    cletus = installed / "cletus"
    output = run(cletus, "run", "talk.py", "--port=0", "--tls-self-signed", cwd=tmp_path, ok=False)
    assert "pip install 'cletus-live[tls]'" in output
    assert "Traceback" not in output
    output = run(cletus, "run", "talk.py", "--port=0", "--metrics-port=1", cwd=tmp_path, ok=False)
    assert "pip install 'cletus-live[metrics]'" in output
    assert "Traceback" not in output


@pytest.mark.soak
def test_the_extras_can_be_installed(wheel: Path, tmp_path: Path) -> None:
    """All of them together, and what they are for can be imported."""
    folder = install(f"{wheel}[tls,metrics,yaml,orm,testing]", tmp_path / "all")
    code = "import OpenSSL, prometheus_client, yaml, sqlalchemy, pyte, cletus.contrib.orm, cletus.testing"
    run(folder / "python", "-c", code)
