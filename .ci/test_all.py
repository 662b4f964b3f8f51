"""Run the tests on every CPython from 3.11 on that this machine has: ``make test-all``.

Looked for: ``python3.N`` on PATH, and what pyenv and uv have installed. Of several with one minor version,
the newest is taken. Each has an environment of its own, ``.venv-3.N``, and a log, ``build/test-all/3.N.log``.

    make test-all                          # everything that `make test` tests
    make test-all ARGS="tests/storage -x"  # other arguments for pytest; it then runs once
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOGS = ROOT / "build" / "test-all"
OLDEST = (3, 11)

#: As in the Makefile.
RUNS = (
    ["-n", "2", "--dist", "worksteal", "--ignore=tests/e2e"],
    ["-n", "3", "--dist", "loadfile", "tests/e2e"],
)

#: Prints version and implementation; one without a global lock is another Python in all but name.
ASK = """
import sys, sysconfig
print(*sys.version_info[:3], sys.implementation.name, sysconfig.get_config_var("Py_GIL_DISABLED") or 0)
"""


@dataclass(frozen=True, order=True)
class Interpreter:
    """One Python: ``version`` as numbers, and the path of its program."""

    version: tuple[int, int, int]
    path: str

    @property
    def name(self) -> str:
        """Such as ``3.12``."""
        return f"{self.version[0]}.{self.version[1]}"


@dataclass(frozen=True)
class Result:
    """How the tests went: pytest's last lines in words, and whether all went well."""

    interpreter: Interpreter
    words: str
    seconds: float
    ok: bool


def candidates() -> Iterator[str]:
    """Paths that may be Pythons."""
    folders = [*os.environ.get("PATH", "").split(os.pathsep)]
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR", "~/.local/share/uv/python")).expanduser()
    folders += [
        str(path) for root in (pyenv / "versions", uv) for path in sorted(root.glob("*/bin"))
    ]
    for folder in folders:
        yield from (str(path) for path in sorted(Path(folder or ".").glob("python3.*")))


def interpreters() -> list[Interpreter]:
    """The newest of each minor version, in order."""
    newest: dict[tuple[int, int], Interpreter] = {}
    for path in candidates():
        if re.fullmatch(r"python3\.\d+", Path(path).name) and (found := ask(path)) is not None:
            kind = found.version[:2]
            if kind >= OLDEST and (kind not in newest or newest[kind].version < found.version):
                newest[kind] = found
    return sorted(newest.values())


def ask(path: str) -> Interpreter | None:
    """What Python this is; ``None`` if it is none that counts, such as a shim of pyenv for nothing."""
    try:
        done = subprocess.run(
            [path, "-c", ASK], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.match(r"(\d+) (\d+) (\d+) cpython 0", done.stdout)
    if done.returncode or found is None:
        return None
    return Interpreter((int(found[1]), int(found[2]), int(found[3])), path)


def test(interpreter: Interpreter, runs: list[list[str]]) -> Result:
    """Make the environment and run the tests in it."""
    start = time.monotonic()
    venv = ROOT / f".venv-{interpreter.name}"
    python = str(venv / "bin" / "python")
    with (LOGS / f"{interpreter.name}.log").open("w+") as log:

        def run(*command: str) -> int:
            return subprocess.run(command, cwd=ROOT, stdout=log, stderr=log, check=False).returncode

        if not venv.is_dir() and run("sh", ".ci/make-venv", interpreter.path, str(venv)):
            return Result(interpreter, "no environment could be made", 0.0, False)
        if run(python, ".ci/install.py", "test"):
            return Result(interpreter, "what the tests need could not be installed", 0.0, False)
        run(python, "-m", "compileall", "-q", "cletus", "example_service")
        codes = [run(python, "-m", "pytest", *arguments) for arguments in runs]
        log.seek(0)
        words = re.findall(r"^=*\s*((?:\d+ \w+(?:, )?)+) in [\d.]+s", log.read(), re.MULTILINE)
    seconds = time.monotonic() - start
    return Result(interpreter, "; ".join(words) or "it ended early", seconds, not any(codes))


def main() -> int:
    """Test, and print a table; 1 if a test has failed anywhere."""
    found = interpreters()
    if not found:
        print("no CPython from 3.11 on was found")
        return 1
    LOGS.mkdir(parents=True, exist_ok=True)
    print(
        "found:",
        ", ".join(f"{'.'.join(map(str, one.version))} ({one.path})" for one in found),
        flush=True,
    )
    runs = [sys.argv[1:]] if sys.argv[1:] else [list(run) for run in RUNS]
    results = []
    for interpreter in found:
        print(f"testing on {interpreter.name} ...", flush=True)
        results.append(test(interpreter, runs))
    print(f"\n{'Python':<9}{'':<9}{'seconds':>8}  tests")
    for one in results:
        version, verdict = (
            ".".join(map(str, one.interpreter.version)),
            "well" if one.ok else "FAILED",
        )
        print(f"{version:<9}{verdict:<9}{one.seconds:>8.0f}  {one.words}")
    if not all(one.ok for one in results):
        print(f"\nThe logs are in {LOGS.relative_to(ROOT)}.")
    return int(not all(one.ok for one in results))


if __name__ == "__main__":
    sys.exit(main())
