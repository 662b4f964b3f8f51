"""The command line: ``cletus run TARGET``, and what ``service.run()`` does with ``sys.argv``."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NoReturn, get_args, get_origin

import click

from cletus.errors import CletusError
from cletus.program import USAGE, Program
from cletus.reload.loading import load
from cletus.service import Service
from cletus.settings import Settings, describe
from cletus.templates import make_talker
from cletus.version import __version__


class Commands(click.Group):
    """Our own commands, and those of the entry point group ``cletus.commands``.

    Those are imported when they are called for, so that ``import cletus`` imports none of contrib.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, sorted."""
        added = {entry.name for entry in entry_points(group="cletus.commands")}
        return sorted({*super().list_commands(ctx), *added})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name; our own come first."""
        command = super().get_command(ctx, cmd_name)
        for entry in entry_points(group="cletus.commands", name=cmd_name):
            command = command or entry.load()
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cletus")
def main() -> None:
    """Run services that people talk in, and edit them while they do."""


def _options(kind: type[Settings] = Settings) -> Iterator[click.Option]:
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


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value not in (None, ())}


def _command(
    name: str, run: Callable[..., None], *arguments: click.Parameter, about: str
) -> click.Command:
    return click.Command(
        name,
        callback=run,
        params=[*arguments, *_options()],
        help=about,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def _run_target(target: str, **options: Any) -> None:
    # What Twisted and Cletus are made of is never garbage: a collection need not look at it again.
    gc.collect()
    gc.freeze()
    try:
        with _importing(options):
            service = load(target, Path.cwd())
        _configure(service, options)
    except CletusError as error:
        _refuse(error)
    sys.exit(serve(service))


@contextmanager
def _importing(options: Mapping[str, Any]) -> Iterator[None]:
    """While the application is imported: its service knows the options, and does not run itself."""
    Service.born = partial(_configure, options=options)
    try:
        yield
    finally:
        Service.born = None


main.add_command(
    _command(
        "run",
        _run_target,
        click.Argument(["target"]),
        about="Run the service of TARGET: a package, a module, or the path of a Python file.",
    )
)


@main.command()
@click.argument("name")
@click.option(
    "--template", type=click.Choice(["talker"]), default="talker", help="what to start from"
)
def new(name: str, template: str) -> None:
    """Write a package NAME to start from: a talker with all that contrib has."""
    try:
        folder = make_talker(name, Path.cwd())
    except CletusError as error:
        _refuse(error)
    click.echo(f"A {template} is in {folder}. Run it: cletus run {name}")


def run_service(service: Service, settings: Mapping[str, Any]) -> None:
    """What ``service.run(**settings)`` does: options of the command line override the settings.

    In a file that ``cletus run`` is importing, only the settings are taken.
    """
    if Service.born is not None:
        service.set("service.run()", settings)
        return

    def run(**options: Any) -> None:
        try:
            service.set("service.run()", settings)
            _configure(service, options)
        except CletusError as error:
            _refuse(error)
        sys.exit(serve(service))

    _command(Path(sys.argv[0]).name, run, about="Run this service.").main()


def _configure(service: Service, options: Mapping[str, Any]) -> None:
    """What the file beside the application, the environment and the command line say."""
    roots = service.session.application.roots
    service.read_settings(roots[0].path.parent if roots else Path.cwd(), os.environ)
    service.set("command line", _given(options))


def serve(service: Service) -> int:
    """Run the service as this process's program; gives the exit code."""
    from twisted.internet import reactor  # noqa: PLC0415 - importing it installs it, so not before

    return Program(service, reactor).run()


def _refuse(error: CletusError) -> NoReturn:
    click.echo(f"cletus: {error}", err=True)
    sys.exit(USAGE)
