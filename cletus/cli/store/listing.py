"""``cletus store list`` and ``show``."""

from __future__ import annotations

import difflib
import json
import sys
from datetime import UTC, datetime
from typing import Any

import click

from cletus.cli import display
from cletus.cli.store.group import AS_JSON, NO_CODE, STORE, TARGET, command
from cletus.cli.store.stored import Stored, reading
from cletus.errors import CorruptStore, NotSaved, NotTransferable
from cletus.storage import document
from cletus.storage.tools.mask import masked
from cletus.storage.tools.statistics import Item, Summary, items, summary


@command(
    "list",
    TARGET,
    click.argument("name", metavar="[STORE]", required=False),
    AS_JSON,
    STORE,
    NO_CODE,
)
def _list(target: str, name: str | None, as_json: bool, store: str | None, code: bool) -> None:
    """List the stores of TARGET, or the saved objects of a STORE.

    Stores that exist on the disk but not in the code are listed as well.
    """
    with reading(target, store, code=code) as stored:
        if name is None:
            _list_stores(stored, as_json)
        else:
            _list_objects(stored, stored.stores((name,))[0], as_json)


def _list_stores(stored: Stored, as_json: bool) -> None:
    names = stored.stores()
    with display.progress("Reading", stored.count(names)) as seen:
        summaries = [summary(stored.backend, name, stored.classes, seen) for name in names]
    if as_json:
        display.line(json.dumps([_as_json(stored, entry) for entry in summaries], indent=2))
        return
    columns = (("store", False), ("objects", True), ("size", True), ("version", False), ("", False))
    rows = [
        (
            entry.store,
            str(entry.objects),
            display.size(entry.size) if sys.stdout.isatty() else str(entry.size),
            _versions(entry),
            _remark(stored, entry),
        )
        for entry in summaries
    ]
    display.table(columns, rows, stored.location)
    if not rows:
        display.note(f"Nothing is saved in {stored.location}")


def _as_json(stored: Stored, summed: Summary) -> dict[str, Any]:
    return {
        "store": summed.store,
        "objects": summed.objects,
        "bytes": summed.size,
        "versions": {str(version): count for version, count in sorted(summed.versions.items())},
        "unreadable": summed.unreadable,
        "code_version": summed.ours,
        "in_code": summed.store in stored.classes if stored.has_code else None,
    }


def _versions(summed: Summary) -> str:
    if len(summed.versions) <= 1:
        return "".join(map(str, summed.versions))
    return ", ".join(f"{version}: {count}" for version, count in sorted(summed.versions.items()))


def _remark(stored: Stored, summed: Summary) -> str:
    words = []
    if stored.has_code and summed.ours is None:
        words.append("temporary" if summed.store in stored.classes else "not in the code")
    older = sum(count for version, count in summed.versions.items() if version < (summed.ours or 0))
    newer = sum(
        count
        for version, count in summed.versions.items()
        if summed.ours is not None and version > summed.ours
    )
    if older:
        words.append(f"{older} older than the code ({summed.ours})")
    if newer:
        words.append(f"{newer} newer than the code ({summed.ours})")
    if summed.unreadable:
        words.append(f"{summed.unreadable} unreadable")
    return ", ".join(words)


def _list_objects(stored: Stored, name: str, as_json: bool) -> None:
    with display.progress("Reading", stored.count([name])) as seen:
        listed = []
        for item in items(stored.backend, name):
            listed.append(item)
            seen()
    if as_json:
        rows = [
            {"key": item.key, "saved_at": _utc(item), "bytes": item.size, "version": item.version}
            for item in listed
        ]
        display.line(json.dumps(rows, indent=2))
        return
    columns = (("key", False), ("saved", False), ("size", True), ("version", True))
    on_terminal = sys.stdout.isatty()
    display.table(
        columns,
        (
            (
                item.key,
                _local_time(item) if on_terminal else _utc(item) or "",
                display.size(item.size) if on_terminal else str(item.size),
                "unreadable" if item.version is None else str(item.version),
            )
            for item in listed
        ),
        f"{stored.location}: {name}",
    )


def _utc(item: Item) -> str | None:
    if item.saved_at is None:
        return None
    return datetime.fromtimestamp(item.saved_at, UTC).isoformat(timespec="seconds")


def _local_time(item: Item) -> str:
    if item.saved_at is None:
        return ""
    return f"{datetime.fromtimestamp(item.saved_at).astimezone():%Y-%m-%d %H:%M:%S}"


@command(
    "show",
    TARGET,
    click.argument("name", metavar="STORE"),
    click.argument("key"),
    click.option("--raw", is_flag=True, help="print its bytes unchanged"),
    click.option("--secrets", is_flag=True, help="show secrets, such as hashes of passwords"),
    STORE,
    NO_CODE,
)
def _show(
    target: str, name: str, key: str, raw: bool, secrets: bool, store: str | None, code: bool
) -> None:
    """Show one saved object as it is stored."""
    with reading(target, store, code=code) as stored:
        name = stored.stores((name,))[0]
        data = _read(stored, name, key)
        try:
            content = document.decode(data, name, key)
        except CorruptStore as error:
            if not raw or not secrets:
                reason = f"{error.reason}; --raw --secrets shows it nevertheless"
                path = stored.backend.location(name, key)
                raise CorruptStore(name, key, reason, path=path, line=error.line) from None
            content = {}
        shown, hidden = masked(content, stored.classes.get(name))
        if raw and hidden and not secrets:
            reason = f"{', '.join(hidden)} is secret: add --secrets, or leave out --raw"
            raise NotTransferable(f"{name} {key!r}: {reason}")
        if raw:
            sys.stdout.buffer.write(data)
            return
        display.json_text(json.dumps(content if secrets else shown, indent=2, ensure_ascii=False))
        if hidden and not secrets:
            display.note(f"Hidden: {', '.join(hidden)} (--secrets shows them)")


def _read(stored: Stored, name: str, key: str) -> bytes:
    """The document; capitals in the key do not matter."""
    for spelling in dict.fromkeys((key, key.lower())):
        try:
            return stored.backend.read(name, spelling)
        except NotSaved:
            continue
    near = difflib.get_close_matches(key.lower(), stored.backend.keys(name), n=1)
    if near:
        display.note(f"Did you mean {near[0]!r}?")
    raise NotSaved(name, key)
