"""Exchanges what cannot stay itself, in every container that holds it.

Most values of a service are plain data and objects that were converted in place. So containers are
looked at in bulk, by the types of what they refer to: Python's garbage collector lists that in C. Only
those that hold something else are taken in hand one by one.
"""

from __future__ import annotations

import enum
import functools
import gc
import types
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, compress, repeat
from operator import is_, or_
from typing import Any

from cletus.client.attributes import ApplicationAttributes
from cletus.client.listener_task import ListenerTask
from cletus.reload.state.new_code import NewCode, Unnamed
from cletus.reload.state.plain_types import ATOMS, CODE, CONTAINERS, IMMUTABLE, WEAK, is_a
from cletus.reload.state.records import attributes_of, members_of, slots_of
from cletus.reload.state.rewrite import Rewriter
from cletus.reload.state.undo import MUTABLE, Undo
from cletus.service.session import Session
from cletus.service.timers import Timer
from cletus.storage import Manager

#: So many containers are looked at in one go. All of them are taken in hand if one has to be.
_CHUNK = 500

#: Containers that refer to more than so many values between them are remembered.
_MANY = 20 * _CHUNK

#: So deep inside an object containers are not remembered, unless they are large.
_SHALLOW = 3

#: What is never looked into: it is not state, or it cannot be changed.
_CLOSED = (type, types.FrameType, types.CodeType, types.GeneratorType, types.CoroutineType)

#: What ``list[Item]`` and ``Item | None`` make. They cannot be changed, as ``typing.List[Item]`` can.
_ALIASES = frozenset({types.GenericAlias, types.UnionType})

_FOLLOWED = CONTAINERS | IMMUTABLE | WEAK | {functools.partial, types.MappingProxyType}


class Exchanger:
    """Finds, for each value of the old code, what takes its place.

    Args:
        new_code: knows what has which name in the new code.
        undo: is told of each change before it is made.

    Attributes:
        successors: new values by the ``id()`` of the old ones.
        unnamed: what the new code lacks and what is therefore left as it is: the reason to the first
            value and container, and how many there are.
        watched: classes whose objects are noted when they are met.
        met: these objects, by class and ``id()``: they are part of the state.
        refusals: why objects of a class refuse the reload if they are met.
        late: converts an object that the garbage collector does not list.
        hashed: classes whose objects may have another place now in dicts and sets.
        container: what was looked into last.
    """

    def __init__(self, new_code: NewCode, undo: Undo) -> None:
        self._new_code = new_code
        self._rewriter = Rewriter(undo)
        self.successors: dict[int, Any] = {}
        # Values that have successors must stay alive, or others could get their id().
        self.kept: list[Any] = []
        self.unnamed: dict[str, list[Any]] = {}
        self.met: dict[type, dict[int, Any]] = {}
        self.watched: set[type] = set()
        self.refusals: dict[type, str] = {}
        self.late: Callable[[Any], Any] = lambda value: value
        self._handlers: dict[type, Callable[[Any], Any] | None] = {}
        self._clean: set[type] = set()
        self.hashed: set[type] = set()
        self._foreign: set[type] = set()
        self._is_quiet = False
        self._is_strict = False
        self.container: Any = None
        # The containers that have been looked into, and what those looked into last refer to.
        self._seen: set[int] = set()
        # The functions of libraries that were met; they and their closures are still to be rewritten.
        self._looked_into: set[int] = set()
        self._closures: list[Any] = []
        self._parts: list[Any] = []

    # -- what is known ----------------------------------------------------------------------

    def succeed(self, old: Any, new: Any) -> None:
        """Wherever the old value is met, the new one takes its place."""
        self.successors[id(old)] = new
        self.kept.append(old)

    def converted(self, new_class: type, *, is_hashed: bool) -> None:
        """Objects of this class have been converted in place: they go on.

        Args:
            new_class: their class now.
            is_hashed: whether the application says how they are hashed, so that their place in a dict
                or set may be another one now.
        """
        self._handlers.pop(new_class, None)
        self._handler_of(new_class)
        if is_hashed:
            self.hashed.add(new_class)

    def exchange(self, value: Any) -> Any:
        """What takes the place of a value: itself, if it goes on."""
        cls = type(value)
        if cls in self._clean:
            return value
        if (successor := self.successors.get(id(value))) is not None:
            return successor
        handler = self._handler_of(cls)
        return value if handler is None else handler(value)

    def required(self, value: Any) -> Any:
        """As ``exchange``, for a value that is of no use if the new code does not have it.

        Raises:
            Unnamed: it does not.
        """
        self._is_strict = True
        try:
            return self.exchange(value)
        finally:
            self._is_strict = False

    # -- state: whatever can be reached from some containers ------------------------------------

    def renew(self, containers: Sequence[Any], instances: Iterable[Sequence[Any]] = ()) -> None:
        """Exchange what is of the old code in these objects and containers, and in what they hold.

        Containers of the standard library are followed, an object of another library is looked into,
        but not through. An object of the application must be among the instances itself.

        Args:
            containers: containers of the standard library.
            instances: objects of the application, those of one class in each sequence.
        """
        self._seen = set()
        foreign: dict[int, Any] = {}
        for objects in instances:
            for chunk in _chunks(objects):
                inner = self._renew_chunk(chunk, foreign, type(type(objects[0])))
                self._renew_inner(inner, foreign)
        self._renew_inner(containers, foreign)
        self._is_quiet = True  # what a library holds is not the application's to mend
        # Not the attributes alone: from Python 3.13, a dict does not list values kept in the object.
        whole = [obj for obj in foreign.values() if not is_a(obj, MUTABLE)]
        for chunk in _chunks(whole):
            self._renew_inner(self._renew_chunk(chunk, {}, type), {})
        parts = [attributes_of(obj) or {} for obj in foreign.values() if is_a(obj, MUTABLE)]
        self._renew_inner(parts, {})
        while self._closures:
            self._rewriter.rewrite(self._closures.pop(), self.exchange)
        self._is_quiet = False

    def rehash(self) -> None:
        """Fill the dicts and sets whose keys have changed."""
        self._rewriter.rehash()

    @property
    def rehashing(self) -> Any:
        """The container that was being filled when the application's code raised."""
        return getattr(self._rewriter, "rehashing", None)

    def _renew_inner(self, level: Sequence[Any], foreign: dict[int, Any]) -> None:
        depth = 0
        while level:
            depth += 1
            # Most containers are small and not shared: looking at some of them again costs less than
            # finding out which ones those are.
            if depth > _SHALLOW or _is_large(level):
                by_id = {id(each): each for each in level if id(each) not in self._seen}
                level = list(by_id.values())
            chunks, level = _chunks(level), []
            for chunk in chunks:
                inner = self._renew_chunk(chunk, foreign)
                level += inner
                # They are remembered if they are large, and where a cycle would have no end.
                if depth > _SHALLOW or len(self._parts) > _MANY:
                    self._seen.update(map(id, chunk))

    def _renew_chunk(
        self, chunk: Sequence[Any], foreign: dict[int, Any], metaclass: type | None = None
    ) -> list[Any]:
        """Exchange what is in these containers, if there may be anything.

        Args:
            chunk: some containers, or objects of one class.
            foreign: is given the objects of other libraries that they hold.
            metaclass: the type of the class of the objects.

        Returns:
            The containers that they hold.
        """
        parts = self._parts = gc.get_referents(*chunk)
        types_of_parts = list(map(type, parts))
        present = set(types_of_parts)
        if present == {dict, metaclass} and (attributes := _attributes_alone(parts, len(chunk))):
            return attributes
        for cls in present - self._clean:
            self._handler_of(cls)
        unclean = present - self._clean - self._foreign
        # Each object refers to its class; a class beyond that is a value.
        if metaclass in unclean and types_of_parts.count(metaclass) == len(chunk):
            unclean.discard(metaclass)
        hashed = self._may_be_hashed(present) and self._may_be_hashed(_types_of_keys(chunk))
        if unclean or hashed or not WEAK.isdisjoint(map(type, chunk)):
            for container in chunk:
                self.container = container
                rehash = hashed and self._has_hashed_keys(container)
                self._rewriter.rewrite(container, self.exchange, rehash=rehash)
            parts = self._parts = gc.get_referents(*chunk)
            types_of_parts = list(map(type, parts))
        if not self._foreign.isdisjoint(present):
            others = compress(parts, map(self._foreign.__contains__, map(type, parts)))
            foreign.update((id(other), other) for other in others)
        if _FOLLOWED.isdisjoint(present):
            return []
        followed = compress(parts, map(_FOLLOWED.__contains__, types_of_parts))
        inner = list(filter(gc.is_tracked, followed))  # what Python does not track holds plain data
        return inner if present.isdisjoint(WEAK) else [*inner, *_weak(parts)]

    def _may_be_hashed(self, types: set[type]) -> bool:
        """Whether objects of one of these types may have another hash now."""
        # A tuple is hashed by what it contains.
        return bool(self.hashed) and any(
            cls in self.hashed or issubclass(cls, tuple) for cls in types
        )

    def _has_hashed_keys(self, container: Any) -> bool:
        if is_a(container, dict):
            return any(map(self._is_hashed, dict.__iter__(container)))
        if is_a(container, set):
            return any(map(self._is_hashed, set.__iter__(container)))
        return False

    def _is_hashed(self, key: Any) -> bool:
        if is_a(key, tuple):
            return type(key) in self.hashed or any(map(self._is_hashed, tuple.__iter__(key)))
        return type(key) in self.hashed

    # -- the heap: whatever holds some objects ----------------------------------------------------

    def replace(self, successors: dict[int, Any], heap: Sequence[Any], own: set[int]) -> None:
        """Put new objects into the place of old ones, in all objects that hold them.

        Args:
            successors: new objects by the ``id()`` of the old ones.
            heap: the objects to look through.
            own: the ``id()`` of containers that are not to be touched, since the reload needs them.
        """
        class_dicts = _class_dicts(heap)
        heap = [*heap, *_untracked_defaults(heap)]
        while successors:
            rebuilt: dict[int, Any] = {}
            wanted = successors.keys()

            def put(value: Any, known: dict[int, Any] = successors) -> Any:
                return known.get(id(value), value)

            for holder in list(_holders(heap, wanted)):
                if id(holder) in own or is_a(holder, _CLOSED):
                    continue
                if type(holder) in IMMUTABLE or is_a(holder, (types.MethodType, tuple)):
                    rebuilt[id(holder)] = self._rebuilt(holder, put)
                    self.kept.append(holder)
                else:
                    self._rewriter.rewrite(class_dicts.get(id(holder), holder), put)
            self.successors |= rebuilt
            successors = rebuilt

    def _rebuilt(self, holder: Any, put: Callable[[Any], Any]) -> Any:
        if is_a(holder, types.MethodType):
            return types.MethodType(holder.__func__, put(holder.__self__))
        return _rebuild(holder, list(map(put, holder)))

    # -- what takes the place of each type of value -----------------------------------------------

    def _handler_of(self, cls: type) -> Callable[[Any], Any] | None:
        try:
            return self._handlers[cls]
        except KeyError:
            handler = self._handlers[cls] = self._find_handler(cls)
            if handler is None:
                self._clean.add(cls)
                if self._is_foreign(cls):
                    self._clean.discard(cls)
                    self._foreign.add(cls)
            return handler

    def _find_handler(self, cls: type) -> Callable[[Any], Any] | None:
        if cls in IMMUTABLE:
            return self._exchange_items
        if cls in CODE or issubclass(cls, type):
            return self._exchange_code
        if cls in _ALIASES:
            return self._exchange_alias
        if issubclass(cls, weakref.ref):
            return self._exchange_reference
        if issubclass(cls, Manager):
            return self._exchange_manager
        if cls in ATOMS or issubclass(cls, ApplicationAttributes) or not self._new_code.owns(cls):
            return None
        if issubclass(cls, enum.Enum):
            return self._exchange_member
        if cls in self.watched:
            return self._watch
        try:
            is_current = self._new_code.class_of(cls) is cls
        except Unnamed:
            is_current = False
        if is_current:
            return self._exchange_items if issubclass(cls, tuple | frozenset) else None
        if cls.__hash__ is not None:  # a msgspec struct is hashed by its class, too
            self.hashed.add(cls)
        return self._exchange_late

    def _is_foreign(self, cls: type) -> bool:
        """Whether objects of this class are another library's, and may hold something of ours."""
        return (
            cls not in ATOMS
            and cls not in _FOLLOWED
            and not self._new_code.owns(cls)
            and not issubclass(cls, (ApplicationAttributes, Session, ListenerTask, Timer))
            and bool(cls.__dictoffset__ or members_of(cls))
        )

    def _exchange_items(self, value: Any) -> Any:
        items = [self.exchange(item) for item in value]
        if all(new is old for new, old in zip(items, value, strict=True)) and not (
            is_a(value, frozenset) and any(type(item) in self.hashed for item in items)
        ):
            return value
        return self._remembered(value, _rebuild(value, items))

    def _exchange_alias(self, alias: Any) -> Any:
        is_union = type(alias) is types.UnionType
        items = alias.__args__ if is_union else (alias.__origin__, *alias.__args__)
        new = [self.exchange(item) for item in items]
        if all(map(is_, new, items)):
            return alias
        if is_union:
            return self._remembered(alias, functools.reduce(or_, new))
        return self._remembered(alias, types.GenericAlias(new[0], tuple(new[1:])))

    def _exchange_code(self, value: Any) -> Any:
        if is_a(value, types.MethodType):
            return self._exchange_method(value)
        new = self._named(value, self._new_code.code_of, value)
        if new is value and type(value) is types.FunctionType and not self._new_code.is_own(value):
            self._look_into(value)
        return new

    def _look_into(self, function: types.FunctionType) -> None:
        """A library may keep what it was given in the closure of a function: ``ExitStack.callback`` does."""
        if id(function) not in self._looked_into:
            self._looked_into.add(id(function))
            self._closures += (function, *(function.__closure__ or ()))

    def _exchange_method(self, method: types.MethodType) -> Any:
        owner = self.exchange(method.__self__)
        return self._named(method, self._new_code.method_of, method, owner)

    def _exchange_member(self, member: enum.Enum) -> Any:
        reason = self._new_code.refusal_of(type(member))
        if reason:
            self.refusals[type(member)] = reason
            return self._watch(member)
        return self._named(member, self._new_code.member_of, member)

    def _exchange_manager(self, manager: Manager[Any]) -> Any:
        return self._named(manager, self._new_code.manager_of, manager)

    def _exchange_reference(self, reference: Any) -> Any:
        if is_a(reference, weakref.WeakMethod):
            method = reference()
            new = None if method is None else self.exchange(method)
            if new is method or not is_a(new, types.MethodType):
                return reference
            return self._remembered(reference, weakref.WeakMethod(new, reference.__callback__))
        target, callback = reference(), reference.__callback__
        new, new_callback = self.exchange(target), self.exchange(callback)
        is_same = new is target and new_callback is callback
        if target is None or is_same or type(reference) is not weakref.ref:
            return reference
        return self._remembered(reference, weakref.ref(new, new_callback))

    def _exchange_late(self, value: Any) -> Any:
        """An object that the garbage collector does not list, since it cannot be part of a cycle."""
        return self.late(value)

    def _watch(self, value: Any) -> Any:
        self.met.setdefault(type(value), {})[id(value)] = value
        return value

    def _named(self, value: Any, find: Callable[..., Any], *arguments: Any) -> Any:
        try:
            new = find(*arguments)
        except Unnamed as error:
            if self._is_strict:
                raise
            if not self._is_quiet:
                self.unnamed.setdefault(str(error), [value, self.container, 0])[2] += 1
            return value
        return value if new is value else self._remembered(value, new)

    def _remembered(self, value: Any, new: Any) -> Any:
        self.succeed(value, new)
        self.succeed(new, new)  # it may be met in a container that is looked into again
        return new


def _attributes_alone(parts: list[Any], count: int) -> list[Any] | None:
    """The attributes of so many objects that refer to these and to their class, and to nothing else."""
    for attributes in (parts[::2], parts[1::2]):
        if len(parts) == 2 * count == 2 * list(map(type, attributes)).count(dict):
            return attributes
    return None


def _is_large(containers: Sequence[Any]) -> bool:
    """Whether these hold many values between them; containers without a length count as such."""
    try:
        return sum(map(len, containers)) > _MANY
    except TypeError:
        return True


def _types_of_keys(containers: Sequence[Any]) -> set[type]:
    """The types of what is hashed in these: keys of dicts, members of sets."""
    types: set[type] = set()
    for cls in set(map(type, containers)):
        base = next((base for base in (dict, set) if issubclass(cls, base)), None)
        if base is not None:
            alike = compress(containers, map(is_, map(type, containers), repeat(cls)))
            types.update(map(type, chain.from_iterable(map(base.__iter__, alike))))
    return types


def _chunks(containers: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(containers), _CHUNK):
        yield containers[start : start + _CHUNK]


def _weak(parts: Sequence[Any]) -> Iterator[Any]:
    return (part for part in parts if type(part) in WEAK and not gc.is_tracked(part))


def _holders(heap: Sequence[Any], wanted: Any) -> Iterator[Any]:
    for chunk in _chunks(heap):
        if not wanted.isdisjoint(map(id, gc.get_referents(*chunk))):
            for holder in chunk:
                if not wanted.isdisjoint(map(id, gc.get_referents(holder))):
                    yield holder


def _untracked_defaults(heap: Sequence[Any]) -> Iterator[Any]:
    """Defaults of functions that Python does not track: ``object()`` in them may be exchanged, too."""
    for obj in heap:
        if type(obj) is types.FunctionType:
            for defaults in (obj.__defaults__, obj.__kwdefaults__):
                if defaults and not gc.is_tracked(defaults):
                    yield defaults


def _class_dicts(heap: Sequence[Any]) -> dict[int, type]:
    """Classes by the ``id()`` of the dict that holds their attributes.

    Such a dict must not be written to: Python would go on with the attribute that it has looked up.
    """
    return {id(gc.get_referents(vars(obj))[0]): obj for obj in heap if issubclass(type(obj), type)}


def _rebuild(value: Any, items: Sequence[Any]) -> Any:
    """A tuple or frozenset like this one with other items, also of a subclass."""
    base = tuple if is_a(value, tuple) else frozenset
    new = base.__new__(type(value), items)
    attributes = attributes_of(value)
    if attributes:
        vars(new).update(attributes)
    for slot in slots_of(type(value)).values():
        try:
            slot.__set__(new, slot.__get__(value))
        except AttributeError:
            continue
    return new
