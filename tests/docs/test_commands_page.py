"""The page of commands says what the commands say of themselves."""

from __future__ import annotations

import click
from commands_page import commands_of, options_of, takes_settings, usage_of

from cletus.cli import main


def command(path: str) -> click.Command:
    return dict(commands_of(main, "cletus"))[path]


def test_every_command_has_its_section() -> None:
    """Those of groups, too."""
    paths = [path for path, _ in commands_of(main, "cletus")]
    assert {"cletus run", "cletus new", "cletus user", "cletus user add"} <= set(paths)
    assert len(paths) == len(set(paths))


def test_usage_is_what_is_typed() -> None:
    assert usage_of("cletus run", command("cletus run")) == "cletus run [OPTIONS] TARGET"


def test_settings_are_on_another_page() -> None:
    """But an option of a command that is called like a setting stays with it."""
    run = command("cletus run")
    assert takes_settings(run)
    assert not [one for one, _ in options_of(run) if one.startswith("--port")]
    assert not takes_settings(command("cletus user add"))


def test_its_own_options_are_told() -> None:
    told = " ".join(one for one, _ in options_of(command("cletus user add")))
    assert "--role" in told
