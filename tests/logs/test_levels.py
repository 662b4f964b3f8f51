"""The lowest level that is logged, of each namespace."""

from __future__ import annotations

import logging

import pytest
from twisted.logger import LogLevel

from cletus.logs.levels import Levels, level_of, number_of


@pytest.mark.parametrize(
    ("rules", "namespace", "least"),
    [
        ((), "app", "info"),
        ((), "", "info"),
        ((), "twisted.web", "warn"),
        ((), "twistedly", "info"),
        (("debug",), "app", "debug"),
        (("debug",), "twisted.web", "warn"),
        (("twisted=debug",), "twisted.web", "debug"),
        (("cletus.reload=debug",), "cletus.reload.reloader.ServiceReloader", "debug"),
        (("cletus.reload=debug",), "cletus.reloading", "info"),
        (("cletus=error", "cletus.reload=debug"), "cletus.reload.code.diff", "debug"),
        (("cletus.reload=debug", "cletus=error"), "cletus.reload.code.diff", "debug"),
        (("app=warn", "app=debug", "error"), "app", "debug"),
    ],
)
def test_the_rule_of_the_nearest_namespace_holds(rules, namespace, least):
    assert Levels(rules).level_of(namespace) == least


@pytest.mark.parametrize(
    ("level", "admitted"),
    [
        (LogLevel.debug, False),
        (LogLevel.info, False),
        (LogLevel.warn, True),
        (LogLevel.error, True),
    ],
)
def test_an_event_is_admitted_from_its_namespaces_level_on(level, admitted):
    event = {"log_level": level, "log_namespace": "app.x"}
    levels = Levels(["app=warn"])
    assert levels.admit(event) is admitted
    assert levels.admit(event) is admitted, "and again, when it was looked up before"


def test_an_event_without_a_level_is_admitted():
    assert Levels(["critical"]).admit({})


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (0, "debug"),
        (10, "debug"),
        (19, "debug"),
        (20, "info"),
        (30, "warn"),
        (45, "error"),
        (99, "critical"),
    ],
)
def test_numbers_of_python_are_levels(number, name):
    assert level_of(number).name == name


def test_levels_have_pythons_numbers():
    assert number_of("warn") == logging.WARNING
