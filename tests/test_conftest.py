"""What ``tests/conftest.py`` does around each test."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

TESTS = """
import asyncio, gc, socket

def test_fails():
    async def fails():
        reader, writer = await asyncio.open_connection("127.0.0.1", listening.getsockname()[1])
        1 / 0

    with socket.create_server(("127.0.0.1", 0)) as listening:
        asyncio.run(fails())

def test_passes():
    gc.collect()
"""


def test_a_failed_test_that_leaves_a_connection_open_fails_no_other(
    pytester: pytest.Pytester,
) -> None:
    pytester.makeconftest(Path(__file__).with_name("conftest.py").read_text())
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_subprocess("-W", "error", "-p", "no:cacheprovider")
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["*ZeroDivisionError*"])
