"""``cletus run TARGET``, and what ``service.run()`` does with ``sys.argv``.

Options are settings, and an application may have settings of its own. So the command line is read twice:
first with the options that every service has, to find the target; and again as soon as the application
has created its service, with the application's settings as options.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, Final, NoReturn

import click

from cletus.cli.main import HELP, TargetType, refuse
from cletus.cli.options import ServiceCommand, can_tls, given, implied, preset_of
from cletus.cli.program import Program
from cletus.cli.reactor import install_reactor
from cletus.cli.read_only_loader import ReadOnlyLoader
from cletus.errors import CletusError
from cletus.reactor.clock import use_monotonic_clock
from cletus.reload.load import apply_settings, load, locate
from cletus.reload.watch.file_tree import FileTree
from cletus.reload.watch.survey import Stamp, survey, wait_for_change
from cletus.service.service import Service
from cletus.service.succession import hub_descriptor, succeeds_another_process
from cletus.settings.files import file_in
from cletus.settings.settings import Settings

_ARGUMENTS: Final = "cletus.arguments"

#: Imported only for a service with workers.
_WORKERS: Final = "cletus.cli.workers"

_HELP: Final = """Run the service of TARGET: a package, a module, the path of a Python file, or a
folder that `cletus new` has created.

Settings of the application are options, too, and come after TARGET; `cletus run TARGET --help` lists
them."""


# -- cletus run TARGET ------------------------------------------------------------------------------


class _Run(ServiceCommand):
    """It keeps the command line, to be read again with the settings of the application."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the options before the target; those after it may be the application's."""
        ctx.meta[_ARGUMENTS] = tuple(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if error.possibilities:
                raise
            message = f"{error.message} Options of the application come after TARGET."
            raise click.NoSuchOption(error.option_name, message, ctx=error.ctx) from None


class _Answered(BaseException):
    """The command line is wrong; ``answer`` is the exception of click.

    It is not an ``Exception``, since it ends an import: an application could catch that, and ``load()``
    would take it for a mistake of the application.
    """

    def __init__(self, answer: Exception) -> None:
        self.answer = answer
        super().__init__()


def _target() -> click.Argument:
    return click.Argument(
        ["the_target"], metavar="TARGET", type=TargetType()
    )  # an application may have a setting `target`


def _loaded(ctx: click.Context, target: str) -> Service:
    """Load the service of the target with the settings of the command line; exits if that fails."""
    # The modules of Twisted and Cletus are never garbage: collections can skip them.
    gc.collect()
    gc.freeze()
    if {"-h", "--help"} & set(ctx.meta[_ARGUMENTS]):
        _show_help(ctx, target)
    presets: list[str] = []
    tree = _files_of(target) if "--dev" in ctx.meta[_ARGUMENTS] else None
    before = {} if tree is None else survey(tree).stamps

    def configure(service: Service) -> None:
        try:
            presets.append(_apply_command_line(ctx, service))
        except click.ClickException as answer:
            raise _Answered(answer) from answer

    try:
        with _answers():
            service = load(target, Path.cwd(), configure)
    except CletusError as error:
        if tree is None or succeeds_another_process():
            refuse(error)
        _restart_when_mended(error, tree, before)
    _note_missing_tls(service, presets[-1])
    return service


def _files_of(target: str) -> FileTree | None:
    """The files of the application; ``None`` if there is none of this name."""
    try:
        application = locate(target, Path.cwd())
    except CletusError:
        return None
    return FileTree(application, single=(file_in(application.roots[0].path.parent),))


def _restart_when_mended(error: CletusError, tree: FileTree, stamps: dict[str, Stamp]) -> NoReturn:
    """With ``--dev``, wait until a file is saved, and begin again from the very beginning.

    A new program, and not a second import: the first one may have left anything behind.
    """
    click.echo(f"cletus: {error}", err=True)
    click.echo("Waiting for a file to be saved. Stop with Ctrl-C.", err=True)
    try:
        wait_for_change(tree, stamps)
    except KeyboardInterrupt:
        sys.exit(130)
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - our own command line


def _show_help(ctx: click.Context, target: str) -> NoReturn:
    """Print the help with the settings of the application, and the defaults that it has set so far.

    If its import fails, those are the ones at the creation of its service.
    """
    loader = ReadOnlyLoader()
    try:
        loader.load(target, {})
    except CletusError as error:
        if loader.service is None:
            click.echo(ctx.get_help())
            refuse(error)
    assert loader.service is not None  # noqa: S101 - load() returns only with a service
    command = _command_for(loader.service)
    click.echo(command.get_help(click.Context(command, parent=ctx.parent, info_name="run")))
    loader.service.session.close()
    ctx.exit()


def _apply_command_line(ctx: click.Context, service: Service) -> str:
    """Read the command line with the settings of the application, and apply it.

    Returns:
        the preset.

    Raises:
        click.UsageError: it is wrong.
        SettingError: a value is of the wrong type.
        ReactorError: the reactor cannot be installed.
        StoreUnusable: a process that stands by cannot use the store.
    """
    command = _command_for(service)
    arguments = list(ctx.meta[_ARGUMENTS])
    read = command.make_context(ctx.info_name, arguments, parent=ctx.parent)
    preset = _settle(service, read.params)
    if service.settings.reactor != "default":
        install_reactor(service.settings.reactor)  # what is imported next may import the reactor
    if service.settings.cluster:
        service.stand_by()
    return preset


def _command_for(service: Service) -> ServiceCommand:
    """The command ``run`` with the settings of this service as options."""
    settings = service.settings
    return ServiceCommand(
        "run", type(settings), _target(), defaults=settings, help=_HELP, context_settings=HELP
    )


@contextmanager
def _answers() -> Iterator[None]:
    """Raise what click has raised while the application was imported."""
    try:
        yield
    except _Answered as answered:
        raise answered.answer from None


def command_for(serve: Callable[[Service], Any]) -> click.Command:
    """The command ``run``.

    Args:
        serve: called with the service, which has its settings and was not started; the command returns
            its result.
    """

    def run_target(the_target: str, **_: Any) -> Any:
        return serve(_loaded(click.get_current_context(), the_target))

    return _Run(
        "run",
        Settings,
        _target(),
        callback=run_target,
        help=_HELP,
        context_settings={
            **HELP,
            "allow_interspersed_args": False,
            "allow_extra_args": True,
        },
    )


def serve(service: Service) -> int:
    """Run the service as the program of this process; returns the exit code."""
    if service.settings.workers and hub_descriptor() < 0:
        resolve_name(f"{_WORKERS}:become_parent")(service)
    try:
        reactor = install_reactor(service.settings.reactor)
    except CletusError as error:
        refuse(error)
    use_monotonic_clock(reactor)
    return Program(service, reactor).run()


run = command_for(lambda service: sys.exit(serve(service)))


# -- python app.py ----------------------------------------------------------------------------------


def run_service(service: Service, settings: Mapping[str, Any]) -> None:
    """What ``service.run(**settings)`` does: options of the command line override the settings."""
    try:
        service.set("service.run()", settings)
    except CletusError as error:
        refuse(error)

    def run_it(**parameters: Any) -> None:
        try:
            preset = _settle(service, parameters)
        except CletusError as error:
            refuse(error)
        _note_missing_tls(service, preset)
        sys.exit(serve(service))

    name = Path(sys.argv[0]).name
    command = ServiceCommand(
        name,
        type(service.settings),
        defaults=service.settings,
        callback=run_it,
        help="Run this service.",
        context_settings=HELP,
    )
    command.main()


# -- both -------------------------------------------------------------------------------------------


def _settle(service: Service, parameters: Mapping[str, Any]) -> str:
    """Apply the preset, the settings file, the environment and the command line.

    Returns:
        the preset.
    """
    preset = preset_of(parameters)
    options = given(parameters, type(service.settings))
    apply_settings(service, options=options, preset=implied(preset))
    return preset


def _note_missing_tls(service: Service, preset: str) -> None:
    """Tell if the preset includes TLS, but it is not installed."""
    settings = service.settings
    has_tls = settings.tls_self_signed or settings.tls_certificate
    if preset == "dev" and not has_tls and not can_tls():
        click.echo("cletus: --dev without TLS: pip install 'cletus-live[tls]'", err=True)
