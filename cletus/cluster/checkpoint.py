"""What is not saved, kept on the bus, so that the next primary has it if this one is lost.

Each active object is looked at once in ``session_interval``, a few in a turn. If its document would differ
from the saved one, it goes to the bus, with the digest of the saved one. The next primary lays it over its
store: who loads the object reads it, unless another document has been saved since. So a checkpoint never
takes back a save. It has permanent fields alone, of objects that were loaded or saved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from cletus.cluster.bus import Bus
from cletus.errors import BusClosed, BusFull, NotSupported, StorageError
from cletus.service.service import Service
from cletus.storage import Document, Store, TempStoreMixin
from cletus.storage.interfaces import Backend, Condition, Searchable
from cletus.storage.interfaces import Failure as NotWritten

#: Seconds of each slice, and between two of them.
SLICE: Final = 0.002
EVERY: Final = 0.05

_DIGEST_SIZE: Final = 16

Name = tuple[str, str]


class Kept(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A document on the bus.

    Attributes:
        base: the digest of the document that was saved when this one was made.
        data: the document.
    """

    base: bytes
    data: bytes


_encode: Final = msgspec.msgpack.Encoder().encode
_decoder: Final = msgspec.msgpack.Decoder(Kept)


def digest_of(data: bytes) -> bytes:
    """What tells two documents apart."""
    return hashlib.blake2b(data, digest_size=_DIGEST_SIZE).digest()


class CheckpointedBackend:
    """A backend over which documents of a checkpoint are laid. It fulfils ``Backend`` and ``Searchable``.

    Args:
        backend: it is open.
        kept: by store and key; see ``kept_of``.

    Attributes:
        saved: the digests of those documents that were read or written here, as they are saved.
        kept: what is laid over, as far as it was not saved.
    """

    def __init__(self, backend: Backend, kept: Mapping[Name, Kept]) -> None:
        self._backend = backend
        self.saved: dict[Name, bytes] = {}
        self.kept = dict(kept)

    def open(self) -> None:
        """Open the backend again."""
        self._backend.open()

    def close(self) -> None:
        """Close the backend."""
        self._backend.close()

    def location(self, store: str, key: str) -> str:
        """As ``Backend.location``."""
        return self._backend.location(store, key)

    def read(self, store: str, key: str) -> bytes:
        """As ``Backend.read``."""
        return self._newest(store, key, self._backend.read(store, key))

    def read_many(self, store: str, keys: Sequence[str]) -> dict[str, bytes]:
        """As ``Searchable.read_many``; nothing where the backend is not searchable."""
        if not isinstance(self._backend, Searchable):
            return {}
        documents = self._backend.read_many(store, keys)
        return {key: self._newest(store, key, data) for key, data in documents.items()}

    def keys(self, store: str) -> list[str]:
        """As ``Backend.keys``."""
        return list(self._backend.keys(store))

    def find(self, store: str, conditions: Sequence[Condition]) -> list[str]:
        """As ``Searchable.find``, and everything that is laid over."""
        if not isinstance(self._backend, Searchable):
            raise NotSupported("find()")
        keys = self._backend.find(store, conditions)
        return [*keys, *sorted({key for name, key in self.kept if name == store} - set(keys))]

    def find_by_sql(self, store: str, where: str, parameters: Sequence[Any]) -> list[str]:
        """As ``Searchable.find_by_sql``: SQL sees what is saved."""
        if not isinstance(self._backend, Searchable):
            raise NotSupported("find_by_sql()")
        return self._backend.find_by_sql(store, where, parameters)

    def write(self, store: str, key: str, data: bytes) -> None:
        """As ``Backend.write``."""
        self._backend.write(store, key, data)
        self._written(store, key, data)

    def write_many(self, documents: Sequence[Document]) -> list[NotWritten]:
        """As ``Backend.write_many``."""
        failures = self._backend.write_many(documents)
        failed = {(failure.document.store, failure.document.key) for failure in failures}
        for document in documents:
            if (document.store, document.key) not in failed:
                self._written(document.store, document.key, document.data)
        return failures

    def delete(self, store: str, key: str) -> None:
        """As ``Backend.delete``."""
        self._backend.delete(store, key)
        self.saved.pop((store, key), None)
        self.kept.pop((store, key), None)

    def _written(self, store: str, key: str, data: bytes) -> None:
        self.saved[store, key] = digest_of(data)
        self.kept.pop((store, key), None)

    def _newest(self, store: str, key: str, data: bytes) -> bytes:
        """What is laid over this saved document, or the document itself."""
        digest = self.saved[store, key] = digest_of(data)
        kept = self.kept.get((store, key))
        if kept is None:
            return data
        if kept.base == digest:
            return kept.data
        self.kept.pop((store, key), None)
        return data


def kept_of(session: Mapping[str, bytes]) -> dict[Name, Kept]:
    """The documents of a checkpoint, as ``Bus.session`` has them; what cannot be read is left out."""
    kept = {}
    for name, data in session.items():
        store, _, key = name.partition("/")
        try:
            kept[store, key] = _decoder.decode(data)
        except (msgspec.MsgspecError, ValueError):
            continue
    return kept


class Checkpoints:
    """Sends what is not saved.

    Args:
        service: whose objects they are; it runs.
        backend: of its store.
        bus: open.
        epoch: tells that of this primary.
        check: is given the engine's answers; whether they were good.
        interval: seconds in which each object is looked at once.
    """

    log = Logger()

    def __init__(
        self,
        service: Service,
        backend: CheckpointedBackend,
        bus: Bus,
        *,
        epoch: Callable[[], int],
        check: Callable[[int], bool],
        interval: float,
    ) -> None:
        self._service = service
        self._backend = backend
        self._bus = bus
        self._epoch = epoch
        self._check = check
        self._interval = interval
        self._sent = {name: digest_of(kept.data) for name, kept in backend.kept.items()}
        self._objects: Iterator[tuple[Name, Store]] = iter(())
        self._seen: set[Name] = set()
        self._begun = service.clock.seconds()
        self._loop = LoopingCall(self._take_slice)
        self._loop.clock = service.reactor

    def start(self) -> None:
        """Look at a few objects now and then."""
        self._loop.start(EVERY, now=False).addErrback(self._failed)

    def stop(self) -> None:
        """Send nothing more. Stopping twice is harmless."""
        if self._loop.running:
            self._loop.stop()

    def forget(self) -> None:
        """The engine has lost it all: send everything again."""
        self._sent.clear()

    def _take_slice(self) -> None:
        seconds = self._service.clock.seconds
        end = seconds() + SLICE
        values: dict[str, bytes] = {}
        removed: list[str] = []
        for name, obj in self._objects:
            self._seen.add(name)
            self._look_at(name, obj, values, removed)
            if seconds() >= end:
                break
        else:
            self._begin_again(removed)
        if values or removed:
            answer = self._bus.checkpoint(self._epoch(), values, removed)
            answer.addCallback(self._check).addErrback(self._failed)

    def _begin_again(self, removed: list[str]) -> None:
        """A round is over: forget what is gone, and begin the next when it is time."""
        if self._service.clock.seconds() - self._begun < self._interval:
            return
        gone = [name for name in self._sent if name not in self._seen | self._backend.kept.keys()]
        for name in gone:
            del self._sent[name]
            removed.append("/".join(name))
        self._begun = self._service.clock.seconds()
        self._seen = set()
        self._objects = iter(
            [
                ((cls.schema.name, key), obj)
                for cls in self._service.session.current.stores.values()
                if not issubclass(cls, TempStoreMixin)
                for key, obj in cls.manager.active().items()
            ]
        )

    def _look_at(
        self, name: Name, obj: Store, values: dict[str, bytes], removed: list[str]
    ) -> None:
        base = self._backend.saved.get(name)
        if base is None:
            return
        try:
            data = obj.to_json().encode()
        except StorageError:
            return  # it cannot be saved either, which is told elsewhere
        digest = digest_of(data)
        if digest == base:
            if self._sent.pop(name, None) is not None:
                removed.append("/".join(name))
        elif self._sent.get(name) != digest:
            self._sent[name] = digest
            values["/".join(name)] = _encode(Kept(base, data))

    def _failed(self, failure: Failure) -> None:
        if failure.check(BusFull):
            self.forget()  # the engine is away; what was not taken is sent in a later round
        elif not failure.check(BusClosed):
            self.log.failure("The checkpoint has an error", failure)
