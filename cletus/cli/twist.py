"""``twist cletus TARGET`` and ``twistd cletus TARGET``: ``cletus run`` under Twisted's own programs.

Twisted handles the log, the signals, the process identity (``--uid``, ``--pidfile``) and the daemon. The
command line after ``cletus`` is that of ``cletus run``, read by the same code.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
from twisted.python.usage import Options as TwistedOptions

from cletus.cli.run import command_for
from cletus.reactor.clock import use_monotonic_clock
from cletus.twisted_service import CletusService

_command = command_for(lambda service: service)


class Options(TwistedOptions):
    """The options of ``cletus run``.

    Attributes:
        arguments: those after ``cletus``.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's is not annotated
        self.arguments: list[str] = []

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Twisted's: check the command line; exits if it asks for help or is wrong.

        Settings of the application are known when it is imported, in ``makeService``.
        """
        self.arguments = list(options or ())
        with _exiting():
            self.context()

    def context(self) -> click.Context:
        """The parsed command line."""
        return _command.make_context(f"{Path(sys.argv[0]).name} cletus", list(self.arguments))

    def __str__(self) -> str:
        """Twisted's: the help."""
        return _command.get_help(click.Context(_command, info_name="cletus"))


def makeService(options: Options) -> CletusService:
    """Twisted's: import the application with these options. Exits if that fails."""
    from twisted.internet import reactor  # noqa: PLC0415 - importing it installs it, so not before

    with _exiting(), options.context() as context:
        service = _command.invoke(context)
    use_monotonic_clock(reactor)
    return CletusService(service, reactor)


@contextmanager
def _exiting() -> Iterator[None]:
    """Print what click raises about a command line, and exit, as click itself does."""
    try:
        yield
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
