"""Converts every living object of the application to the class of its name in the new code.

An object stays the same object, so every reference to it stays valid: it is found by the garbage
collector and its class is exchanged. Only an object of another layout (slots added or taken, a frozen
dataclass for a plain one) is made anew, by the names of its values, and put into the place of the old
one in everything that holds it. All of this is taken back if the reload is refused.
"""

from __future__ import annotations

import enum
import gc
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import Context, ContextVar
from functools import cached_property
from itertools import chain, compress, groupby, repeat
from operator import call
from typing import Any

from cletus.client.attributes import ApplicationAttributes
from cletus.client.dialogue import Dialogue
from cletus.errors import CarryError, CarryFailed
from cletus.reload.code.loader import Mark
from cletus.reload.state.exchange import Exchanger
from cletus.reload.state.new_code import NewCode, Unnamed
from cletus.reload.state.plain_types import ByClass, is_a, name_of
from cletus.reload.state.records import (
    RecordField,
    attributes_of,
    attributes_of_all,
    forget_classes,
    has_same_layout,
    loss_of,
    make_anew,
    record_fields,
    set_value,
    slots_of,
    values_of,
)
from cletus.reload.state.references import SUSPENDED, References, is_code_type
from cletus.reload.state.statements import Path, Statements, described, stated
from cletus.reload.state.stores import FieldChanges, FieldConversion, compare_fields
from cletus.reload.state.undo import MUTABLE, Undo, set_class
from cletus.reload.state.whereabouts import Whereabouts
from cletus.service.report import ReloadReport
from cletus.service.session import Session
from cletus.settings.settings import Settings
from cletus.storage import Field, Manager, Store
from cletus.text.plural import counted

#: Objects of these classes of the application have their own way of going on, or belong to the code.
_ELSEWHERE = (ApplicationAttributes, Field, Manager, enum.Enum, Settings, type)

#: Classes with more objects than these are looked into last, or not at all.
MANY = 500
#: So few of these objects for each function and class are looked into sooner than references are counted.
FEW = 5

#: The end of a note about a value that the new code does not have.
LEFT = "it stays as it is, in the old code"

#: So many objects are asked for where they belong, until one is found that is not garbage.
_ASKED = 10

#: SQLAlchemy's mark on a mapped class. It keeps account of the objects by their class, and would be
#: confused by another: a ``ModelField`` fetches them anew.
_MAPPED = "_sa_class_manager"

#: How the standard library and Cletus hash: not by what the application says.
_OWN_HASHES = frozenset(
    {id(cls.__hash__) for cls in (object, Store, BaseException, str, int, float, tuple, frozenset)}
)


class Conversion:
    """The objects of the application on their way to the new code.

    Args:
        session: whose application is rebuilt; its staged generation is imported.
        new_code: knows what has which name in the new code.
        undo: is told of each change before it is made.
        report: is told what was added, dropped and lost.
        strict: whether a value that the new code cannot name refuses the reload.

    Attributes:
        new_code: as given.
        exchanger: knows what takes the place of which value.
        whereabouts: knows where values belong.
        namespaces: of the application's modules, those of all generations that are still alive.
    """

    def __init__(
        self,
        session: Session,
        new_code: NewCode,
        undo: Undo,
        report: ReloadReport,
        *,
        strict: bool = False,
    ) -> None:
        self._session = session
        self._undo = undo
        self._report = report
        self._strict = strict
        self.new_code = new_code
        self.exchanger = Exchanger(self.new_code, undo)
        self.exchanger.late = self._convert_late
        self._objects: dict[type, list[Any]] = {}
        self._new_objects: list[list[Any]] = []
        # Functions, classes and suspended calls, of whatever module.
        self._code: list[Any] = []
        self._fields: list[tuple[FieldConversion, list[Any]]] = []
        # Classes whose objects are left as they are, and why.
        self._gone: dict[type, str] = {}
        # Classes whose objects may lack these fields of the new class.
        self._required: dict[type, set[str]] = {}
        self._new_class: dict[type, type] = {}
        # Objects of the new code whose place is taken must stay alive, or others could get their id().
        self._joined: list[Any] = []
        # Objects of the old code whose place is taken.
        self._replaced: list[Any] = []
        self._is_remembered = False
        self.whereabouts = Whereabouts()
        self.namespaces: list[dict[str, Any]] = []

    # -- finding ----------------------------------------------------------------------------

    def find(self, others: Iterable[Any] = ()) -> None:
        """Find every object of a class of the application, in whatever holds it.

        What has no references of its own is not listed by the garbage collector: it is converted when
        it is met. Objects that ``gc.freeze`` has put aside are not listed either.

        Args:
            others: objects of other classes that are looked into, too.
        """
        self.namespaces = [mark.namespace for mark in Mark.living]
        self._objects, self._code = {}, []
        # No loop in Python: a world has a hundred thousand objects.
        heap = gc.get_objects()
        takers = list(map(ByClass(self._taker_of).__getitem__, map(type, heap)))
        deque(map(call, filter(None, takers), compress(heap, takers)), maxlen=0)
        for cls, objects in groupby(others, type):
            if cls not in self._objects:
                self._new_objects.append(list(objects))

    def _taker_of(self, cls: type) -> Callable[[Any], None] | None:
        """What takes the objects of a class that are looked for."""
        if self.new_code.owns(cls) and not self._goes_elsewhere(cls):
            self._objects[cls] = []
            return self._objects[cls].append
        if cls in SUSPENDED or is_code_type(cls):
            return self._code.append
        return None

    def _goes_elsewhere(self, cls: type) -> bool:
        if issubclass(cls, Store):
            return cls.session is not self._session  # of another service in this process
        return issubclass(cls, _ELSEWHERE) or hasattr(cls, _MAPPED)

    def serialise(self) -> None:
        """Have the old code serialise what the new code has to deserialise."""
        for cls, objects in self._objects.items():
            if not issubclass(cls, (Store, Dialogue)):
                continue
            try:
                new_class = self.new_code.class_of(cls)
            except Unnamed:
                continue
            if new_class is cls or not issubclass(new_class, (Store, Dialogue)):
                continue
            changes = compare_fields(cls, new_class)
            if issubclass(cls, Store):
                self._report_fields(changes)
            if changes.runs_code:
                self.remember()
            conversion = FieldConversion(changes, self._report, self._undo)
            conversion.serialise(objects)
            self._fields.append((conversion, objects))

    def _report_fields(self, changes: FieldChanges) -> None:
        name = changes.new.__name__
        if changes.old.schema.name != changes.new.schema.name:
            self._report.notes.append(f"renamed: store {changes.old.__name__} → {name}")
            self._warn_of_files(changes)
        self._report.fields_added += [f"{name}.{field}" for field in changes.added]
        for old, new in changes.renamed.items():
            self._report.notes.append(f"renamed: {name}.{old} → {new}")
        for field in changes.dropped:
            active = changes.old.manager.active().values()
            self._report.fields_dropped[f"{name}.{field}"] = sum(
                field in vars(obj) for obj in active
            )

    def _warn_of_files(self, changes: FieldChanges) -> None:
        """A renaming is undone: files with the name that is given up are not found any more."""
        former = changes.old.schema.name
        if former in changes.new.schema.names:
            return
        active = changes.old.manager.active()
        count = sum(key not in active for key in self._session.writer.keys(former))
        if count:
            self._report.warnings.append(
                f"{counted(count, 'object')} saved as {former}, and not active, cannot be found as "
                f"{changes.new.schema.name}: move the files, or state renamed_from = {former!r}"
            )

    def remember(self) -> None:
        """Note what all objects hold: code of the application is going to run, and may change it."""
        if self._is_remembered:
            return
        self._is_remembered = True
        for objects in self._objects.values():
            attributes = attributes_of_all(objects)
            self._undo.note_all(attributes)
            self._undo.note_all(chain.from_iterable(map(dict.values, attributes)))
            if is_a(objects[0], MUTABLE):
                self._undo.note_all(objects)

    # -- classes ----------------------------------------------------------------------------

    def convert_classes(self) -> None:
        """Give all objects their new classes.

        Raises:
            CarryError: objects cannot be of their new class.
        """
        anew: list[Any] = []
        for cls, objects in self._objects.items():
            try:
                new_class = self.new_code.class_of(cls)
            except Unnamed as error:
                self._gone[cls] = str(error)
                self.exchanger.watched.add(cls)
                self._new_objects.append(objects)
                continue
            if new_class is cls:
                self._new_objects.append(objects)
            elif issubclass(cls, Dialogue) and not issubclass(new_class, Dialogue):
                self._new_objects.append(objects)  # it is ended, and the report says so
            elif reason := self.new_code.refusal_of(cls):
                self._refuse(cls, objects, reason)
            elif self._fits(objects[0], new_class):
                self._convert(cls, new_class, objects)
            else:
                anew += self._make_anew(cls, new_class, objects)
        if anew:
            self._put_in_place(self.exchanger.successors, gc.get_objects())

    def _refuse(self, cls: type, objects: list[Any], reason: str) -> None:
        """Leave them: if they belong to the state, and not only to old code, they refuse the reload."""
        self.exchanger.refusals[cls] = reason
        self.exchanger.watched.add(cls)
        self._new_objects.append(objects)

    def _fits(self, obj: Any, new_class: type) -> bool:
        """Whether Python lets an object have this class, tried on one."""
        cls = type(obj)
        if not has_same_layout(cls, new_class):
            return False
        self._undo.add(set_class, obj, cls)
        try:
            set_class(obj, new_class)
        except TypeError:
            return False
        set_class(obj, cls)
        return True

    def _convert(self, cls: type, new_class: type, objects: list[Any]) -> None:
        self._undo.add(_set_classes, objects, cls)
        _set_classes(objects, new_class)
        self._new_objects.append(objects)
        self._add_record_fields(cls, new_class, objects)
        self._drop_cached(cls, new_class, objects)
        self.exchanger.converted(new_class, is_hashed=_is_hashed(cls, new_class))

    def _add_record_fields(self, cls: type, new_class: type, objects: list[Any]) -> None:
        """Give dataclasses and the like the defaults of fields that are new."""
        before, after = (
            {field.name: field for field in record_fields(each)} for each in (cls, new_class)
        )
        added = [field for name, field in after.items() if name not in before]
        dropped = [name for name in before if name not in after] if after else []
        name = new_class.__name__
        for lost in dropped:
            count = sum(lost in values_of(obj) for obj in objects)
            if count:
                self._report.fields_dropped[f"{name}.{lost}"] = count
        if not added:
            return
        if any(field.is_own_code for field in added):
            self.remember()
        is_lacking = False
        for obj in objects:
            values = values_of(obj)
            for field in added:
                if field.name in values:
                    continue
                if field.default is None:
                    is_lacking = True
                else:
                    self._set_default(obj, field)
        if before:
            self._report.fields_added += [f"{name}.{field.name}" for field in added]
        if is_lacking:
            required = {field.name for field in added if field.default is None}
            self._lack(new_class, new_class, required)

    def _set_default(self, obj: Any, field: RecordField) -> None:
        assert field.default is not None  # noqa: S101 - the caller has looked
        attributes = attributes_of(obj)
        if _has_class_attribute(type(obj), field.name):
            return  # as msgspec and the class's own __init__ leave it: the class has the default
        try:
            value = field.default(obj)
        except AttributeError:
            return  # it does not have a value until its __post_init__ sets it
        except Exception as error:
            place = f"{name_of(type(obj))}, field {field.name!r}"
            raise CarryError(place, "its default raised") from error
        if attributes is not None:
            self._undo.note_contents(attributes)
        set_value(obj, field.name, value)

    def _drop_cached(self, cls: type, new_class: type, objects: list[Any]) -> None:
        """Drop what a ``cached_property`` has computed whose function has changed."""
        for name in changed_cached_properties(cls, new_class):
            for obj in objects:
                attributes = attributes_of(obj)
                if attributes and name in attributes:
                    self._undo.note_contents(attributes)
                    del attributes[name]

    def _make_anew(self, cls: type, new_class: type, objects: list[Any]) -> list[Any]:
        required = {field.name for field in record_fields(new_class) if field.default is None}
        lacking = [obj for obj in objects if not required <= values_of(obj).keys()]
        if lacking:
            self._lack(cls, new_class, required)
            self._new_objects.append(objects)
            return []
        if reason := next(filter(None, map(loss_of, objects, repeat(new_class))), ""):
            self._refuse(cls, objects, reason)
            return []
        created = [self._replace(obj, new_class) for obj in objects]
        self._new_objects.append(created)
        self.exchanger.converted(new_class, is_hashed=_is_hashed(cls, new_class))
        return created

    def _lack(self, cls: type, new_class: type, required: set[str]) -> None:
        """Objects that lack a field are left: if they are met in the state, they refuse the reload."""
        self._required[cls] = required
        self._new_class[cls] = new_class
        self.exchanger.watched.add(cls)

    def _replace(self, obj: Any, new_class: type) -> Any:
        try:
            new, lost = make_anew(obj, new_class)
        except Exception as error:
            raise CarryError(name_of(new_class), "it cannot be made anew") from error
        for field in record_fields(new_class):
            if field.default is not None and field.name not in values_of(new):
                self._set_default(new, field)
        for name in lost:
            key = f"{new_class.__name__}.{name}"
            self._report.fields_dropped[key] = self._report.fields_dropped.get(key, 0) + 1
        self.exchanger.succeed(obj, new)
        for reference in weakref.getweakrefs(obj):
            if type(reference) in weakref.ProxyTypes:
                self.exchanger.succeed(reference, weakref.proxy(new))
        self._replaced.append(obj)
        self._undo.add(silence, new)  # it shares what the old one is going to use
        return new

    def _convert_late(self, obj: Any) -> Any:
        """An object that was not found is met in a container."""
        cls = type(obj)
        if self._goes_elsewhere(cls):
            return obj
        try:
            new_class = self.new_code.class_of(cls)
        except Unnamed as error:
            self._gone.setdefault(cls, str(error))
            self.exchanger.met.setdefault(cls, {})[id(obj)] = obj
            return obj
        reason = self.new_code.refusal_of(cls) or loss_of(obj, new_class)
        required = {field.name for field in record_fields(new_class) if field.default is None}
        if reason:
            self.exchanger.refusals[cls] = reason
        elif not required <= values_of(obj).keys():
            self._lack(cls, new_class, required)
        if reason or cls in self._required:
            self.exchanger.met.setdefault(cls, {})[id(obj)] = obj
            return obj
        if self._fits(obj, new_class):
            self._convert(cls, new_class, [obj])
            self.exchanger.renew((), [[obj]])
            return obj
        new = self._replace(obj, new_class)
        self.exchanger.renew((), [[new]])
        return new

    def _put_in_place(self, successors: dict[int, Any], heap: list[Any]) -> None:
        own = {id(heap), *map(id, self._objects.values()), *map(id, self._new_objects)}
        own |= {id(self.exchanger.kept), id(self._joined), id(self._replaced), self._undo.own}
        self.exchanger.replace(dict(successors), heap, own)

    # -- what module bodies state -----------------------------------------------------------

    def join(
        self,
        former: Statements | None,
        present: Statements,
        in_use: Mapping[Path, Any],
        given: Callable[[], Iterable[Any]],
    ) -> None:
        """Let the objects that the module bodies have made again be those that are in use.

        Args:
            former: what the modules in force stated when they were imported.
            present: what the new ones state.
            in_use: the objects that the modules in force name now, by path, and active store objects.
            given: finds the older objects to which the bodies have given something.
        """
        successors: dict[int, Any] = {}
        for path, new in present.objects.items():
            old = in_use.get(path)
            if old is None or old is new or not self._goes_on(old, new):
                continue
            self._take_stated(old, new, list(stated(former, path, new, present.values[path])))
            successors[id(new)] = old
            self._joined.append(new)
        present.objects.clear()
        if successors:
            young = gc.get_objects(generation=0)
            known = set(map(id, young))
            older = [holder for holder in given() if id(holder) not in known]
            self._put_in_place(successors, [*young, *older])

    def _goes_on(self, old: Any, new: Any) -> bool:
        """Whether the object in use can be the one that the body has made, of a related class, too."""
        cls, new_class = type(old), type(new)
        if new_class is cls:
            return _is_alike(old, new)
        is_related = issubclass(new_class, cls) or issubclass(cls, new_class)
        is_own = self.new_code.owns(cls) and self.new_code.owns(new_class)
        if not (is_related and is_own and self._fits(old, new_class)):
            return False
        set_class(old, new_class)  # to try it was noted for the undo
        self._drop_cached(cls, new_class, [old])
        self.exchanger.converted(new_class, is_hashed=_is_hashed(cls, new_class))
        return True

    def _take_stated(self, old: Any, new: Any, names: list[str]) -> None:
        values, attributes = values_of(new), attributes_of(old)
        if attributes is not None:
            self._undo.note_contents(attributes)
        before = values_of(old)
        for name in names:
            if attributes is None and name in before:
                self._undo.add(set_value, old, name, before[name])
            set_value(old, name, values[name])
        if names:
            silence(new)  # what it holds is in use from now on

    # -- values -----------------------------------------------------------------------------

    def exchange(self, containers: Iterable[Any]) -> None:
        """Exchange what cannot stay itself, in these containers, and in objects of which there are few.

        Raises:
            CarryError: tuples are nested too deeply in one of them.
        """
        data = [
            serialised
            for conversion, _ in self._fields
            for _, serialised in conversion.data
            if isinstance(serialised, dict)
        ]
        few = [objects for objects in self._new_objects if 0 < len(objects) <= MANY]
        self._renew([*containers, *data, *_finalizers()], few)

    def exchange_rest(self, accounts: list[Any], notes: list[Any]) -> None:
        """Do the same in all other objects, unless the old code has no reference left that they could hold.

        Args:
            accounts: what refers to the old code for the sake of this reload.
            notes: what refers to parts of the state, to take changes back.

        Raises:
            CarryError: something refuses the reload.
            CarryFailed: the application's own code raised.
        """
        many = [objects for objects in self._new_objects if len(objects) > MANY]
        if sum(map(len, many)) <= FEW * len(self._code) or self._may_hold_code(accounts, notes):
            self._renew([], many)
        self.check_refusals()
        try:
            self.exchanger.rehash()
        except Exception as error:
            raise CarryFailed(self.whereabouts.of(self.exchanger.rehashing), error) from error

    def _renew(self, containers: list[Any], instances: list[list[Any]]) -> None:
        try:
            self.exchanger.renew(containers, instances)
        except RecursionError:
            reason = "tuples are nested too deeply in it"
            raise CarryError(self.whereabouts.of(self.exchanger.container), reason) from None

    def _may_hold_code(self, accounts: list[Any], notes: list[Any]) -> bool:
        """Whether the many objects may hold anything that has to be exchanged, hashed anew or refused."""
        if self.exchanger.watched or self.exchanger.hashed or self._replaced:
            return True
        forget_classes()
        new = self.new_code
        lists = [*self._objects.values(), *self._new_objects, self._code, *self._undo.lists()]
        skipped = {*map(id, lists), *map(id, new.namespaces.values())}
        old = [space for space in self.namespaces if id(space) not in skipped]
        fields = [(conversion, conversion.changes) for conversion, _ in self._fields]
        references = References(
            self._session.application.owns,
            [*old, *new.old_modules.values()],
            self._code,
            [self, new, self._undo, self.exchanger, *chain.from_iterable(fields), *accounts],
            notes,
            skipped,
            new.young_ids(),
        )
        del old, fields
        return references.have_others()

    def check_refusals(self) -> None:
        """Refuse, or note, what is left of the old code.

        Raises:
            CarryError: what is left refuses the reload.
        """
        for cls, met in self.exchanger.met.items():
            objects = list(met.values())
            if cls in self._required:
                required = self._required[cls]
                objects = [obj for obj in objects if not required <= values_of(obj).keys()]
                if objects and (place := self._first_place(objects)):
                    missing = sorted(required - values_of(objects[0]).keys())
                    reason = _requires(self._new_class[cls], missing, len(objects))
                    raise CarryError(place, reason)
            elif cls in self.exchanger.refusals:
                if place := self._first_place(objects):
                    raise CarryError(place, self.exchanger.refusals[cls])
            elif cls in self._gone and not issubclass(cls, Store):  # of a store the report says it
                self._leave(self._first_place(objects), self._gone[cls], len(objects))
        for reason, (value, container, count) in self.exchanger.unnamed.items():
            self._leave(self.whereabouts.of(container, value), reason, count)

    def _first_place(self, objects: Sequence[Any]) -> str:
        """Where one of these objects belongs; "" if they are garbage that was not collected yet."""
        return next(filter(None, map(self.whereabouts.of, objects[:_ASKED])), "")

    def _leave(self, place: str, reason: str, count: int) -> None:
        if not place:
            return
        if self._strict:
            raise CarryError(place, reason)
        more = f" (and {count - 1} more)" if count > 1 else ""
        self._report.warnings.append(f"{place}{more}: {reason}; {LEFT}")

    def carry(self, value: Any, place: str) -> Any:
        """What takes the place of a value that is of no use if the new code does not have it.

        Raises:
            CarryError: it does not; the error names the place.
        """
        try:
            return self.exchanger.required(value)
        except Unnamed as error:
            raise CarryError(place, str(error)) from None

    # -- fields -----------------------------------------------------------------------------

    def add_fields(self) -> None:
        """Give store objects and dialogues the initial values of fields that are new.

        Raises:
            CarryError: a default raised.
        """
        for conversion, objects in self._fields:
            if conversion.changes.added:
                conversion.add_fields(self._all_now(objects))

    def convert_fields(self, in_use: Iterable[dict[str, Any]]) -> None:
        """Have the new code deserialise what the old code has serialised.

        Args:
            in_use: the active objects of each store, as they were; others are left as they are if
                they cannot be converted.

        Raises:
            ReloadError: an object cannot be converted.
        """
        if not any(conversion.changes.differ for conversion, _ in self._fields):
            return
        active = set(map(id, self._all_now(list(chain.from_iterable(map(dict.values, in_use))))))
        for conversion, objects in self._fields:
            now = self._all_now(objects)
            conversion.data = [(self.now(obj), data) for obj, data in conversion.data]
            strict = not issubclass(conversion.changes.new, Store)
            conversion.convert([obj for obj in now if strict or id(obj) in active])
            conversion.convert(
                [obj for obj in now if not (strict or id(obj) in active)], lenient=True
            )

    def commit(self) -> None:
        """The new code is in force."""
        for obj in self._replaced:
            silence(obj)  # what it holds is in use by the one that has its place

    def now_all(self, objects: dict[str, Any]) -> dict[str, Any]:
        """These objects as they are now."""
        if not self.exchanger.successors:
            return objects
        return {key: self.now(obj) for key, obj in objects.items()}

    def _all_now(self, objects: list[Any]) -> list[Any]:
        return list(map(self.now, objects)) if self.exchanger.successors else objects

    def now(self, obj: Any) -> Any:
        """The object as it is now: itself, unless it was made anew."""
        return self.exchanger.successors.get(id(obj), obj)


def _set_classes(objects: Sequence[Any], cls: type) -> None:
    deque(map(set_class, objects, repeat(cls)), maxlen=0)


def silence(obj: Any) -> None:
    """Have an object end without a word: what its ``__del__`` would close is in use elsewhere."""
    cls: Any = type(obj)
    if hasattr(cls, "__del__"):
        members = {"__slots__": (), "__del__": lambda _: None, "__module__": cls.__module__}
        metaclass: Any = type(cls)
        set_class(obj, metaclass(cls.__name__, (cls,), members))


def _finalizers() -> Iterable[Any]:
    """What ``weakref.finalize`` is going to call. There is no public way to it."""
    return getattr(weakref.finalize, "_registry", {}).values()


def _is_alike(old: Any, new: Any) -> bool:
    """Whether one can go on in the place of the other: a context variable cannot take another default."""
    if not is_a(old, ContextVar):
        return True
    return old.name == new.name and bool(described(_default(old)) == described(_default(new)))


def _default(variable: ContextVar[Any]) -> Any:
    try:
        return Context().run(variable.get)
    except LookupError:
        return ...


def _has_class_attribute(cls: type, name: str) -> bool:
    return name not in slots_of(cls) and any(name in vars(base) for base in cls.__mro__)


def _is_hashed(cls: type, new_class: type) -> bool:
    if issubclass(cls, Store) and cls.schema.name != new_class.schema.name:  # type: ignore[attr-defined]  # it is a store, too
        return True  # it is hashed by the name of the store
    return any(
        each.__hash__ is not None and id(each.__hash__) not in _OWN_HASHES
        for each in (cls, new_class)
    )


def _requires(cls: type, names: Iterable[str], count: int) -> str:
    fields = ", ".join(repr(name) for name in names)
    lack = "1 object lacks" if count == 1 else f"{count:,} objects lack"
    return f"{name_of(cls)} has a new required field, {fields}, which {lack}: give it a default"


def changed_cached_properties(cls: type, new_class: type) -> list[str]:
    """The names of cached properties that compute their value by another function now."""
    names = []
    for base in cls.__mro__:
        for name, attribute in vars(base).items():
            if is_a(attribute, cached_property) and not _computes_the_same(
                attribute, getattr(new_class, name, None)
            ):
                names.append(name)
    return names


def _computes_the_same(old: Any, new: Any) -> bool:
    if old is new:
        return True
    return type(old) is type(new) and _same_code(
        getattr(old.func, "__code__", None), getattr(new.func, "__code__", None)
    )


def _same_code(old: Any, new: Any) -> bool:
    """Whether two code objects do the same, wherever they stand in their files."""
    if type(old) is not type(new):
        return False
    if not hasattr(old, "co_code"):
        return bool(old == new)
    names = ("co_code", "co_names", "co_varnames", "co_freevars", "co_cellvars")
    return (
        all(getattr(old, name) == getattr(new, name) for name in names)
        and len(old.co_consts) == len(new.co_consts)
        and all(map(_same_code, old.co_consts, new.co_consts))
    )
