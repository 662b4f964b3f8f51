"""Keeping the data of a store that the code has ceased to define, until it defines it again.

What is parked must refer to no class of any generation, since it may wait for many of them. It is
pickled, with everything that has a life of its own left out: classes, functions, enum members and
store objects are noted by name, and what persists (clients, sockets) is kept beside the pickle.
"""

from __future__ import annotations

import enum
import io
import pickle
import sys
import types
from dataclasses import dataclass
from typing import Any

from cletus.errors import CarryError, StoreGone
from cletus.reload.state.plain_types import ATOMS, CONTAINERS
from cletus.service.application import Application
from cletus.service.session import Session
from cletus.storage import Store

_PLAIN = (*ATOMS, list, dict, set, frozenset, tuple)


@dataclass(frozen=True, slots=True)
class Parked:
    """Values that wait.

    Attributes:
        data: the pickle.
        kept: what is carried by reference, numbered from it.
        names: of the values.
        version: of the store class that they were of.
    """

    data: bytes
    kept: tuple[Any, ...]
    names: tuple[str, ...]
    version: int = 0


def park(
    values: dict[str, Any], application: Application, place: str, *, version: int = 0
) -> Parked:
    """Take these values out of all generations.

    Args:
        values: by name.
        application: whose classes and functions go by their names.
        place: where they were found, for messages.
        version: of the store class that they are of.

    Raises:
        CarryError: one of them cannot be pickled.
    """
    kept: list[Any] = []
    buffer = io.BytesIO()
    try:
        _Pickler(buffer, application, kept).dump(values)
    except Exception as error:
        raise CarryError(place, f"its data cannot be parked: {error}") from error
    return Parked(buffer.getvalue(), tuple(kept), tuple(values), version)


def unpark(parked: Parked, session: Session, place: str) -> dict[str, Any]:
    """The values, on the classes that have their names now.

    Raises:
        StoreGone: they refer to an object of a store that is still gone.
        CarryError: a class or function that they need is gone.
    """
    try:
        found: dict[str, Any] = _Unpickler(io.BytesIO(parked.data), session, parked.kept).load()
    except _StillGone as error:
        raise StoreGone(place, f"the store {error} is gone") from None
    except Exception as error:
        raise CarryError(place, f"its parked data cannot be brought back: {error}") from error
    return found


class _StillGone(Exception):
    """A store object is referred to whose store the code does not define."""


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, application: Application, kept: list[Any]) -> None:
        super().__init__(file, protocol=5)
        self._application = application
        self._kept = kept

    def persistent_id(self, obj: Any) -> Any:
        kind = type(obj)
        if kind in _PLAIN:
            return None
        if isinstance(obj, Store):
            return ("store", kind.__name__.lower(), obj.key)
        if isinstance(obj, type | types.FunctionType):
            if self._application.owns(obj.__module__):
                return ("name", obj.__module__, obj.__qualname__)
            return None
        if isinstance(obj, (types.MethodType, *CONTAINERS)):
            return None
        if not self._application.owns(kind.__module__):
            self._kept.append(obj)
            return ("kept", len(self._kept) - 1)
        if isinstance(obj, enum.Enum) and obj.name is not None and not isinstance(obj, enum.Flag):
            return ("name", kind.__module__, f"{kind.__qualname__}.{obj.name}")
        return None


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, session: Session, kept: tuple[Any, ...]) -> None:
        # The pickle never left this process.
        super().__init__(file)
        self._session = session
        self._kept = kept

    def persistent_load(self, pid: Any) -> Any:
        what, *rest = pid
        if what == "kept":
            return self._kept[rest[0]]
        if what == "store":
            store_cls = self._session.find(rest[0])
            if store_cls is None:
                raise _StillGone(rest[0])
            return store_cls.manager.active().get(rest[1])
        found: Any = sys.modules[rest[0]]
        for part in rest[1].split("."):
            found = getattr(found, part)
        return found
