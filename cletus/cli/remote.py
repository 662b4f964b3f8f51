"""Commands that talk to a running service; see ``docs/operating.md``."""

from __future__ import annotations

import json
import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, Final, TypeVar

import click

from cletus.cli.display import duration, json_text, line, moment, show_facts, size, table
from cletus.cli.main import HELP, TargetType, refuse
from cletus.errors import ApplicationNotFound, CletusError, ControlRefused, NoAnswer
from cletus.ops.control.messages import Refusal, Request
from cletus.ops.control.running import Running
from cletus.reload.load import locate
from cletus.settings.files import from_environment, from_folder
from cletus.settings.settings import Settings

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

#: What the primary of a cluster answers from any machine.
_OVER_THE_BUS: Final = frozenset({"status", "who", "reload", "rollback", "handover"})

#: The settings by which its bus is found; all of them are texts.
_MEMBERSHIP: Final = ("cluster", "cluster_name", "cluster_key", "cluster_ca")

Function = TypeVar("Function", bound=Callable[..., Any])


def targeted(function: Function) -> Function:
    """Add the arguments by which a command finds the service."""
    store = click.option(
        "--store", help="store folder of the service, if TARGET does not lead to it"
    )
    return click.argument("target", type=TargetType())(store(function))


def clustered(function: Function) -> Function:
    """As ``targeted``, for a command that the primary of a cluster answers from any machine."""
    cluster = click.option("--cluster", help="URL of the engine of the service's cluster")
    return targeted(cluster(function))


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
@clustered
@waiting(10.0)
@_as_json
def status(
    target: str, store: str | None, cluster: str | None, timeout: float, as_json: bool
) -> None:
    """Show the state of the running service of TARGET.

    TARGET is what `cletus run` was given, or the store folder of the service. Its code is not imported.
    """
    answer = ask("status", target, store, timeout, cluster=cluster)
    if as_json:
        _show_json(answer)
    else:
        show_facts(answer["name"] or target, dict(_facts(answer)))


@click.command(context_settings=HELP)
@clustered
@waiting(10.0)
@_as_json
def who(target: str, store: str | None, cluster: str | None, timeout: float, as_json: bool) -> None:
    """List who is connected to the running service of TARGET."""
    answer = ask("who", target, store, timeout, cluster=cluster)
    if as_json:
        _show_json(answer)
    else:
        table(_COLUMNS, map(_row, answer), "Connected")


@click.command(context_settings=HELP)
@clustered
@waiting(60.0)
@_as_json
def reload(
    target: str, store: str | None, cluster: str | None, timeout: float, as_json: bool
) -> None:
    """Reload the code of the running service of TARGET; exits with 1 if that is refused."""
    _show_report(ask("reload", target, store, timeout, cluster=cluster), as_json)


@click.command(context_settings=HELP)
@clustered
@waiting(60.0)
@_as_json
def rollback(
    target: str, store: str | None, cluster: str | None, timeout: float, as_json: bool
) -> None:
    """Return the running service of TARGET to its code before the last reload.

    The files are not changed, and the next edit is loaded as usual.
    """
    _show_report(ask("rollback", target, store, timeout, cluster=cluster), as_json)


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
@clustered
@waiting(10.0)
def handover(target: str, store: str | None, cluster: str | None, timeout: float) -> None:
    """Let a process that stands by become the primary of the cluster of TARGET.

    Nobody is disconnected. The process that was the primary saves everything and ends, with exit code 75.
    What the next one cannot have is named, such as a file that the application has open.
    """
    answer = ask("handover", target, store, timeout, cluster=cluster)
    line(f"Process {answer['pid']} hands over with {answer['clients']} people")
    for words in answer.get("left", ()):
        line(f"  not carried: {words}")


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
    *,
    cluster: str | None = None,
) -> Any:
    """Send a command to the running service of a target; returns its answer, or exits.

    Over the bus, if ``cluster``, the environment or the file beside the target names one.
    """
    try:
        members = (
            _cluster_of(target, cluster) if store is None and command in _OVER_THE_BUS else None
        )
        if members is not None:
            ask_cluster = resolve_name("cletus.cli.remote_cluster:ask_cluster")  # others need less
            return ask_cluster(*members, Request(command, arguments=arguments or {}), timeout)
        running = Running(target, store, locate)
        with running.connect(timeout) as client:
            return client.ask(Request(command, running.root, arguments=arguments or {}))
    except CletusError as error:
        refuse(error)


def _cluster_of(target: str, url: str | None) -> tuple[Settings, str] | None:
    """The settings of a cluster, and the name of the service in it; ``None`` if nothing names one."""
    name, beside = target, Path.cwd()
    with suppress(ApplicationNotFound):
        root = locate(target, Path.cwd()).roots[0]
        name, beside = root.name, root.path.parent
    values = {**from_folder(beside), **from_environment(os.environ)}
    if url is not None:
        values["cluster"] = url
    if not values.get("cluster"):
        return None
    ours: dict[str, Any] = {key: str(values[key]) for key in _MEMBERSHIP if key in values}
    return Settings(**ours), name


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
    if answer.get("cluster"):
        yield "cluster", "\n".join(map(_member, answer["cluster"]))
    yield "active", ", ".join(f"{count} {name}" for name, count in stores.items()) or "no stores"
    yield "store", answer["store"]
    if answer.get("unsaved"):  # older services do not tell
        count = answer["unsaved_count"]
        yield "not saved", f"{count} (tried again), the first: {answer['unsaved'][0]}"
    yield "code", "\n".join(answer["application"]) or "nothing to reload"
    yield "memory", size(answer["memory"])
    yield "versions", ", ".join(f"{name} {version}" for name, version in versions.items())


def _member(member: dict[str, Any]) -> str:
    people = "" if "standby" in member["role"] else f", people: {member['people']}"
    return f"{member['role']} {member['name']}{people} (heard {duration(member['age'])} ago)"


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
