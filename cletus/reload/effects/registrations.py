"""What module bodies register elsewhere: exit functions, log handlers, adapters, codecs.

During an import, the functions that register are replaced by ours, which note the call and pass it
on. So the registrations of a generation can be taken back when it is replaced: the next one registers
its own, and without that every reload would add one more, or fail since the name is taken. It is also
the only way to see what ``atexit``, ``codecs`` and ``os.register_at_fork`` hold.
"""

from __future__ import annotations

import atexit
import codecs
import logging
import os
import sys
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import FrameType, MethodType, ModuleType, TracebackType
from typing import Any

from twisted.internet.base import DelayedCall
from twisted.internet.task import LoopingCall
from twisted.logger import LogPublisher
from twisted.python import components
from twisted.python.log import theLogPublisher
from typing_extensions import override
from zope.interface import implementedBy
from zope.interface.interface import InterfaceClass

from cletus.reload.effects.resources import loggers
from cletus.reload.state.plain_types import is_a, name_of
from cletus.service.application import Application

Namespace = dict[str, Any]
#: Takes a registration back; returns a function that makes it again.
Withdraw = Callable[[], Callable[[], Any]]


@dataclass(frozen=True, slots=True)
class Registration:
    """One call of one of these functions.

    Attributes:
        function: its name: ``atexit.register``.
        arguments: weak references to what it was called with, as far as that is possible.
        location: of the call: ``example_service/core.py:9``.
        withdraw: takes it back, and returns a function that makes it again; ``None`` if it cannot be
            taken back.
    """

    function: str
    arguments: tuple[weakref.ref[Any], ...]
    location: str
    withdraw: Withdraw | None = None

    @property
    def alive(self) -> bool:
        """Whether an argument still exists."""
        return any(reference() is not None for reference in self.arguments)

    def refers_to(self, part: object) -> bool:
        """Whether this is an argument."""
        return any(reference() is part for reference in self.arguments)

    def __str__(self) -> str:
        objects = (reference() for reference in self.arguments)
        names = [getattr(item, "__qualname__", repr(item)) for item in objects]
        return f"{self.function}({', '.join(names)}) at {self.location or 'an unknown place'}"


# How a call is taken back, for each of the functions: called with the arguments of the call, they return
# a ``Withdraw``. It holds what was registered weakly, since the application may take it back itself.


def _exit_function(application: Application, function: Any, *args: Any, **kwargs: Any) -> Any:
    # The same function of others, such as shutil.rmtree, may be registered several times.
    if not application.owns(getattr(function, "__module__", None)):
        return None
    reference = _weakly(function)

    def withdraw() -> Callable[[], Any]:
        function = reference()
        if function not in exit_functions():
            return _nothing
        atexit.unregister(function)
        return lambda: atexit.register(function, *args, **kwargs)

    return withdraw


def exit_functions() -> list[Any]:
    """The functions that ``atexit`` holds. It compares each of them with what is unregistered."""
    functions: list[Any] = []

    class Probe:
        def __eq__(self, other: object) -> bool:
            functions.append(other)
            return False

        __hash__ = None  # type: ignore[assignment]  # nobody hashes it

    atexit.unregister(Probe())  # type: ignore[arg-type]  # it is never called
    return functions


def _codec(_: Application, search: Any) -> Withdraw:
    reference = _weakly(search)

    def withdraw() -> Callable[[], Any]:
        search = reference()
        if search is None:
            return _nothing
        codecs.unregister(search)
        return lambda: codecs.register(search)

    return withdraw


def _codec_error(_: Application, name: str, handler: Any) -> Withdraw:
    reference = _weakly(handler)

    def withdraw() -> Callable[[], Any]:
        handler = reference()
        if handler is None or codecs.lookup_error(name) is not handler:
            return _nothing
        # It cannot be unregistered: from here on it raises the error, as nearly as an unknown name does.
        codecs.register_error(name, getattr(codecs, f"{name}_errors", codecs.strict_errors))
        return lambda: codecs.register_error(name, handler)

    return withdraw


def _log_handler(_: Application, logger: logging.Logger, handler: logging.Handler) -> Withdraw:
    reference = _weakly(handler)

    def withdraw() -> Callable[[], Any]:
        handler = reference()
        if handler not in logger.handlers:
            return _nothing
        logger.removeHandler(handler)
        return lambda: logger.addHandler(handler)

    return withdraw


def _log_filter(_: Application, filterer: logging.Filterer, log_filter: Any) -> Withdraw:
    reference = _weakly(log_filter)

    def withdraw() -> Callable[[], Any]:
        log_filter = reference()
        if log_filter not in filterer.filters:
            return _nothing
        filterer.removeFilter(log_filter)
        return lambda: filterer.addFilter(log_filter)

    return withdraw


def _log_observer(_: Application, publisher: Any, observer: Any) -> Withdraw:
    if hasattr(observer, "legacyObserver"):  # added by twisted.python.log
        publisher, observer = theLogPublisher, observer.legacyObserver
    reference = _weakly(observer)

    def withdraw() -> Callable[[], Any]:
        observer = reference()
        if observer is None:
            return _nothing
        publisher.removeObserver(observer)
        return lambda: publisher.addObserver(observer)

    return withdraw


def _adapter(_: Application, factory: Any, original: Any, *interfaces: Any) -> Withdraw:
    registry = components.getRegistry()
    if not isinstance(original, InterfaceClass):
        original = implementedBy(original)

    def withdraw() -> Callable[[], Any]:
        for interface in interfaces:
            registry.register([original], interface, "", None)
        return restore

    def restore() -> None:
        for interface in interfaces:
            registry.register([original], interface, "", factory)

    return withdraw


def _sql_listener(_: Application, key: Any, *args: Any, **options: Any) -> Withdraw:
    def withdraw() -> Callable[[], Any]:
        if not key.contains():
            return _nothing
        key.remove()
        return lambda: key.listen(*args, **options)

    return withdraw


def _weakly(obj: Any) -> Callable[[], Any]:
    """A function that returns an object as long as it lives."""
    try:
        return weakref.WeakMethod(obj) if isinstance(obj, MethodType) else weakref.ref(obj)
    except TypeError:  # there are no weak references to it
        return lambda: obj


def _nothing() -> None:
    pass


def _not_withdrawable(*_: Any, **__: Any) -> None:
    return None


#: The functions that are replaced: their owner, their name, and how a call of them is taken back.
_FUNCTIONS: tuple[tuple[Any, str, Callable[..., Withdraw | None]], ...] = (
    (atexit, "register", _exit_function),
    (codecs, "register", _codec),
    (codecs, "register_error", _codec_error),
    (os, "register_at_fork", _not_withdrawable),
    (logging.Logger, "addHandler", _log_handler),
    (logging.Filterer, "addFilter", _log_filter),
    (LogPublisher, "addObserver", _log_observer),
    (components, "registerAdapter", _adapter),
)

#: SQLAlchemy's account of its listeners goes by ``id()``: only its own functions keep it right.
_SQL_EVENTS = "sqlalchemy.event.registry"


class Recorder:
    """A context manager that notes registrations.

    Attributes:
        registrations: those of the application, in order.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self.registrations: list[Registration] = []
        self._replaced: list[tuple[Any, str, Any, Any]] = []
        self._debug = False
        self._imports = _AfterImport(_SQL_EVENTS, self._replace_sql_events)

    def __enter__(self) -> Recorder:
        for owner, name, withdrawal in _FUNCTIONS:
            self._replace(owner, name, withdrawal)
        if _SQL_EVENTS in sys.modules:
            self._replace_sql_events()
        else:
            sys.meta_path.insert(0, self._imports)
        # Twisted then notes the stack in which each call is scheduled.
        self._debug, DelayedCall.debug = DelayedCall.debug, True
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        DelayedCall.debug = self._debug
        if self._imports in sys.meta_path:
            sys.meta_path.remove(self._imports)
        while self._replaced:
            owner, name, original, recording = self._replaced.pop()
            if getattr(owner, name) is recording:
                setattr(owner, name, original)

    def undo(self) -> list[str]:
        """Take back what can be taken back.

        Returns:
            A sentence for each of the others.
        """
        remaining = []
        for registration in reversed(self.registrations):
            if registration.withdraw is not None:
                registration.withdraw()
            else:
                remaining.append(f"{registration} cannot be taken back")
        self.registrations.clear()
        return remaining

    def _replace(self, owner: Any, name: str, withdrawal: Callable[..., Withdraw | None]) -> None:
        original = getattr(owner, name)
        recording = self._recording(owner, name, original, withdrawal)
        self._replaced.append((owner, name, original, recording))
        setattr(owner, name, recording)

    def _replace_sql_events(self) -> None:
        self._replace(vars(sys.modules[_SQL_EVENTS])["_EventKey"], "listen", _sql_listener)

    def _recording(
        self,
        owner: Any,
        name: str,
        original: Callable[..., Any],
        withdrawal: Callable[..., Withdraw | None],
    ) -> Callable[..., Any]:
        def register(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            # Somebody may have kept this function beyond the recording.
            location = location_of(sys._getframe(1), self._application) if self._replaced else ""
            if location:
                first = args[1:2] if isinstance(owner, type) else args[:1]
                arguments = tuple(_references([*first, *kwargs.values()]))
                withdraw = withdrawal(self._application, *args, **kwargs)
                function = f"{owner.__name__}.{name}"
                registration = Registration(function, arguments, location, withdraw)
                self.registrations.append(registration)
            return result

        return register


class _AfterImport(MetaPathFinder):
    """Calls a function when a module of a library has been imported."""

    def __init__(self, module: str, function: Callable[[], None]) -> None:
        self._module, self._function = module, function

    @override
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path) if fullname == self._module else None
        loader: Any = spec and spec.loader
        if loader is not None:
            original = loader.exec_module

            def exec_module(module: ModuleType) -> None:
                del (
                    loader.exec_module
                )  # the module keeps its loader, which would keep what is recorded
                original(module)
                self._function()

            loader.exec_module = exec_module
        return spec


class Withdrawal:
    """The registrations of the generation in force, taken back while the next one is imported.

    Args:
        application: its own classes of Prometheus collectors are taken back, too.
        registrations: of the generation in force.
        namespaces: of its modules; the Prometheus collectors in them are taken back, too.
    """

    def __init__(
        self,
        application: Application,
        registrations: list[Registration],
        namespaces: Iterable[Namespace],
    ) -> None:
        self._application = application
        #: Those that cannot be taken back.
        self.remaining = [item for item in registrations if item.withdraw is None]
        self._restore = [
            item.withdraw() for item in reversed(registrations) if item.withdraw is not None
        ]
        arguments = (reference() for item in registrations for reference in item.arguments)
        self._handlers = [item for item in arguments if isinstance(item, logging.Handler)]
        self._collectors = list(_unregistered(namespaces))
        self._own_collectors = self._take_own_collectors()

    def restore(self, namespaces: Iterable[Namespace]) -> None:
        """The import was refused: make all of them again.

        Args:
            namespaces: of the refused modules, whose collectors have the names of the old ones.
        """
        for _ in _unregistered(namespaces):
            pass
        self._take_own_collectors()
        for restore in reversed(self._restore):
            restore()
        for collector in (*self._collectors, *self._own_collectors):
            _registry().register(collector)

    def replace(self, namespaces: Iterable[Namespace]) -> None:
        """The new generation is in force: its collectors go on with the values of the old ones."""
        for handler in self._handlers:
            if not any(handler in logger.handlers for logger in loggers()):
                handler.close()
        former = {collector._name: collector for collector in self._collectors}
        for collector in _collectors(namespaces):
            old = former.get(collector._name)
            if old is not None and _is_alike(old, collector):
                _go_on(collector, old)
        # What was not registered by a module body is not registered by the next one either.
        again = {name_of(type(collector)) for collector in self._registered_own()}
        for collector in self._own_collectors:
            if name_of(type(collector)) not in again and _is_in_force(type(collector)):
                _registry().register(collector)

    def _registered_own(self) -> list[Any]:
        if "prometheus_client" not in sys.modules:
            return []
        return [
            collector
            for collector in _registry()._collector_to_names
            if self._application.owns(type(collector).__module__)
        ]

    def _take_own_collectors(self) -> list[Any]:
        collectors = self._registered_own()
        for collector in collectors:
            _registry().unregister(collector)
        return collectors


def _registry() -> Any:
    return sys.modules["prometheus_client"].REGISTRY


def _is_in_force(cls: Any) -> bool:
    """Whether a class of collectors is that of the new code, and not one that is gone."""
    return cls.collect.__globals__ is getattr(sys.modules.get(cls.__module__), "__dict__", None)


def _collectors(namespaces: Iterable[Namespace]) -> Iterator[Any]:
    """The collectors in namespaces, and in containers in them."""
    metrics: Any = sys.modules.get("prometheus_client.metrics")
    if metrics is None:
        return
    for namespace in namespaces:
        for value in list(namespace.values()):
            for item in (value, *_content(value)):
                if is_a(item, metrics.MetricWrapperBase):
                    yield item


def _content(value: Any) -> list[Any]:
    if is_a(value, dict):
        return list(dict.values(value))
    if is_a(value, (list, tuple, set, frozenset)):
        return list(value)
    return list(vars(value).values()) if is_a(value, type) else []


def _unregistered(namespaces: Iterable[Namespace]) -> Iterator[Any]:
    """Unregister the collectors in namespaces, and yield them."""
    for collector in _collectors(namespaces):
        try:
            _registry().unregister(collector)
        except KeyError:  # it is in a registry of its own, or met a second time
            continue
        yield collector


def _is_alike(old: Any, new: Any) -> bool:
    """Whether two collectors of one name have the same type, labels and options."""
    return type(old) is type(new) and all(
        getattr(old, name, None) == getattr(new, name, None)
        for name in ("_labelnames", "_labelvalues", "_kwargs", "_unit", "_upper_bounds")
    )


def _go_on(collector: Any, old: Any) -> None:
    """Give a collector the values of the one before it, except for what its module body states.

    That is the function that a gauge calls, and the contents of an ``Info``.
    """
    present, former = vars(collector), dict(vars(old))
    former.pop("_child_samples", None)
    if type(collector).__name__ == "Info" and present.get("_value"):
        former.pop("_value", None)
    children = former.get("_metrics", {})
    for labels, child in present.get("_metrics", {}).items():
        if labels in children:
            _go_on(child, children[labels])
        children[labels] = child
    present.update(former, _documentation=collector._documentation)


class CallSites:
    """Where the reactor's delayed calls and looping calls were scheduled, as long as they live."""

    def __init__(self) -> None:
        self._locations: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()

    def note(self, call: DelayedCall, application: Application) -> None:
        """Remember where a call was scheduled, if a ``Recorder`` was entered then."""
        location = _location_in_stack(call.creator or (), application)
        if location:
            self._locations[call] = location
            if isinstance(call.func, LoopingCall):
                self._locations[call.func] = location

    def of(self, call: Any) -> str:
        """The location, as ``example_service/clock.py:12``; "" if it is not known."""
        return self._locations.get(call, "")


def location_of(frame: FrameType | None, application: Application) -> str:
    """The innermost location in the application, going outwards from a frame.

    Returns:
        ``example_service/clock.py:12``; "" if a module of somebody else is being imported in
        between: what that registers is not the application's.
    """
    while frame is not None:
        if application.owns(frame.f_globals.get("__name__")):
            return short_location(frame.f_code.co_filename, frame.f_lineno, application)
        if frame.f_code.co_name == "<module>":
            return ""
        frame = frame.f_back
    return ""


def short_location(file: str, line: int, application: Application) -> str:
    """``file:line``, with the path from the package's folder on."""
    for root in application.roots:
        folder = str(root.path.parent)
        if file.startswith(str(root.path)):
            return f"{file[len(folder) + 1 :]}:{line}"
    return f"{file}:{line}"


def _references(arguments: list[Any]) -> Iterator[weakref.ref[Any]]:
    for argument in arguments:
        try:
            # Each access makes a new bound method; its function lasts.
            yield weakref.ref(getattr(argument, "__func__", argument))
        except TypeError:
            continue


def _location_in_stack(stack: Any, application: Application) -> str:
    """As ``location_of``, for what ``traceback.format_stack`` returns."""
    for entry in reversed(stack):
        head, _, _ = entry.strip().partition("\n")
        _, _, tail = head.partition('File "')
        file, _, tail = tail.partition('", line ')
        line, _, _ = tail.partition(",")
        if any(file.startswith(str(root.path)) for root in application.roots):
            return short_location(file, int(line), application)
    return ""
