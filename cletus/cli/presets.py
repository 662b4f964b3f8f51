"""``--dev`` and ``--production``: other defaults, for what nothing else says anything about.

A preset stands below all other sources of settings: a file, a variable of the environment, the code
and an option each win over it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any, Final

import click

from cletus.settings.settings import Settings, describe

PRESETS: Final[Mapping[str, Mapping[str, Any]]] = {
    "dev": {"reload": True, "log_format": "colour", "tls_self_signed": True},
    "production": {"reload": False, "log_format": "json"},
}

_ABOUT: Final = {
    "dev": "for work on the code: reload on save, log in colour, TLS with a made-up certificate",
    "production": "for everyday use: reload only on SIGHUP, log as JSON",
}

#: What the extra ``tls`` installs that a TLS door cannot do without.
_TLS: Final = ("OpenSSL", "cryptography")


def preset_options(kind: type[Settings] = Settings) -> Iterator[click.Option]:
    """An option for each preset, unless the application has a setting of that name."""
    taken = {name for name, *_ in describe(kind)}
    for preset, about in _ABOUT.items():
        if preset not in taken:
            yield click.Option([f"--{preset}", _parameter(preset)], is_flag=True, help=about)


def preset_of(parameters: Mapping[str, Any]) -> str:
    """The preset that was chosen, or nothing.

    Args:
        parameters: those of the command, as click has them.

    Raises:
        click.UsageError: both were.
    """
    chosen = [preset for preset in PRESETS if parameters.get(_parameter(preset))]
    if len(chosen) > 1:
        raise click.UsageError("--dev and --production cannot be had both")
    return chosen[0] if chosen else ""


def implied(preset: str) -> dict[str, Any]:
    """The settings that a preset stands for: TLS only where it is installed, colour only where it shows."""
    settings = dict(PRESETS.get(preset, {}))
    if not can_tls():
        settings.pop("tls_self_signed", None)
    if settings.get("log_format") == "colour" and not _shows_colour():
        del settings["log_format"]
    return settings


def can_tls() -> bool:
    """Whether the extra ``tls`` is installed."""
    return all(find_spec(name) is not None for name in _TLS)


def _shows_colour() -> bool:
    """Whether the log goes to a terminal, and nobody has asked for no colour (https://no-color.org)."""
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR")


def _parameter(preset: str) -> str:
    return f"preset_{preset}"
