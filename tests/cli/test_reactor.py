"""Which reactor is installed. One that is not yet there is installed in tests/e2e/test_asyncio.py."""

from __future__ import annotations

import sys

import pytest
from twisted.internet import reactor

from cletus.cli.reactor import install_reactor
from cletus.errors import ReactorError

INSTALLED = type(reactor).__module__.rpartition(".")[2].removesuffix("reactor")
OTHER = "poll" if INSTALLED != "poll" else "select"


@pytest.mark.parametrize("name", ["default", INSTALLED])
def test_one_that_is_installed_is_taken(name: str) -> None:
    assert install_reactor(name) is reactor


def test_a_second_one_is_refused_with_what_to_do() -> None:
    with pytest.raises(ReactorError, match=f"{type(reactor).__name__} is installed already") as no:
        install_reactor(OTHER)
    assert no.value.reactor == OTHER
    assert f"twist --reactor {OTHER} cletus" in str(no.value)


def test_one_that_the_system_lacks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "twisted.internet.reactor")
    with pytest.raises(ReactorError, match="this system does not have it"):
        install_reactor("kqueue" if sys.platform == "linux" else "epoll")
