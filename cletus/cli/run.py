"""``cletus run TARGET``, and what ``service.run()`` does with ``sys.argv``."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import click

from cletus.cli.options import given, options_of
from cletus.cli.program import Program
from cletus.cli.refusing import HELP, refuse
from cletus.errors import CletusError
from cletus.reload.loading import load
from cletus.service import Service


def _command(
    name: str, run: Callable[..., None], *arguments: click.Parameter, about: str
) -> click.Command:
    return click.Command(
        name,
        callback=run,
        params=[*arguments, *options_of()],
        help=about,
        context_settings=HELP,
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
        refuse(error)
    sys.exit(serve(service))


@contextmanager
def _importing(options: Mapping[str, Any]) -> Iterator[None]:
    """While the application is imported: its service knows the options, and does not run itself."""
    Service.born = partial(_configure, options=options)
    try:
        yield
    finally:
        Service.born = None


run = _command(
    "run",
    _run_target,
    click.Argument(["target"]),
    about="Run the service of TARGET: a package, a module, or the path of a Python file.",
)


def run_service(service: Service, settings: Mapping[str, Any]) -> None:
    """What ``service.run(**settings)`` does: options of the command line override the settings.

    In a file that ``cletus run`` is importing, only the settings are taken.
    """
    if Service.born is not None:
        service.set("service.run()", settings)
        return

    def run_it(**options: Any) -> None:
        try:
            service.set("service.run()", settings)
            _configure(service, options)
        except CletusError as error:
            refuse(error)
        sys.exit(serve(service))

    _command(Path(sys.argv[0]).name, run_it, about="Run this service.").main()


def _configure(service: Service, options: Mapping[str, Any]) -> None:
    """What the file beside the application, the environment and the command line say."""
    roots = service.session.application.roots
    service.read_settings(roots[0].path.parent if roots else Path.cwd(), os.environ)
    service.set("command line", given(options))


def serve(service: Service) -> int:
    """Run the service as this process's program; gives the exit code."""
    from twisted.internet import reactor  # noqa: PLC0415 - importing it installs it, so not before

    return Program(service, reactor).run()
