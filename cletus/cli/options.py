"""Settings as options of a command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

import click

from cletus.settings import Settings, describe


def options_of(kind: type[Settings] = Settings) -> Iterator[click.Option]:
    """An option for each setting; one that is not given is left to the other sources."""
    for name, hint, default, about in describe(kind):
        option = "--" + name.replace("_", "-")
        base = get_args(hint)[0] if get_args(hint) and get_origin(hint) is None else hint
        base = getattr(hint, "__origin__", base)
        if base is bool:
            negative = option.replace("--", "--no-", 1)
            yield click.Option([f"{option}/{negative}"], default=None, help=f"{about}  [{default}]")
        elif get_origin(base) is tuple:
            yield click.Option([option], multiple=True, default=None, help=about, metavar="NAME")
        else:
            metavar = getattr(base, "__name__", "text").upper()
            yield click.Option([option], help=f"{about}  [{default}]", metavar=metavar)


def given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the options that were given."""
    return {name: value for name, value in options.items() if value not in (None, ())}
