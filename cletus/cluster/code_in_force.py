"""The sources of the generation in force, for the next primary: its own files may be others.

A reload changes the code of the primary alone. A standby has imported what its files held when it was started;
when it becomes the primary, it reloads to what the one before ran. If its files differ from that, the next
reload takes them, as after a rollback.

Code from the bus is run only if it was sealed: on an engine without a key, everybody on this machine may write.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import msgspec
from twisted.logger import Logger
from twisted.python.failure import Failure

from cletus import events
from cletus.cluster.bus import Bus
from cletus.errors import BusClosed, BusFull
from cletus.reload.code.sources import Source, Sources
from cletus.reload.reloader import ServiceReloader
from cletus.service.service import Service


class Text(msgspec.Struct, array_like=True, frozen=True):
    """A module: whether it ``is_package``, and its ``data``."""

    is_package: bool
    data: bytes


_encode: Final = msgspec.msgpack.Encoder().encode
_decoder: Final = msgspec.msgpack.Decoder(dict[str, Text])


def packed(sources: Sources) -> bytes:
    """The texts of all modules, for ``Bus.set_code``."""
    modules = sources.modules.values()
    return _encode({source.name: Text(source.is_package, source.data) for source in modules})


def unpacked(code: bytes, ours: Sources) -> Sources | None:
    """The sources that ``packed()`` was given, with the paths that they have or would have here.

    Args:
        code: of ``Bus.code``.
        ours: what this process runs.

    Returns:
        ``None`` if they are the same, or cannot be read.
    """
    try:
        texts = _decoder.decode(code)
    except msgspec.MsgspecError:
        return None
    modules: dict[str, Source] = {}
    for name in sorted(texts):  # a package comes before what is in it
        text, path = texts[name], _path_of(name, texts[name], ours, modules)
        if path is None:
            return None
        digest = hashlib.blake2b(text.data, digest_size=16).digest()
        modules[name] = Source(name, path, text.is_package, text.data, digest)
    theirs = replace(ours, modules=modules, is_earlier=True)
    return None if not modules or theirs.digests() == ours.digests() else theirs


def _path_of(name: str, text: Text, ours: Sources, modules: Mapping[str, Source]) -> Path | None:
    mine = ours.modules.get(name)
    if mine is not None and mine.is_package is text.is_package:
        return mine.path
    parent, _, last = name.rpartition(".")
    package = modules.get(parent)
    if package is None:
        return None
    folder = package.path.parent
    return folder / last / "__init__.py" if text.is_package else folder / f"{last}.py"


class CodeInForce:
    """Keeps the sources of a primary on the bus, and takes those of the primary before.

    Args:
        service: it runs.
        bus: of the cluster; what crosses it is sealed.
        epoch: tells that of this primary.
        check: is given the engine's answers.
    """

    log = Logger()

    def __init__(
        self,
        service: Service,
        bus: Bus,
        *,
        epoch: Callable[[], int],
        check: Callable[[int], bool],
    ) -> None:
        self._service = service
        self._bus = bus
        self._epoch = epoch
        self._check = check
        service.listen(events.PostReload)(lambda _event: self.keep())

    async def take(self) -> None:
        """Reload to the code that the primary before ran, if it is another; then keep it."""
        reloader = self._reloader
        if reloader is None:
            return
        theirs = unpacked(await self._bus.code(), reloader.sources)
        if theirs is None:
            self.keep()
            return
        self.log.info("The primary before ran other code than this one's files: reloading to that")
        report = await reloader.request(theirs)
        if not report.ok:
            self.log.error(
                "The code of the primary before is refused here: {report}", report=report
            )

    def keep(self) -> None:
        """Send what runs here."""
        reloader = self._reloader
        if reloader is not None:
            kept = self._bus.set_code(self._epoch(), packed(reloader.sources))
            kept.addCallback(self._check).addErrback(self._failed)

    @property
    def _reloader(self) -> ServiceReloader | None:
        reloader: Any = self._service.lifecycle.reloader
        return reloader if isinstance(reloader, ServiceReloader) else None

    def _failed(self, failure: Failure) -> None:
        if not failure.check(BusClosed, BusFull):
            self.log.failure("The code could not be kept", failure)
