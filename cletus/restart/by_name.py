"""Values of the application as a pickle, in which what the other process has itself is named.

The service, its clients, timers and store objects, and what the application's modules hold under a name are
there in the other process already, or were made before the pickle is read. So they are named, and all
references to them are references to the same object there. Everything else is copied.
"""

from __future__ import annotations

import io
import pickle
import sys
import types
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, Final

from cletus.client.attributes import ApplicationAttributes
from cletus.client.client import Client
from cletus.client.listener_task import ListenerTask
from cletus.errors import RestartError
from cletus.reload.code.names import Names
from cletus.reload.state.new_code import NewCode
from cletus.reload.state.plain_types import ATOMS
from cletus.reload.state.records import values_of
from cletus.reload.state.statements import Path, Statements, stated
from cletus.service.service import Service
from cletus.service.session import Session
from cletus.service.timers import Timer
from cletus.storage import Manager, Store

#: Protocol 5 is in every Python that Cletus runs on; the two processes may be of different ones.
PROTOCOL: Final = 5

#: Modules whose objects belong to the process, and cannot be anywhere else.
_OF_THE_PROCESS: Final = ("twisted.internet", "asyncio", "_asyncio", "concurrent")

_PLAIN: Final = ATOMS | {
    types.FunctionType,
    types.ModuleType,
    type,
    list,
    dict,
    set,
    frozenset,
    tuple,
}


class Named:
    """The objects of one process that have a name in the other one.

    Args:
        service: whose they are.
        timers: those that are handed over, by their numbers.
    """

    def __init__(self, service: Service, timers: Mapping[int, Timer]) -> None:
        self.service = service
        self.clients: dict[int, Client] = {client.id: client for client in service.clients}
        self.timers = timers
        session = service.session
        modules = {
            name: vars(module)
            for name, module in session.application.loaded().items()
            if isinstance(module, types.ModuleType)
        }
        #: Objects of the application's classes that a module states: their values move, too.
        self.stated = Statements(Names(modules), NewCode(session, {}, modules)).objects
        #: Objects of other classes, such as ``users = Users(...)``: the other process has its own.
        self.globals: dict[Path, Any] = {}
        for name, namespace in modules.items():
            for key, value in list(namespace.items()):
                cls = type(value)
                if (
                    cls not in _PLAIN
                    and not isinstance(value, (type, *_OWN))
                    and not key.startswith("__")
                ):
                    self.globals.setdefault((name, key), value)


#: What is named in a way of its own.
_OWN: Final = (Store, Manager, Client, Service, Session, Timer)


class Naming:
    """Names the objects that have a name.

    Args:
        named: what has a name.
        number_of: the number of a timer; ``None`` for one that has ended.
    """

    def __init__(
        self, named: Named, number_of: Callable[[Timer], int | None] | None = None
    ) -> None:
        timers = {timer: number for number, timer in named.timers.items()}
        self._number_of = number_of or timers.get
        self._named = named  # an object that is gone could leave its id to another
        self._paths: dict[int, Path] = {id(value): path for path, value in named.globals.items()}
        self._stated: dict[int, Path] = {id(value): path for path, value in named.stated.items()}
        self._ways: dict[type, Callable[[Any], Any] | None] = {}

    def reduce(self, obj: Any) -> Any:
        """How to make this object, as ``__reduce__`` tells it; ``NotImplemented`` for the usual way.

        Raises:
            RestartError: it cannot move to another process.
        """
        cls = type(obj)
        try:
            way = self._ways[cls]
        except KeyError:
            way = self._ways[cls] = self._way_of(cls)
        if way is not None:
            return way(obj)
        path = self._paths.get(id(obj))
        if path is not None and id(obj) not in self._stated:
            return _global, (path,)
        path = self._stated.get(id(obj))
        if path is not None and path[0] != "store":
            return _stated, (path,), dict(values_of(obj)), None, None, _fill_stated
        return NotImplemented

    def _way_of(self, cls: type) -> Callable[[Any], Any] | None:
        if issubclass(cls, type) or cls in (types.FunctionType, types.BuiltinFunctionType):
            return lambda _: NotImplemented  # by module and name, as pickle does
        if issubclass(cls, Store):
            return self._store_object
        if issubclass(cls, Manager):
            return lambda manager: (_manager, (manager.store_cls,))
        if issubclass(cls, Client):
            return lambda client: (_client, (client.id,))
        if issubclass(cls, Service):
            return lambda _: (_service, ())
        if issubclass(cls, Session):
            return lambda _: (_session, ())
        if issubclass(cls, Timer):
            return self._timer
        if issubclass(cls, ListenerTask) or cls.__module__.startswith(_OF_THE_PROCESS):
            return _refuse
        return None

    def _store_object(self, obj: Any) -> Any:
        store_cls = type(obj)
        if store_cls.manager.get_active(obj.key) is obj:
            return _store_object, (store_cls.schema.name, obj.key)
        return NotImplemented

    def _timer(self, timer: Timer) -> Any:
        number = self._number_of(timer)
        if number is None:
            return _ended_timer, (timer.delay, timer.interval)
        return _timer, (number,)


class _Pickler(pickle.Pickler):
    """Names what has a name.

    Args:
        file: written to.
        named: what has a name.
    """

    def __init__(self, file: Any, named: Named) -> None:
        super().__init__(file, PROTOCOL)
        self.reducer_override = Naming(named).reduce  # type: ignore[method-assign]  # as it is called


def _refuse(obj: Any) -> Any:
    cls = type(obj)
    raise RestartError(f"a {cls.__module__}.{cls.__qualname__} cannot move to another process")


def dumps(value: Any, named: Named) -> bytes:
    """The pickle of a value.

    Raises:
        Exception: whatever pickle or the code of an object raises.
    """
    file = io.BytesIO()
    _Pickler(file, named).dump(value)
    return file.getvalue()


def problem_with(value: Any, named: Named) -> str:
    """Why a value cannot be pickled; empty if it can."""
    try:
        dumps(value, named)
    except Exception as error:  # noqa: BLE001 - see dumps()
        return str(error) or repr(error)
    return ""


# -- reading -----------------------------------------------------------------------------------------


class Reader:
    """What names mean in this process.

    Args:
        named: the objects of this process.
        stated_before: what the modules of the other process have stated (``Statements.values``); ``None``
            for the same as those of this one.
    """

    def __init__(
        self, named: Named, stated_before: dict[Path, dict[str, Any]] | None = None
    ) -> None:
        self.named = named
        statements = named.service.session.current.statements
        self._present = {} if statements is None else statements.values
        self._former = Statements(Names({}), NewCode(named.service.session, {}, {}))
        self._former.values = self._present if stated_before is None else stated_before

    def newly_stated(self, path: Path, obj: Any) -> set[str]:
        """The names of the values of an object that its module states, and did not in the other process.

        As in a reload: see ``cletus.reload.state.statements``.
        """
        now = self._present.get(path)
        return set() if now is None else set(stated(self._former, path, obj, now))

    def states(self, path: Path) -> bool:
        """Whether a module here makes this object."""
        return path in self._present


_reader: Final[ContextVar[Reader]] = ContextVar("cletus.restart.reader")


class reading:  # noqa: N801 - it is used as a function; contextlib's take longer than most values do
    """Within, names mean what the reader says."""

    def __init__(self, reader: Reader) -> None:
        self._entered = reader

    def __enter__(self) -> None:
        self._token = _reader.set(self._entered)

    def __exit__(self, *_: object) -> None:
        _reader.reset(self._token)


def loads(data: bytes, reader: Reader) -> Any:
    """The value of a pickle that a process of ours has made.

    Raises:
        Exception: whatever pickle or the code of an object raises, such as for a class that is gone.
    """
    with reading(reader):
        return pickle.loads(data)  # noqa: S301 - from our own other process, over a private socket


def _service() -> Service:
    return _reader.get().named.service


def _session() -> Session:
    return _service().session


def _client(number: int) -> Client | None:
    """A client; ``None`` for one who had left already."""
    return _reader.get().named.clients.get(number)


def _timer(number: int) -> Timer:
    timer = _reader.get().named.timers.get(number)
    return _ended_timer(0.0, None) if timer is None else timer


def _ended_timer(delay: float, interval: float | None) -> Timer:
    timer = Timer(delay, interval, _nothing)
    timer.cancel()
    return timer


def attribute_of(module: str, name: str) -> Any:
    """What a module that is loaded has under a name, such as ``Room.Exit``; ``None`` if it has nothing."""
    value: Any = sys.modules.get(module)
    for part in name.split("."):
        value = getattr(value, part, None)
    return value


def _nothing() -> None:
    """What a timer that has ended would call."""


def _manager(store_cls: Any) -> Any:
    return store_cls.manager


def _store_object(name: str, key: str) -> Any:
    store_cls = _session().find(name)
    obj = None if store_cls is None else store_cls.manager.get_active(key)
    if obj is None:
        raise RestartError(f"the new code has no store {name!r}, and {key!r} of it is referred to")
    return obj


def _global(path: Path) -> Any:
    try:
        return _reader.get().named.globals[path]
    except KeyError:
        raise RestartError(f"the new code has no {'.'.join(map(str, path))}") from None


def _stated(path: Path) -> Any:
    named = _reader.get().named
    value = named.stated.get(path)
    if value is None:
        raise RestartError(f"the new code has no {'.'.join(map(str, path))}")
    return value


#: What a process may be asked to make by name, beside classes: see ``Naming.reduce``.
MAKERS: Final[Mapping[str, Callable[..., Any]]] = {
    maker.__name__: maker
    for maker in (
        _service,
        _session,
        _client,
        _timer,
        _ended_timer,
        _manager,
        _store_object,
        _global,
        _stated,
    )
}


def _fill_stated(obj: Any, values: dict[str, Any]) -> None:
    """Give an object of a module its live values; what its new body states anew stays."""
    if isinstance(obj, ApplicationAttributes):
        return
    reader = _reader.get()
    path = next((path for path, value in reader.named.stated.items() if value is obj), None)
    keep = set() if path is None else reader.newly_stated(path, obj)
    for name, value in values.items():
        if name not in keep:
            object.__setattr__(obj, name, value)


#: A pickle has the function's own name, which has to stay.
fill_stated: Final = _fill_stated
