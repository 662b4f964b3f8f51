"""Measures what ``pip install cletus-live`` installs: ``python docs/dependencies.py`` writes its page anew.

It installs the working copy, with the extras that people use, into an environment of its own, and reads
from there what each package has brought. The reasons are the comments in ``pyproject.toml``.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PAGE = Path(__file__).with_suffix(".md")
PROJECT = ROOT / "pyproject.toml"

NAME = "cletus-live"

#: Those of people who run or write a service; the others are for work on Cletus itself.
EXTRAS = ("tls", "ssh", "metrics", "yaml", "orm", "postgresql", "cluster", "testing")

BEGIN, END = "<!-- measured -->\n", "<!-- /measured -->\n"


class Site:
    """The packages of one environment, by name."""

    def __init__(self, folder: Path) -> None:
        self._found = {
            canonicalize_name(one.metadata["Name"]): one
            for one in distributions(path=[str(folder)])
        }

    def closure(self, name: str, extras: Iterable[str] = ()) -> dict[str, list[str]]:
        """What a package needs, and what that needs in turn: name to the names that need it."""
        needed_by: dict[str, list[str]] = {}
        waiting = [(name, frozenset(extras))]
        seen = set(waiting)
        while waiting:
            parent, wanted = waiting.pop(0)
            for requirement in self._requirements(parent, wanted):
                child = canonicalize_name(requirement.name)
                if child != name:
                    needed_by.setdefault(child, []).append(parent)
                one = (child, frozenset(requirement.extras))
                if one not in seen:
                    seen.add(one)
                    waiting.append(one)
        return needed_by

    def kib(self, name: str) -> int:
        """What a package's files take, without what Python compiles them to."""
        files = [file for file in self[name].files or () if file.suffix != ".pyc"]
        return sum(Path(str(file.locate())).stat().st_size for file in files) // 1024

    def __getitem__(self, name: str) -> Distribution:
        return self._found[name]

    def _requirements(self, name: str, extras: Iterable[str]) -> Iterator[Requirement]:
        for text in self[name].requires or ():
            requirement = Requirement(text)
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": one}) for one in ("", *extras)):
                yield requirement


def reasons() -> dict[str, str]:
    """Why each package stands in ``pyproject.toml``: the comment beside it, or that of its extra."""
    found: dict[str, str] = {}
    of_extra = ""
    for line in PROJECT.read_text().splitlines():
        extra = re.match(r"\w+ = \[\s*(?:#\s*(.*))?$", line)
        if extra:
            of_extra = extra[1] or ""
        for name, comment in re.findall(
            r'"([\w-]+)(?:\[[\w,]+\])?>=[^"]*"[\],]*\s*(?:#\s*(.*))?', line
        ):
            found.setdefault(canonicalize_name(name), comment or of_extra)
    return {name: reason.replace("``", "`") for name, reason in found.items()}


def direct(extra: str = "") -> list[str]:
    """The names that ``pyproject.toml`` gives itself, of an extra or of the package."""
    project = tomllib.loads(PROJECT.read_text())["project"]
    listed = project["optional-dependencies"][extra] if extra else project["dependencies"]
    return [canonicalize_name(Requirement(one).name) for one in listed]


def install(folder: Path) -> Site:
    """The working copy with its extras, in an environment of its own."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    options = ["--no-compile", "--disable-pip-version-check"]
    subprocess.run([*command, *options, f"{ROOT}[{','.join(EXTRAS)}]"], check=True)
    return Site(next(folder.glob("lib/python3*/site-packages")))


def tables(site: Site) -> str:
    """The measured part of the page."""
    why = reasons()
    base = site.closure(NAME)
    own = site.kib(NAME)
    total = sum(map(site.kib, base))
    python = f"Python 3.{sys.version_info.minor}, {sys.platform}"
    lines = [
        f"{len(base)} packages, {_mib(total)} MiB; Cletus itself {_mib(own)} MiB.",
        f"({python}; without what Python compiles.)",
        "",
        "| package | KiB | needed by | why |",
        "|---|---:|---|---|",
    ]
    order = sorted(base, key=lambda name: (name not in direct(), name))
    for name in order:
        by = "Cletus" if name in direct() else ", ".join(sorted(set(base[name])))
        lines.append(
            f"| {name} | {site.kib(name):,} | {by} | {why.get(name, '') if name in direct() else ''} |"
        )
    lines += ["", "| extra | adds | KiB | why |", "|---|---|---:|---|"]
    for extra in EXTRAS:
        more = sorted(set(site.closure(NAME, [extra])) - set(base))
        reason = "; ".join(dict.fromkeys(why[name] for name in direct(extra) if why[name]))
        size = sum(map(site.kib, more))
        lines.append(f"| `{NAME}[{extra}]` | {', '.join(more)} | {size:,} | {reason} |")
    return "\n".join(lines) + "\n"


def _mib(kib: int) -> str:
    return f"{kib / 1024:.1f}"


def main() -> None:
    """Measure, and write the page."""
    with tempfile.TemporaryDirectory() as folder:
        measured = tables(install(Path(folder)))
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}{measured}{END}{rest.partition(END)[2]}")
    print(PAGE)


if __name__ == "__main__":
    main()
