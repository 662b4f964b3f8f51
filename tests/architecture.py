"""Which module may import which: the ladder of the design, checked by reading every import.

Nothing is imported here; the sources are parsed, so that imports inside functions and below
``if TYPE_CHECKING:`` are seen as well.

- An import that runs points down the ladder, or stays on its rung without making a cycle.
- An import below ``TYPE_CHECKING`` may point up, since it serves annotations alone: ``Client`` names
  the ``Service`` that owns it. It takes no part in cycles.
- Folders that stand side by side on a rung know nothing of each other, in annotations neither.
- No import of our own stands inside a function.
- The reactor is passed in: it is imported inside a function of the command line, which is where
  Twisted's choice of a reactor is made, and nowhere else.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: From the bottom to the top. A name is a module, or a folder with all that is in it.
LADDER: tuple[frozenset[str], ...] = (
    frozenset({"errors", "redaction", "version"}),
    frozenset(
        {
            "events",
            "settings",
            "application",
            "clock",
            "inbox",
            "listeners",
            "meters",
            "outbox",
            "persistent",
        }
        | {"colours", "setting_files", "subject", "threads"}
    ),
    frozenset({"protocol", "storage"}),
    frozenset(
        {"broadcast", "client", "conversation", "dialogue", "generation", "session", "timers"}
        | {
            "dialogues",
            "gmcp",
            "hiding",
            "prompt",
            "questions",
            "rendering",
            "terminal",
            "text",
            "transport",
        }
    ),
    frozenset({"dispatch", "life", "parts", "service"}),
    frozenset({"control", "doors", "logs", "metrics", "readiness", "reload"}),
    frozenset({"check"}),
    frozenset({"contrib"}),
    frozenset({"cli", "templates", "testing", "twisted_service"}),
    # ``cletus/__init__.py`` puts the house together, ``__main__`` starts it.
    frozenset({"", "__main__"}),
)

#: Side by side on a rung, and none of each other's business.
STRANGERS = frozenset({"protocol", "storage", "control", "doors", "logs", "metrics", "reload"})

#: What ``protocol`` and ``storage`` may use of Twisted: nothing that knows a reactor.
WITHOUT_REACTOR = ("twisted.internet.defer", "twisted.logger", "twisted.python.failure")

#: Names that say nothing; what is in such a module belongs somewhere.
DRAWERS = frozenset({"common", "helper", "helpers", "misc", "tools", "util", "utils"})

LINES_MAX = 400

#: Longer all the same, and why.
LONGER = {"errors": "errors have one file (style, 7), and hardly a line of it is code"}


@dataclass(frozen=True, slots=True)
class Import:
    """One import of one module.

    Attributes:
        module: dotted name of the module that imports.
        target: dotted name of what is imported: a module where it is one of ours.
        line: where, from 1.
        names: what is taken out of the target.
        in_function: whether it runs when a function is called.
        for_types: whether it stands below ``if TYPE_CHECKING:``.
    """

    module: str
    target: str
    line: int
    names: tuple[str, ...] = ()
    in_function: bool = False
    for_types: bool = False

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.target}"


#: What is in this folder is copied, and runs elsewhere.
DATA = "templates/data/"


class House:
    """A package's sources, parsed.

    Args:
        folder: the package; its name is the folder's.
    """

    def __init__(self, folder: Path) -> None:
        self.package = folder.name
        self.files = {
            _module_name(file, folder): file
            for file in sorted(folder.rglob("*.py"))
            if not file.relative_to(folder).as_posix().startswith(DATA)
        }
        self._trees = {name: ast.parse(file.read_text()) for name, file in self.files.items()}
        self.imports = [one for name in self.files for one in self._imports_of(name)]

    def violations(self) -> list[str]:
        """Whatever breaks a rule, a sentence each."""
        return [
            *self._off_the_ladder(),
            *self._ups_and_strangers(),
            *self._in_functions(),
            *self._private_names(),
            *self._reactors(),
            *self._cycles(),
            *self._names_and_sizes(),
        ]

    def rung(self, module: str) -> int:
        """How far up a module stands; -1 for one that is on no rung."""
        part = self.part(module)
        return next((n for n, rung in enumerate(LADDER) if part in rung), -1)

    def part(self, module: str) -> str:
        """The first name below the package: ``storage`` for ``cletus.storage.keys``."""
        return module.removeprefix(self.package).lstrip(".").partition(".")[0]

    # -- the rules --------------------------------------------------------------------------

    def _off_the_ladder(self) -> Iterator[str]:
        for part in dict.fromkeys(map(self.part, self.files)):
            if self.rung(f"{self.package}.{part}") < 0:
                yield f"{part} is on no rung: say in tests/architecture.py where it stands"

    def _ups_and_strangers(self) -> Iterator[str]:
        for one in self._own():
            here, there = self.part(one.module), self.part(one.target)
            if self.rung(one.target) > self.rung(one.module) >= 0 and not one.for_types:
                yield f"{one}, which points up"
            elif (
                here != there
                and {here, there} <= STRANGERS
                and self.rung(one.module) == self.rung(one.target)
            ):
                yield f"{one}: {here} and {there} know nothing of each other"

    def _in_functions(self) -> Iterator[str]:
        yield from (f"{one} inside a function" for one in self._own() if one.in_function)

    def _private_names(self) -> Iterator[str]:
        for one in self._own():
            for name in one.names:
                if name.startswith("_") and not name.endswith("__"):
                    yield f"{one}.{name}, which is private"

    def _reactors(self) -> Iterator[str]:
        for one in self.imports:
            is_reactor = one.target == "twisted.internet.reactor" or (
                one.target == "twisted.internet" and "reactor" in one.names
            )
            part = self.part(one.module)
            if is_reactor and not (one.in_function and part == "cli"):
                yield f"{one}: the reactor is passed in"
            elif (
                part in {"protocol", "storage"}
                and one.target.partition(".")[0] == "twisted"
                and not one.target.startswith(WITHOUT_REACTOR)
            ):
                yield f"{one}: {part} knows no reactor"

    def _cycles(self) -> Iterator[str]:
        imported: dict[str, set[str]] = {name: set() for name in self.files}
        for one in self._own():
            if not one.for_types and one.target != one.module:
                imported[one.module].add(one.target)
        for cycle in _cycles_of(imported):
            yield "a cycle: " + " -> ".join(cycle)

    def _names_and_sizes(self) -> Iterator[str]:
        for name, file in self.files.items():
            if name.rpartition(".")[2] in DRAWERS:
                yield f"{name}: a drawer; what is in it belongs somewhere"
            lines = len(file.read_text().splitlines())
            if lines > LINES_MAX and name.removeprefix(f"{self.package}.") not in LONGER:
                yield f"{name}: {lines} lines are more than {LINES_MAX}; split it"
            for node in ast.walk(self._trees[name]):
                if isinstance(node, ast.ClassDef):
                    lines = (node.end_lineno or 0) - node.lineno + 1
                    if lines > LINES_MAX:
                        yield f"{name}.{node.name}: {lines} lines are more than {LINES_MAX}"

    # -- reading ----------------------------------------------------------------------------

    def _own(self) -> Iterator[Import]:
        yield from (one for one in self.imports if one.target in self.files)

    def _imports_of(self, module: str) -> Iterator[Import]:
        for node, in_function, for_types in _walk(self._trees[module]):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(module, alias.name, node.lineno, (), in_function, for_types)
                continue
            source = self._absolute(module, node)
            modules = [a.name for a in node.names if f"{source}.{a.name}" in self.files]
            names = tuple(a.name for a in node.names if a.name not in modules)
            for name in modules:
                target = f"{source}.{name}"
                yield Import(module, target, node.lineno, (), in_function, for_types)
            if names:
                yield Import(module, source, node.lineno, names, in_function, for_types)

    def _absolute(self, module: str, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        is_package = self.files[module].name == "__init__.py"
        above = module.split(".")[: len(module.split(".")) - node.level + is_package]
        return ".".join([*above, *([node.module] if node.module else [])])


def _module_name(file: Path, folder: Path) -> str:
    parts = [folder.name, *file.relative_to(folder).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _walk(
    node: ast.AST, in_function: bool = False, for_types: bool = False
) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool, bool]]:
    """Every import statement, wherever it stands, with what it stands in."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, in_function, for_types
        elif isinstance(child, ast.If) and _asks_for_types(child.test):
            for part in child.body:
                yield from _walk_one(part, in_function, True)
            for part in child.orelse:
                yield from _walk_one(part, in_function, for_types)
        else:
            is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _walk(child, in_function or is_function, for_types)


def _walk_one(
    node: ast.stmt, in_function: bool, for_types: bool
) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool, bool]]:
    yield from _walk(ast.Module([node], []), in_function, for_types)


def _asks_for_types(test: ast.expr) -> bool:
    return ast.unparse(test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def _cycles_of(imported: dict[str, set[str]]) -> list[list[str]]:
    """One way around through each knot of modules that import each other."""
    done: set[str] = set()
    path: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        if module in path:
            found.append([*path[path.index(module) :], module])
        elif module not in done:
            path.append(module)
            for target in sorted(imported.get(module, ())):
                visit(target)
            done.add(path.pop())

    for module in imported:
        visit(module)
    return found
