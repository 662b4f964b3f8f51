"""Settings as options of a command."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import click
import msgspec

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


#: What an option can be given for several times, each time with one of its values.
_MANY: Final = (tuple, list, set, frozenset)

#: What cannot be said in one word; the settings file says it.
_TABLES: Final = (dict, msgspec.Struct)


class SettingOption(click.Option):
    """A setting as an option.

    Args:
        is_own: whether it is a setting of the application, and not of every service.
        **attributes: those of ``click.Option``.
    """

    def __init__(self, *args: Any, is_own: bool = False, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.section = "Settings of the application" if is_own else "Settings"


class ServiceCommand(click.Command):
    """A command whose options are presets and settings; its help has the application's own ones first.

    The options are made when they are first asked for: ``import cletus`` makes a command, and few who
    do that ever look at it.

    Args:
        name: of the command.
        kind: the class of the settings.
        *arguments: what is no option.
        **attributes: those of ``click.Command``.
    """

    def __init__(
        self, name: str, kind: type[Settings], *arguments: click.Argument, **attributes: Any
    ) -> None:
        super().__init__(name, params=[*arguments], **attributes)
        self._kind: type[Settings] | None = kind

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """All arguments and options."""
        kind, self._kind = self._kind, None
        if kind is not None:
            self.params += [*preset_options(kind), *options_of(kind)]
        return super().get_params(ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each kind of options below its heading."""
        sections: dict[str, list[tuple[str, str]]] = {"Options": []}
        sections["Settings of the application"] = []
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and not isinstance(parameter, click.Argument):
                sections.setdefault(getattr(parameter, "section", "Options"), []).append(record)
        for heading, records in sections.items():
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)


def options_of(kind: type[Settings] = Settings) -> Iterator[click.Option]:
    """An option for each setting; one that is not given is left to the other sources.

    Args:
        kind: the class of the settings; an application may have its own.
    """
    common = {name for name, *_ in describe()}
    for name, hint, default, about in describe(kind):
        option = _option(name, _bare(hint), default, about, is_own=name not in common)
        if option is not None:
            yield option


def given(parameters: Mapping[str, Any], kind: type[Settings] = Settings) -> dict[str, Any]:
    """Those settings among the parameters of a command that were given.

    Args:
        parameters: as click has them, by name; what is no setting is left out.
        kind: the class of the settings.
    """
    return {
        name: parameters[name]
        for name, *_ in describe(kind)
        if parameters.get(name) not in (None, ())
    }


def _option(
    name: str, hint: Any, default: Any, about: str, *, is_own: bool
) -> SettingOption | None:
    option = "--" + name.replace("_", "-")
    origin = get_origin(hint) or hint
    shown = "" if default in (msgspec.NODEFAULT, None, "") else f"  [{default}]"
    if hint is bool:
        negative = option.replace("--", "--no-", 1)
        return SettingOption(
            [f"{option}/{negative}", name], default=None, help=f"{about}{shown}", is_own=is_own
        )
    if isinstance(origin, type) and issubclass(origin, _TABLES):
        return None
    if origin in _MANY:
        return SettingOption(
            [option, name], multiple=True, default=None, help=about, metavar="NAME", is_own=is_own
        )
    return SettingOption(
        [option, name], help=f"{about}{shown}", metavar=_metavar(hint), is_own=is_own
    )


def _bare(hint: Any) -> Any:
    """The type without what is said of it, and without ``None``, which no command line can say."""
    if get_origin(hint) is Annotated:
        return _bare(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        some = [one for one in get_args(hint) if one is not NoneType]
        return _bare(some[0]) if len(some) == 1 else hint
    return hint


def _metavar(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return "|".join(map(str, get_args(hint)))
    return "TEXT" if hint is str else getattr(hint, "__name__", "value").upper()
