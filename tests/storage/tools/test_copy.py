"""``cletus/storage/tools/copy.py``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from cletus.errors import NotTransferable, StoreFull
from cletus.storage.backends.json_files import JsonFiles
from cletus.storage.backends.memory import Memory
from cletus.storage.backends.sqlite import Sqlite
from cletus.storage.interfaces import Backend, Document, Failure
from cletus.storage.tools.copy import contents_of, copy

DOCUMENTS = {("user", "bob"): b'{"a": 1}', ("user", "ann"): b"not JSON \xff", ("room", "hall"): b""}


def filled() -> Memory:
    memory = Memory()
    memory.open()
    for (store, key), data in DOCUMENTS.items():
        memory.write(store, key, data)
    return memory


def test_there_and_back_again_byte_for_byte(tmp_path: Path) -> None:
    source = filled()
    backends: list[Backend] = [Sqlite(tmp_path / "a.db"), JsonFiles(tmp_path / "store"), Memory()]
    for target in backends:
        target.open()
        contents = copy(source, target)
        assert (contents.count, contents) == (3, contents_of(source))
        assert {name: target.read(*name) for name in DOCUMENTS} == DOCUMENTS
        source.close()
        source = target  # type: ignore[assignment]  # another backend
    source.close()


def test_a_copy_that_was_interrupted_goes_on() -> None:
    source, target = filled(), Memory()
    target.open()
    target.write("user", "bob", DOCUMENTS["user", "bob"])
    assert copy(source, target).count == 3


@pytest.mark.parametrize(
    ("key", "data", "words"),
    [
        ("bob", b"other", "the target has another user 'bob' already"),
        ("eve", b"{}", "the target has user 'eve' already, which is not in the source"),
    ],
)
def test_nothing_of_the_target_is_overwritten(key: str, data: bytes, words: str) -> None:
    source, target = filled(), Memory()
    target.open()
    target.write("user", key, data)
    with pytest.raises(NotTransferable, match=words):
        copy(source, target)
    assert target.read("user", key) == data
    assert contents_of(target).count == 1


def test_what_cannot_be_written_is_named() -> None:
    class Full(Memory):
        def write_many(self, documents: Sequence[Document]) -> list[Failure]:
            error = StoreFull("user", "bob", "full", action="save")
            return [Failure(documents[0], error)]

    target = Full()
    target.open()
    with pytest.raises(StoreFull, match="cannot save user 'bob'"):
        copy(filled(), target)


def test_a_backend_that_loses_a_byte_is_noticed() -> None:
    class Lossy(Memory):
        def read(self, store: str, key: str) -> bytes:
            return super().read(store, key)[:-1]

    target = Lossy()
    target.open()
    with pytest.raises(
        NotTransferable, match="the copy is not like the original: 3 documents with"
    ):
        copy(filled(), target)


def test_the_digest_tells_names_from_contents() -> None:
    """The same bytes, cut elsewhere, are other documents."""
    digests = set()
    for store, key, data in (("ab", "c", b"d"), ("a", "bc", b"d"), ("a", "b", b"cd")):
        memory = Memory()
        memory.open()
        memory.write(store, key, data)
        digests.add(contents_of(memory).digest)
    assert len(digests) == 3
