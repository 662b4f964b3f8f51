"""The page about testing is true: its application is tested by its tests, as pytest would run them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.test_docs import DOCS, blocks

pytest_plugins = ["pytester"]


def test_the_tests_of_the_page_pass(pytester: pytest.Pytester) -> None:
    """With pytest-twisted, so in a process of its own."""
    files = [block for block in blocks(DOCS / "testing.md") if block.file]
    for block in files:
        (pytester.path / block.file).write_text(block.code)
    tests = sum(block.code.count("def test_") for block in files)
    assert tests > 10
    result = pytester.runpytest_subprocess(
        "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-W", "error"
    )
    result.assert_outcomes(passed=tests + 1)  # one has two cases


def test_the_picture_of_a_failure_is_what_pytest_shows(pytester: pytest.Pytester) -> None:
    page = (DOCS / "testing.md").read_text()
    files = {block.file: block.code for block in blocks(DOCS / "testing.md") if block.file}
    for name in ("talk.py", "pyproject.toml"):
        Path(pytester.path / name).write_text(files[name])
    start = page.index("    def test_who_looks_sees_the_hall(client):\n        client")
    picture = page[start : page.index("```", start)].splitlines()
    pytester.makepyfile(test_it="\n".join(line.replace(">", " ", 1)[4:] for line in picture[:3]))
    result = pytester.runpytest_inprocess("-p", "no:twisted", "-p", "no:hypothesispytest")
    words = [line.strip("- ") for line in picture if line]
    # A name in brackets would be a pattern's, and the width of a rule is the terminal's.
    shown = "\n".join(line.strip("- ") for line in result.stdout.lines)
    for line in words:
        assert line in shown, line
