"""Settings as options of a command."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator, Mapping
from importlib.util import find_spec
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import click
import msgspec

from cletus.renamed import SETTINGS
from cletus.settings.settings import Settings, describe, shown_of

PRESETS: Final[Mapping[str, Mapping[str, Any]]] = {
    "dev": {"reload": True, "log_format": "colour", "tls_self_signed": True, "ssh_port": 9022},
    "production": {"reload": False, "reload_trial": True, "log_format": "json"},
}

_PRESET_HELP: Final = {
    "dev": "for development: reload on save, log in colour, SSH, TLS with a self-signed certificate",
    "production": "for production: reload on SIGHUP only, after a trial; log as JSON",
}

#: The modules of the extra ``tls`` that a TLS door needs.
_TLS: Final = ("OpenSSL", "cryptography")

#: The modules of the extra ``ssh`` that an SSH door needs.
_SSH: Final = ("cryptography", "bcrypt")

#: Types of settings whose option may be given several times, each time with one of the values.
_COLLECTIONS: Final = (tuple, list, set, frozenset)

#: Types of settings without an option, since they do not fit one argument.
_TABLES: Final = (dict, msgspec.Struct)


def preset_options(settings: type[Settings] = Settings) -> Iterator[click.Option]:
    """An option for each preset, unless the application has a setting of that name."""
    taken = {name for name, *_ in describe(settings)}
    for preset, text in _PRESET_HELP.items():
        if preset not in taken:
            yield click.Option([f"--{preset}", _parameter(preset)], is_flag=True, help=text)


def preset_of(parameters: Mapping[str, Any]) -> str:
    """The preset that was chosen, or "".

    Args:
        parameters: those of the command, as click has them.

    Raises:
        click.UsageError: both presets were chosen.
    """
    chosen = [preset for preset in PRESETS if parameters.get(_parameter(preset))]
    if len(chosen) > 1:
        raise click.UsageError("--dev and --production exclude each other")
    return chosen[0] if chosen else ""


def implied(preset: str) -> dict[str, Any]:
    """The settings of a preset: TLS and SSH only if they are installed, colour only on a terminal."""
    settings = dict(PRESETS.get(preset, {}))
    if not can_tls():
        settings.pop("tls_self_signed", None)
    if not can_ssh():
        settings.pop("ssh_port", None)
    if settings.get("log_format") == "colour" and not _shows_colour():
        del settings["log_format"]
    return settings


def can_tls() -> bool:
    """Whether the extra ``tls`` is installed."""
    return all(find_spec(name) is not None for name in _TLS)


def can_ssh() -> bool:
    """Whether the extra ``ssh`` is installed."""
    return all(find_spec(name) is not None for name in _SSH)


def _shows_colour() -> bool:
    """Whether the log goes to a terminal, and colour is not turned off (https://no-color.org)."""
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR")


def _parameter(preset: str) -> str:
    return f"preset_{preset}"


class SettingOption(click.Option):
    """An option for a setting.

    Args:
        is_own: whether it is a setting of the application, and not of every service.
    """

    def __init__(self, *args: Any, is_own: bool = False, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.section = "Settings of the application" if is_own else "Settings"


class ServiceCommand(click.Command):
    """A command whose options are presets and settings; help lists those of the application first.

    The options are created when they are first needed: ``import cletus`` creates a command, and few
    programs that do so use it.

    Args:
        name: of the command.
        settings: the class of the settings.
        *arguments: its positional arguments.
        defaults: whose values are shown as defaults, instead of those of the class.
    """

    def __init__(
        self,
        name: str,
        settings: type[Settings],
        *arguments: click.Argument,
        defaults: Settings | None = None,
        **attributes: Any,
    ) -> None:
        super().__init__(name, params=[*arguments], **attributes)
        self._settings: type[Settings] | None = settings
        self._defaults = defaults

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """All arguments and options."""
        settings, self._settings = self._settings, None
        if settings is not None:
            self.params += [*preset_options(settings), *options_of(settings, self._defaults)]
        return super().get_params(ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each section of the options below its heading."""
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


def options_of(
    settings: type[Settings] = Settings, defaults: Settings | None = None
) -> Iterator[click.Option]:
    """An option for each setting, and a hidden one for each old name of a setting.

    Args:
        settings: the class of the settings; an application may have its own.
        defaults: whose values are shown as defaults, instead of those of the class.
    """
    values = {} if defaults is None else shown_of(defaults)
    common = {name for name, *_ in describe()}
    known = {}
    for name, hint, default, text in describe(settings):
        known[name] = hint
        shown = values.get(name, default)
        option = _option(name, _bare(hint), shown, text, is_own=name not in common)
        if option is not None:
            yield option
    for old in _old_names(known):
        option = _option(old, _bare(known[SETTINGS[old]]), None, "", is_own=False)
        if option is not None:
            option.hidden = True
            yield option


def given(parameters: Mapping[str, Any], settings: type[Settings] = Settings) -> dict[str, Any]:
    """The settings that were given on the command line.

    Args:
        parameters: those of the command, as click has them; those that are not settings are left out.
        settings: the class of the settings.
    """
    known = [name for name, *_ in describe(settings)]
    return {
        name: parameters[name]
        for name in [*known, *_old_names(known)]
        if parameters.get(name) not in (None, ())
    }


def _old_names(known: Collection[str]) -> list[str]:
    return [old for old in SETTINGS if old not in known]


def _option(name: str, hint: Any, default: Any, text: str, *, is_own: bool) -> SettingOption | None:
    option = "--" + name.replace("_", "-")
    origin = get_origin(hint) or hint
    shown = "" if default in (msgspec.NODEFAULT, None, "") else f"  [{default}]"
    if hint is bool:
        negative = option.replace("--", "--no-", 1)
        return SettingOption(
            [f"{option}/{negative}", name], default=None, help=f"{text}{shown}", is_own=is_own
        )
    if isinstance(origin, type) and issubclass(origin, _TABLES):
        return None
    if origin in _COLLECTIONS:
        return SettingOption(
            [option, name], multiple=True, default=None, help=text, metavar="NAME", is_own=is_own
        )
    return SettingOption(
        [option, name], help=f"{text}{shown}", metavar=_metavar(hint), is_own=is_own
    )


def _bare(hint: Any) -> Any:
    """The type without annotations, and without ``None``, for which a command line has no word."""
    if get_origin(hint) is Annotated:
        return _bare(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        members = [member for member in get_args(hint) if member is not NoneType]
        return _bare(members[0]) if len(members) == 1 else hint
    return hint


def _metavar(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return "|".join(map(str, get_args(hint)))
    return "TEXT" if hint is str else getattr(hint, "__name__", "value").upper()
