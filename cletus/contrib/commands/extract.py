"""Extracts texts and the docstrings of commands for translators, by Babel. See ``docs/translation.md``."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from typing import Any, BinaryIO


def extract(
    file: BinaryIO, keywords: Any, comment_tags: Collection[str], options: Any
) -> Iterator[tuple[int, Any, Any, Any]]:
    """What Babel finds in a module, and the docstrings of its commands: an extraction method.

    A command is a function whose first parameter is called ``event``.

    Args:
        file: the module.
        keywords: as Babel's documentation describes it.
        comment_tags: as above.
        options: as above.

    Returns:
        For each message its line, the function that it is an argument of, the message, and comments.
    """
    from babel.messages.extract import extract_python  # noqa: PLC0415 - only Babel calls this

    yield from extract_python(file, keywords, comment_tags, options)
    file.seek(0)
    for node in ast.walk(ast.parse(file.read())):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and _is_command(node):
            docstring = ast.get_docstring(node)
            if docstring:
                yield node.lineno, None, docstring, []


def _is_command(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    parameters = [*function.args.posonlyargs, *function.args.args]
    return bool(parameters) and parameters[0].arg == "event" and not function.name.startswith("_")
