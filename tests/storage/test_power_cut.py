"""Statement 2: a save that was acknowledged survives a power cut.

Here the disk is a model (``disk_model.py``) and every system call is the instant of a cut. The same
promise on a real file system, with a real journal, is tested in ``tests/soak/test_power_cut.py``.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cletus.storage.backends.json_files import JsonFiles
from cletus.storage.interfaces import Document
from tests.storage import mutants
from tests.storage.disk_model import DiskModel
from tests.storage.doubles import Sluggish, SyncfsMissing

KEYS = [(store, f"k{number}") for store in ("user", "room") for number in range(3)]


class LostError(AssertionError):
    """After a cut there could be something else than promised."""


class Story:
    """A home on a model disk, what it acknowledged, and a look at every instant."""

    def __init__(self, folder: Path, make: Callable[..., JsonFiles], wrap: Any = None) -> None:
        self.disk = DiskModel(str(folder))
        self.standing: dict[tuple[str, str], bytes | None] = dict.fromkeys(KEYS)
        self.under_way: dict[tuple[str, str], set[bytes | None]] = {}
        self.home = make(folder / "store", calls=wrap(self.disk) if wrap else self.disk)
        self.instants = 0
        self.home.open()
        self.disk.at_each_call = self.look

    def look(self) -> None:
        self.instants += 1
        for name in KEYS:
            allowed = {self.standing[name]} | self.under_way.get(name, set())
            found = self.disk.outcomes(self.home.location(*name))
            if not found <= allowed:
                raise LostError(f"{name}: {found} may be there, but {allowed} was promised")

    def act(self, chance: random.Random, number: int) -> None:
        """One write, group or removal; while it runs both sides of it are right."""
        names = chance.sample(KEYS, chance.choice([1, 2, 5]))
        texts = {name: b"text %d of %s" % (number, name[1].encode()) for name in names}
        if len(names) > 1:
            self.under_way = {name: {text} for name, text in texts.items()}
            assert self.home.write_many([Document(*name, texts[name]) for name in names]) == []
            self.standing.update(texts)
        elif chance.random() < 0.2 and self.standing[names[0]] is not None:
            self.under_way = {names[0]: {None}}
            self.home.delete(*names[0])
            self.standing[names[0]] = None
        else:
            self.under_way = {names[0]: {texts[names[0]]}}
            self.home.write(*names[0], texts[names[0]])
            self.standing.update(texts)
        self.under_way = {}
        self.look()


def tell(folder: Path, make: Callable[..., JsonFiles], wrap: Any = None) -> int:
    story = Story(folder, make, wrap)
    chance = random.Random(7)
    for number in range(40):
        story.act(chance, number)
    return story.instants


@pytest.mark.parametrize("wrap", [None, SyncfsMissing, Sluggish])
def test_a_cut_at_any_instant_loses_nothing_acknowledged(tmp_path: Path, wrap: Any) -> None:
    """Whatever was not flushed may be lost, in any combination, and every promise still holds."""
    assert tell(tmp_path, JsonFiles, wrap) > 400


@pytest.mark.parametrize(
    "make",
    [
        mutants.RenamesFirst,
        mutants.ForgetsParent,
        mutants.NO_FILE_FLUSH,
        mutants.NO_FOLDER_FLUSH,
        mutants.ONE_WRITE_ONLY,
    ],
)
def test_the_model_catches_every_mistake(tmp_path: Path, make: Callable[..., JsonFiles]) -> None:
    """Each step of a save is needed: without it some instant is there at which a cut loses."""
    wrap = Sluggish if make is mutants.ONE_WRITE_ONLY else None
    with pytest.raises(LostError):
        tell(tmp_path, make, wrap)


def test_rename_mode_is_atomic_but_not_flushed(tmp_path: Path) -> None:
    """With ``store_sync`` ``rename`` a power cut may lose a save: the setting says so."""
    with pytest.raises(LostError):
        tell(tmp_path, lambda folder, calls: JsonFiles(folder, sync="rename", calls=calls))
