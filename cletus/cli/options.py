"""Settings as options of a command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import click
import msgspec

from cletus.cli.presets import preset_options
from cletus.settings.settings import Settings, describe

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
