"""Commands that talk to a running service; see ``docs/operating.md``."""

from __future__ import annotations

import json
import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final, TypeVar

import click

from cletus.cli.display import duration, json_text, line, moment, show_facts, size, table
from cletus.cli.main import HELP, TargetType, refuse
from cletus.errors import CletusError, ControlRefused, NoAnswer
from cletus.ops.control.messages import Refusal, Request
from cletus.ops.control.running import Running
from cletus.reload.load import locate

FAILED: Final = 1
"""The exit code if the service has tried what it was asked for, and did not succeed."""

_LINGER: Final = 10.0
"""Seconds that the process of a stopped service may take to end."""

_COLUMNS: Final = (
    ("id", True),
    ("name", False),
    ("door", False),
    ("address", False),
    ("idle", True),
    ("since", False),
    ("terminal", False),
)

Function = TypeVar("Function", bound=Callable[..., Any])


def targeted(function: Function) -> Function:
    """Add the arguments by which a command finds the service."""
    store = click.option(
        "--store", help="store folder of the service, if TARGET does not lead to it"
    )
    return click.argument("target", type=TargetType())(store(function))


def waiting(seconds: float) -> Callable[[Function], Function]:
    """Add an option for the maximum time of an answer."""
    return click.option(
        "--timeout",
        type=click.FloatRange(min=0.1),
        default=seconds,
        show_default=True,
        help="seconds to wait for an answer",
    )


_as_json = click.option("--json", "as_json", is_flag=True, help="print the answer as JSON")


@click.command(context_settings=HELP)
@targeted
@waiting(10.0)
@_as_json
def status(target: str, store: str | None, timeout: float, as_json: bool) -> None:
    """Show the state of the running service of TARGET.

    TARGET is what `cletus run` was given, or the store folder of the service. Its code is not imported.
    """
    answer = ask("status", target, store, timeout)
    if as_json:
        _show_json(answer)
    else:
        show_facts(answer["name"] or target, dict(_facts(answer)))


@click.command(context_settings=HELP)
@targeted
@waiting(10.0)
@_as_json
def who(target: str, store: str | None, timeout: float, as_json: bool) -> None:
    """List who is connected to the running service of TARGET."""
    answer = ask("who", target, store, timeout)
    if as_json:
        _show_json(answer)
    else:
        table(_COLUMNS, map(_row, answer), "Connected")


@click.command(context_settings=HELP)
@targeted
@waiting(60.0)
@_as_json
def reload(target: str, store: str | None, timeout: float, as_json: bool) -> None:
    """Reload the code of the running service of TARGET; exits with 1 if that is refused."""
    _show_report(ask("reload", target, store, timeout), as_json)


@click.command(context_settings=HELP)
@targeted
@waiting(60.0)
@_as_json
def rollback(target: str, store: str | None, timeout: float, as_json: bool) -> None:
    """Return the running service of TARGET to its code before the last reload.

    The files are not changed, and the next edit is loaded as usual.
    """
    _show_report(ask("rollback", target, store, timeout), as_json)


@click.command(context_settings=HELP)
@targeted
@waiting(90.0)
@click.option("--check", is_flag=True, help="only find out whether a new process could take over")
@click.option("--force", is_flag=True, help="end code that is at work, in place of waiting for it")
@_as_json
def restart(
    target: str, store: str | None, timeout: float, check: bool, force: bool, as_json: bool
) -> None:
    """Replace the process of the running service of TARGET, while everybody stays connected.

    The new process has started, and has everything, before the old one ends; if that fails, the old one goes
    on, and the exit code is 1.
    """
    arguments = {"check": check, "force": force}
    _show_report(ask("restart", target, store, timeout, arguments), as_json)


@click.command(context_settings=HELP)
@targeted
@waiting(30.0)
def shutdown(target: str, store: str | None, timeout: float) -> None:
    """Stop the running service of TARGET in order, and wait until its process has ended.

    If that takes too long, the exit code is 1, and the service continues to stop.
    """
    deadline = time.monotonic() + timeout
    try:
        running = Running(target, store, locate)
        with running.connect(timeout) as client, _Process(client.pid) as process:
            client.send(Request("shutdown", running.root))
            reply = client.receive()  # or the end of the connection, which means the same
            if isinstance(reply, Refusal):
                refuse(ControlRefused(reply.error))
            is_gone = process.ends(min(deadline - time.monotonic(), _LINGER))
    except NoAnswer:
        click.echo(f"cletus: it is still stopping after {timeout:g} seconds", err=True)
        sys.exit(FAILED)
    except CletusError as error:
        refuse(error)
    click.echo("Stopped" if is_gone else f"Stopped; its process {client.pid} has not ended")


class _Process:
    """Watches a process from before it is asked to end, so that its number is not reused.

    Args:
        pid: its number; 0 for a process that cannot be watched.
    """

    def __init__(self, pid: int) -> None:
        self._fd = -1
        if pid and hasattr(os, "pidfd_open"):  # Linux has it
            with suppress(OSError):
                self._fd = os.pidfd_open(pid)

    def __enter__(self) -> _Process:
        return self

    def __exit__(self, *_: object) -> None:
        if self._fd >= 0:
            os.close(self._fd)

    def ends(self, timeout: float) -> bool:
        """Wait for its end; whether it has ended. True if it cannot be watched."""
        return self._fd < 0 or bool(select.select([self._fd], [], [], max(0.0, timeout))[0])


def ask(
    command: str,
    target: str,
    store: str | None,
    timeout: float,
    arguments: dict[str, Any] | None = None,
) -> Any:
    """Send a command to the running service of a target; returns its answer, or exits."""
    try:
        running = Running(target, store, locate)
        with running.connect(timeout) as client:
            return client.ask(Request(command, running.root, arguments=arguments or {}))
    except CletusError as error:
        refuse(error)


def _show_json(value: Any) -> None:
    json_text(json.dumps(value, indent=2, ensure_ascii=False))


def _show_report(report: dict[str, Any], as_json: bool) -> None:
    if as_json:
        _show_json(report)
    else:
        line(report["text"])
    if not report["ok"]:
        sys.exit(FAILED)


def _facts(answer: dict[str, Any]) -> Iterator[tuple[str, str]]:
    versions = answer["versions"]
    stores = answer["stores"]
    yield "name", answer["name"] or "-"
    yield "state", answer["state"]
    yield "pid", str(answer["pid"])
    yield "started", f"{moment(answer['started'])} ({duration(answer['uptime'])} ago)"
    yield "generation", str(answer["generation"])
    yield "last reload", _last_reload(answer["reload"])
    yield "doors", "\n".join(answer["doors"]) or "none"
    yield "people", str(answer["clients"])
    yield "active", ", ".join(f"{count} {name}" for name, count in stores.items()) or "no stores"
    yield "store", answer["store"]
    if answer.get("unsaved"):  # older services do not tell
        count = answer["unsaved_count"]
        yield "not saved", f"{count} (tried again), the first: {answer['unsaved'][0]}"
    yield "code", "\n".join(answer["application"]) or "nothing to reload"
    yield "memory", size(answer["memory"])
    yield "versions", ", ".join(f"{name} {version}" for name, version in versions.items())


def _last_reload(report: dict[str, Any] | None) -> str:
    return "none yet" if report is None else str(report["text"])


def _row(client: dict[str, Any]) -> tuple[str, ...]:
    return (
        str(client["id"]),
        client["name"] or "-",
        client["door"],
        client["address"],
        duration(client["idle"]),
        moment(client["since"]),
        f"{client['terminal'] or 'unknown'} {client['columns']}x{client['rows']}",
    )
