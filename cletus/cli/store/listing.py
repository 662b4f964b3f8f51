"""``cletus store list`` and ``show``: what is stored, as it is stored."""

from __future__ import annotations

import difflib
import json
import sys
from datetime import UTC, datetime
from typing import Any

import click

from cletus.cli import display
from cletus.cli.store.group import AS_JSON, NO_CODE, STORE, TARGET, command
from cletus.cli.store.stored import Stored, looking
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
    """List the stores of TARGET, or the saved objects of one STORE.

    Stores that are on the disk and not in the code are listed as well.
    """
    with looking(target, store, code=code) as stored:
        if name is None:
            _list_stores(stored, as_json)
        else:
            _list_objects(stored, stored.stores((name,))[0], as_json)


def _list_stores(stored: Stored, as_json: bool) -> None:
    names = stored.stores()
    with display.progress("Reading", stored.count(names)) as seen:
        found = [summary(stored.home, name, stored.classes, seen) for name in names]
    if as_json:
        display.line(json.dumps([_for_programs(stored, one) for one in found], indent=2))
        return
    columns = (("store", False), ("objects", True), ("size", True), ("version", False), ("", False))
    rows = [
        (
            one.store,
            str(one.objects),
            display.size(one.size) if sys.stdout.isatty() else str(one.size),
            _versions(one),
            _remark(stored, one),
        )
        for one in found
    ]
    display.table(columns, rows, stored.place)
    if not rows:
        display.note(f"Nothing is saved in {stored.place}")


def _for_programs(stored: Stored, one: Summary) -> dict[str, Any]:
    return {
        "store": one.store,
        "objects": one.objects,
        "bytes": one.size,
        "versions": {str(version): count for version, count in sorted(one.versions.items())},
        "unreadable": one.unreadable,
        "code_version": one.ours,
        "in_code": one.store in stored.classes if stored.has_code else None,
    }


def _versions(one: Summary) -> str:
    if len(one.versions) <= 1:
        return "".join(map(str, one.versions))
    return ", ".join(f"{version}: {count}" for version, count in sorted(one.versions.items()))


def _remark(stored: Stored, one: Summary) -> str:
    words = []
    if stored.has_code and one.ours is None:
        words.append("temporary" if one.store in stored.classes else "not in the code")
    older = sum(count for version, count in one.versions.items() if version < (one.ours or 0))
    newer = sum(
        count
        for version, count in one.versions.items()
        if one.ours is not None and version > one.ours
    )
    if older:
        words.append(f"{older} older than the code ({one.ours})")
    if newer:
        words.append(f"{newer} newer than the code ({one.ours})")
    if one.unreadable:
        words.append(f"{one.unreadable} unreadable")
    return ", ".join(words)


def _list_objects(stored: Stored, name: str, as_json: bool) -> None:
    with display.progress("Reading", stored.count([name])) as seen:
        found = []
        for item in items(stored.home, name):
            found.append(item)
            seen()
    if as_json:
        rows = [
            {"key": one.key, "saved_at": _iso(one), "bytes": one.size, "version": one.version}
            for one in found
        ]
        display.line(json.dumps(rows, indent=2))
        return
    columns = (("key", False), ("saved", False), ("size", True), ("version", True))
    on_terminal = sys.stdout.isatty()
    display.table(
        columns,
        (
            (
                one.key,
                _for_people(one) if on_terminal else _iso(one) or "",
                display.size(one.size) if on_terminal else str(one.size),
                "unreadable" if one.version is None else str(one.version),
            )
            for one in found
        ),
        f"{stored.place}: {name}",
    )


def _iso(one: Item) -> str | None:
    if one.saved_at is None:
        return None
    return datetime.fromtimestamp(one.saved_at, UTC).isoformat(timespec="seconds")


def _for_people(one: Item) -> str:
    if one.saved_at is None:
        return ""
    return f"{datetime.fromtimestamp(one.saved_at).astimezone():%Y-%m-%d %H:%M:%S}"


@command(
    "show",
    TARGET,
    click.argument("name", metavar="STORE"),
    click.argument("key"),
    click.option("--raw", is_flag=True, help="byte for byte as it is stored"),
    click.option(
        "--secrets", is_flag=True, help="show what is secret, such as hashes of passwords"
    ),
    STORE,
    NO_CODE,
)
def _show(
    target: str, name: str, key: str, raw: bool, secrets: bool, store: str | None, code: bool
) -> None:
    """Show one saved object as it is stored."""
    with looking(target, store, code=code) as stored:
        name = stored.stores((name,))[0]
        data = _read(stored, name, key)
        try:
            said = document.decode(data, name, key)
        except CorruptStore as error:
            if not raw or not secrets:
                reason = f"{error.reason}; --raw --secrets shows it all the same"
                place = stored.home.location(name, key)
                raise CorruptStore(name, key, reason, path=place, line=error.line) from None
            said = {}
        shown, hidden = masked(said, stored.classes.get(name))
        if raw and hidden and not secrets:
            reason = f"{', '.join(hidden)} must not be seen: add --secrets, or leave out --raw"
            raise NotTransferable(f"{name} {key!r}: {reason}")
        if raw:
            sys.stdout.buffer.write(data)
            return
        display.json_text(json.dumps(said if secrets else shown, indent=2, ensure_ascii=False))
        if hidden and not secrets:
            display.note(f"Hidden: {', '.join(hidden)} (--secrets shows them)")


def _read(stored: Stored, name: str, key: str) -> bytes:
    """The document; a key may be given as people type it."""
    for each in dict.fromkeys((key, key.lower())):
        try:
            return stored.home.read(name, each)
        except NotSaved:
            continue
    near = difflib.get_close_matches(key.lower(), stored.home.keys(name), n=1)
    if near:
        display.note(f"Did you mean {near[0]!r}?")
    raise NotSaved(name, key)
