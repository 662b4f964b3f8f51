"""``cletus run TARGET``, and what ``service.run()`` does with ``sys.argv``.

Options are settings, and an application may have settings of its own. So the target is found first,
by the options that every service has; as soon as the application has made its service, the whole
command line is read once more, with the application's settings as options, and they are in force.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

from cletus.cli.main import HELP, refuse
from cletus.cli.options import ServiceCommand, can_tls, given, implied, preset_of
from cletus.cli.program import Program
from cletus.errors import CletusError
from cletus.reload.load import apply_settings, load
from cletus.service.service import Service
from cletus.settings.settings import Settings

_ARGUMENTS: Final = "cletus.arguments"

_ABOUT: Final = """Run the service of TARGET: a package, a module, the path of a Python file, or a
folder that `cletus new` made.

The settings of an application are options, too, and stand after TARGET; `cletus run TARGET --help`
lists them."""


# -- cletus run TARGET ------------------------------------------------------------------------------


class _Run(ServiceCommand):
    """It keeps the command line as it was, to be read again by the settings of the application."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read what stands before the target; what comes after it may be the application's."""
        ctx.meta[_ARGUMENTS] = tuple(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if error.possibilities:
                raise
            message = f"{error.message} Those of the application stand after TARGET."
            raise click.NoSuchOption(error.option_name, message, ctx=error.ctx) from None


class _Answered(BaseException):
    """The command line asks for help, or is wrong; ``answer`` is what click makes of that.

    No ``Exception``, since it ends an import: an application could catch that, and ``load()`` would
    take it for a mistake of the application.
    """

    def __init__(self, answer: Exception) -> None:
        self.answer = answer
        super().__init__()


def _target() -> click.Argument:
    return click.Argument(["the_target"], metavar="TARGET")  # `target` may be somebody's setting


def _loaded(ctx: click.Context, target: str) -> Service:
    """The service of the target, told what the command line says; ends the process if there is none."""
    # What Twisted and Cletus are made of is never garbage: a collection need not look at it again.
    gc.collect()
    gc.freeze()
    presets: list[str] = []

    def configure(service: Service) -> None:
        try:
            presets.append(_tell(ctx, service))
        except (click.ClickException, click.exceptions.Exit) as answer:
            raise _Answered(answer) from answer

    try:
        with _answers():
            service = load(target, Path.cwd(), configure)
    except CletusError as error:
        if {"-h", "--help"} & set(ctx.meta[_ARGUMENTS]):
            click.echo(ctx.get_help())
        refuse(error)
    _note(service, presets[-1])
    return service


def _tell(ctx: click.Context, service: Service) -> str:
    """Read the command line by the service's own settings, and have them in force.

    Returns:
        The preset.

    Raises:
        click.exceptions.Exit: it asked for help, which is printed.
        click.UsageError: it is wrong.
        SettingError: a value is of the wrong type.
    """
    kind = type(service.settings)
    command = ServiceCommand("run", kind, _target(), help=_ABOUT, context_settings=HELP)
    arguments = list(ctx.meta[_ARGUMENTS])
    read = command.make_context(ctx.info_name, arguments, parent=ctx.parent)
    return _settle(service, read.params)


@contextmanager
def _answers() -> Iterator[None]:
    """Give click what it has raised while the application was imported."""
    try:
        yield
    except _Answered as answered:
        raise answered.answer from None


def command_for(serve: Callable[[Service], Any]) -> click.Command:
    """The command ``run``: its argument, its options, and what becomes of the service then.

    Args:
        serve: called with the service, which was told its settings and not started yet; what it
            returns is what the command returns.
    """

    def run_target(the_target: str, **_: Any) -> Any:
        return serve(_loaded(click.get_current_context(), the_target))

    return _Run(
        "run",
        Settings,
        _target(),
        callback=run_target,
        help=_ABOUT,
        context_settings={
            **HELP,
            "allow_interspersed_args": False,
            "allow_extra_args": True,
        },
    )


def serve(service: Service) -> int:
    """Run the service as this process's program; gives the exit code."""
    from twisted.internet import reactor  # noqa: PLC0415 - importing it installs it, so not before

    return Program(service, reactor).run()


run = command_for(lambda service: sys.exit(serve(service)))


# -- python app.py ----------------------------------------------------------------------------------


def run_service(service: Service, settings: Mapping[str, Any]) -> None:
    """What ``service.run(**settings)`` does: options of the command line override the settings."""

    def run_it(**parameters: Any) -> None:
        try:
            service.set("service.run()", settings)
            preset = _settle(service, parameters)
        except CletusError as error:
            refuse(error)
        _note(service, preset)
        sys.exit(serve(service))

    name = Path(sys.argv[0]).name
    command = ServiceCommand(
        name,
        type(service.settings),
        callback=run_it,
        help="Run this service.",
        context_settings=HELP,
    )
    command.main()


# -- both -------------------------------------------------------------------------------------------


def _settle(service: Service, parameters: Mapping[str, Any]) -> str:
    """What the preset, the file beside the application, the environment and the command line say.

    Returns:
        The preset.
    """
    preset = preset_of(parameters)
    options = given(parameters, type(service.settings))
    apply_settings(service, options=options, preset=implied(preset))
    return preset


def _note(service: Service, preset: str) -> None:
    """Say what the preset stands for and cannot be had here."""
    settings = service.settings
    has_tls = settings.tls_self_signed or settings.tls_certificate
    if preset == "dev" and not has_tls and not can_tls():
        click.echo("cletus: --dev without TLS: pip install 'cletus-live[tls]'", err=True)
