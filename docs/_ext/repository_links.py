"""Pages that are read in the repository as well as here link to files that are no pages here.

A link that leads out of ``docs/`` (``../benchmarks/README.md``, from wherever a page is included) is
turned into one to the page that shows that file. A link to what no page shows is reported by MyST, and
fails the build.
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath

from sphinx.application import Sphinx

#: Files and folders of the repository, and the pages that show them, by their paths from its root.
PAGES = {
    "README.md": "docs/index.md",
    "CHANGELOG.md": "docs/changelog.md",
    "CONTRIBUTING.md": "docs/contributing.md",
    "benchmarks": "docs/benchmarks.md",
    "benchmarks/README.md": "docs/benchmarks.md",
    "docs": "docs/index.md",
    "docs/contrib": "docs/contrib/README.md",
    "example_service": "docs/example.md",
}
CONTENTS = {
    "contrib/README": "\n```{toctree}\n:hidden:\n:glob:\n\n*\n```\n",
}
"""What is added to a page: for those who read it in the repository it would be noise."""

_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)\s#]+)(#[^)\s]*)?(?=\))")
_FENCED = re.compile(r"^(```.*?^```)", re.MULTILINE | re.DOTALL)


def relinked(text: str, origin: str, page: str) -> str:
    """The text with its links turned.

    Args:
        text: of a page in Markdown.
        origin: the path of the file that it stands in, from the root of the repository.
        page: that of the page that it is shown on.
    """

    def turn(match: re.Match[str]) -> str:
        path, anchor = match[1], match[2] or ""
        target = os.path.normpath(PurePosixPath(origin).parent / path)
        target = PAGES.get(target, target)
        return os.path.relpath(target, PurePosixPath(page).parent) + anchor

    parts = _FENCED.split(text)
    return "".join(part if part.startswith("```") else _LINK.sub(turn, part) for part in parts)


def _page(app: Sphinx, docname: str, source: list[str]) -> None:
    page = f"docs/{docname}.md"
    source[0] = relinked(source[0], page, page) + CONTENTS.get(docname, "")


def _included(app: Sphinx, path: Path, parent: str, source: list[str]) -> None:
    root = Path(app.srcdir).parent
    origin = os.path.relpath(Path(app.srcdir, path), root)
    source[0] = relinked(source[0], origin, f"docs/{parent}.md")


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("source-read", _page)
    app.connect("include-read", _included)
    return {"parallel_read_safe": True}
