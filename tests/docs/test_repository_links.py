"""Links between pages lead to the same thing in the repository and in the built pages."""

from __future__ import annotations

import pytest
from repository_links import PAGES, relinked

from tests.docs.conftest import DOCS


@pytest.mark.parametrize(
    ("text", "origin", "page", "turned"),
    [
        ("[x](storage.md)", "docs/reload.md", "docs/reload.md", "[x](storage.md)"),
        ("[x](storage.md#keys)", "docs/reload.md", "docs/reload.md", "[x](storage.md#keys)"),
        ("[x](../benchmarks/README.md)", "docs/a.md", "docs/a.md", "[x](benchmarks.md)"),
        (
            "[x](../../example_service/)",
            "docs/contrib/a.md",
            "docs/contrib/a.md",
            "[x](../example.md)",
        ),
        ("[x](docs/reload.md)", "CONTRIBUTING.md", "docs/contributing.md", "[x](reload.md)"),
        ("[x](https://a.org/b.md)", "docs/a.md", "docs/a.md", "[x](https://a.org/b.md)"),
        ("[x](#below)", "docs/a.md", "docs/a.md", "[x](#below)"),
        ("```\n[x](../README.md)\n```", "docs/a.md", "docs/a.md", "```\n[x](../README.md)\n```"),
    ],
)
def test_a_link_is_turned(text: str, origin: str, page: str, turned: str) -> None:
    assert relinked(text, origin, page) == turned


def test_the_pages_that_show_files_exist() -> None:
    """And so do the files and folders that they show."""
    for shown, page in PAGES.items():
        assert (DOCS.parent / shown).exists(), shown
        assert (DOCS.parent / page).exists(), page
