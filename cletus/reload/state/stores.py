"""Store objects, and dialogues, after their class has changed: what becomes of their fields.

The object stays itself and its class is exchanged (``convert.py``). Values of ordinary fields stay
where they are. Only what the declaration says to be different is converted: a field that serialises
in its own way is serialised by the old code and deserialised by the new; a class with another version
or a ``from_dict`` of its own takes all its data anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from cletus.errors import CarryError, CletusError, ReloadError
from cletus.reload.state.plain_types import is_a
from cletus.reload.state.undo import Undo
from cletus.service.report import ReloadReport
from cletus.service.service import Service
from cletus.storage import Field, Store, versions
from cletus.text.plural import counted

#: Methods of a store by which a class could have its own way of being taken apart and filled.
_OWN_WAY = ("to_dict", "from_dict", "restore")

#: What a store object keeps for fields that its class does not declare.
_KEPT = versions.EXTRA_FIELDS


def place_of(obj: Any) -> str:
    """An object in words, for messages."""
    if is_a(obj, Service):
        return "the service"
    return f"{type(obj).__name__} {obj.key!r}" if is_a(obj, Store) else repr(obj)


@dataclass(slots=True)
class FieldChanges:
    """What differs between the fields of a class and of the class that takes its place.

    Attributes:
        old, new: the classes.
        added: names of fields that are new.
        dropped: names of fields that are gone.
        renamed: old names to new ones.
        own: names of fields that are serialised by the old code and deserialised by the new.
        retyped: names of fields that state another type.
        whole: whether an object takes all its data anew.
    """

    old: Any
    new: Any
    added: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)
    own: list[str] = field(default_factory=list)
    retyped: list[str] = field(default_factory=list)
    whole: bool = False

    @property
    def differ(self) -> bool:
        """Whether there is anything to be done for an object."""
        return bool(self.added or self.dropped or self.own or self.retyped or self.whole)

    @property
    def runs_code(self) -> bool:
        """Whether code of the application may be called to convert an object."""
        added = (self.new.fields[name] for name in self.added)
        return bool(
            self.own or self.retyped or self.whole or not all(map(_has_plain_default, added))
        )


def compare_fields(old: Any, new: Any) -> FieldChanges:
    """What differs between the fields of two classes of stores or dialogues."""
    before, after = old.fields, new.fields
    changes = FieldChanges(old, new)
    is_store = issubclass(old, Store)
    changes.renamed = _renames(old, new) if is_store else {}
    changes.added = [
        name for name in after if name not in before and name not in changes.renamed.values()
    ]
    changes.dropped = [name for name in before if name not in after and name not in changes.renamed]
    for name in before.keys() & after.keys():
        if _is_ordinary(before[name]) and _is_ordinary(after[name]):
            if _type_of(before[name]) != _type_of(after[name]):
                changes.retyped.append(name)
        elif not _is_same_of_ours(before[name], after[name]):
            changes.own.append(name)
    if is_store:
        changes.whole = (
            old.version != new.version
            or bool(changes.renamed)
            or any(
                getattr(cls, method) is not getattr(Store, method)
                for cls in (old, new)
                for method in _OWN_WAY
            )
        )
        changes.own += [name for name in changes.dropped if not _is_ordinary(before[name])]
    return changes


class FieldConversion:
    """The objects of one class, converted field by field.

    Args:
        changes: what differs.
        report: is told what was added, dropped and could not be converted.
        undo: is told of each change before it is made.

    Attributes:
        data: what the old code has serialised, by object; values of the old code in it have to be
            exchanged before ``convert``.
    """

    def __init__(self, changes: FieldChanges, report: ReloadReport, undo: Undo) -> None:
        self.changes = changes
        self.data: list[tuple[Any, dict[str, Any]]] = []
        self._report = report
        self._undo = undo
        self._failed: dict[str, list[Any]] = {}

    def serialise(self, objects: Sequence[Any]) -> None:
        """Have the old code serialise what has to be serialised.

        Its error must not refuse the code that mends it: the new code is asked later.
        """
        changes = self.changes
        fields = {name: changes.old.fields[name] for name in changes.own}
        for obj in objects if changes.whole or fields else ():
            with _naming(obj, "", "serialise() raised"):
                if changes.whole:
                    data = _attempt(obj.to_dict, session=True)
                else:
                    data = {
                        name: _attempt(each.serialise, obj, name) for name, each in fields.items()
                    }
            self.data.append((obj, data))

    def add_fields(self, objects: Sequence[Any]) -> None:
        """Give objects the initial values of fields that are new.

        Raises:
            CarryError: a default raised.
        """
        changes = self.changes
        names = [name for name in changes.added if not changes.whole]
        if not names:
            return
        self._undo.note_all(map(vars, objects))
        fields = [(name, changes.new.fields[name].contribute_to_instance) for name in names]
        try:
            # As after a restart: an attribute of that name was not a value of the field.
            for obj in objects:
                for name, contribute in fields:
                    contribute(obj, name)
        except Exception:
            with _naming(obj, name, "its default raised"):
                raise

    def convert(self, objects: Sequence[Any], *, lenient: bool = False) -> None:
        """Convert what differs, now that the objects are of the new class.

        Args:
            objects: all of the class.
            lenient: whether an object that cannot be converted is left as it is, with a note.

        Raises:
            ReloadError: an object cannot be converted.
        """
        for convert in self._conversions():
            for obj, data in convert[1](objects):
                try:
                    self._undo.note_contents(vars(obj))
                    convert[0](obj, data)
                except ReloadError as error:
                    if not lenient:
                        raise
                    self._report.warnings.append(f"{error}; it is left as it is")
        self._note_failures()

    # -- inside -----------------------------------------------------------------------------

    def _conversions(self) -> list[tuple[Callable[[Any, Any], None], Callable[[Any], Any]]]:
        changes = self.changes

        def with_data(objects: Sequence[Any]) -> list[tuple[Any, Any]]:
            wanted = set(map(id, objects))
            return [pair for pair in self.data if id(pair[0]) in wanted]

        def bare(objects: Sequence[Any]) -> list[tuple[Any, Any]]:
            return [(obj, None) for obj in objects]

        def with_kept(objects: Sequence[Any]) -> list[tuple[Any, Any]]:
            added = set(changes.added)
            return [
                (obj, None)
                for obj in objects
                if not vars(obj).keys().isdisjoint(_KEPT)
                and not all(added.isdisjoint(getattr(obj, name)) for name in _KEPT)
            ]

        if changes.whole:
            return [(self._take_anew, with_data)]
        steps: list[tuple[Callable[[Any, Any], None], Callable[[Any], Any]]] = []
        # First: what is parked for a field that is declared again is forgotten by the next step.
        if changes.added and issubclass(changes.new, Store):
            steps.append((self._take_back, with_kept))
        if changes.dropped and issubclass(changes.new, Store):
            steps.append((self._park_dropped, with_data if changes.own else bare))
        if changes.own:
            steps.append((self._deserialise, with_data))
        if changes.retyped:
            steps.append((self._retype, bare))
        return steps

    def _take_anew(self, obj: Any, data: Any) -> None:
        changes = self.changes
        if isinstance(data, _Failure):
            data = (
                _attempt(obj.to_dict, session=True)
                if changes.old.version == changes.new.version
                else data
            )
        if isinstance(data, _Failure):
            self._failed.setdefault("to_dict()", [data.error, 0])[1] += 1
            data = {name: vars(obj)[name] for name in changes.old.fields if name in vars(obj)}
        for old_name, new_name in changes.renamed.items():
            if old_name in data and new_name not in data:
                data[new_name] = data.pop(old_name)
        attributes = vars(obj)
        for name in (*changes.old.fields, *_KEPT):
            attributes.pop(name, None)
        with _naming(obj, "", "it cannot be filled"):
            changes.new.schema.initialise(obj)
            obj.restore(data, changes.old)

    def _park_dropped(self, obj: Any, data: dict[str, Any] | None) -> None:
        """What the new code does not declare stays with the object, and in its file."""
        old = self.changes.old
        attributes = vars(obj)
        values = {}
        for name in self.changes.dropped:
            if name in attributes:
                value = attributes.pop(name)
                serialised = (data or {}).get(name, value)
                values[name] = value if isinstance(serialised, _Failure) else serialised
        if values:
            versions.keep_extra_fields(
                obj,
                versions.as_saved(values, versions.typed_names(old)),
                versions.session_names(old),
            )

    def _deserialise(self, obj: Any, data: dict[str, Any]) -> None:
        for name, serialised in data.items():
            after = self.changes.new.fields.get(name)
            if after is None:
                continue
            value = serialised
            if isinstance(serialised, _Failure):
                value = _attempt(after.serialise, obj, name)
                if isinstance(value, _Failure):
                    self._failed.setdefault(f"field {name!r}", [serialised.error, 0])[1] += 1
                    continue
            with _naming(obj, name, "deserialise() raised"):
                after.deserialise(obj, name, value)

    def _retype(self, obj: Any, _: None) -> None:
        attributes = vars(obj)
        for name in self.changes.retyped:
            typed = self.changes.new.fields[name].typed
            if typed is not None and name in attributes:
                with _naming(obj, name, "its type has changed"):
                    attributes[name] = typed.accept(attributes[name], obj, name)

    def _take_back(self, obj: Any, _: None) -> None:
        """Fields that are declared again have their values back."""
        kept = {name: value for where in _KEPT for name, value in getattr(obj, where).items()}
        back = {name: kept[name] for name in self.changes.added if name in kept}
        if back:
            with _naming(obj, ", ".join(back), "it cannot be filled"):
                obj.from_dict(back, session=True)

    def _note_failures(self) -> None:
        for name, (error, count) in self._failed.items():
            self._report.warnings.append(
                f"{self.changes.new.__name__}, {name}: serialise raised {error!r} in the old code and "
                f"in the new; the values of {counted(count, 'object')} stay as they are: mend it, "
                "and save again"
            )


@dataclass(frozen=True, slots=True)
class _Failure:
    """A placeholder for data that could not be serialised."""

    error: Exception


def _attempt(call: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
    try:
        return call(*arguments, **keywords)
    except CletusError:
        raise
    except Exception as error:  # noqa: BLE001 - code of the application, which is about to be replaced
        return _Failure(error)


class _naming:  # noqa: N801 - it reads as a statement
    """Names the object and the field in what is raised inside."""

    def __init__(self, obj: Any, name: str, reason: str) -> None:
        self._place = obj, name
        self._reason = reason

    def __enter__(self) -> None:
        pass

    def __exit__(self, cls: Any, error: Any, trace: Any) -> None:
        if isinstance(error, Exception) and not isinstance(error, ReloadError):
            obj, name = self._place
            place = f"{place_of(obj)}, field {name!r}" if name else place_of(obj)
            raise CarryError(place, self._reason) from error


def _renames(old: Any, new: Any) -> dict[str, str]:
    """Old names to new ones; also those of a renaming that is undone."""
    renames: dict[str, str] = {}
    for name, earlier in new.schema.renames:
        renames |= {
            before: name
            for before in earlier
            if before in old.fields and name not in old.fields and before not in new.fields
        }
    for name, earlier in old.schema.renames:
        for before in earlier:
            if before in new.fields and before not in old.fields and name not in new.fields:
                renames.setdefault(name, before)
    return renames


def _is_ordinary(declared: Any) -> bool:
    return is_a(declared, Field) and all(
        getattr(type(declared), method) is getattr(Field, method)
        for method in ("serialise", "deserialise")
    )


def _has_plain_default(declared: Any) -> bool:
    """Whether a new object gets the field without a call of the application's code."""
    return (
        _is_ordinary(declared)
        and type(declared).contribute_to_instance is Field.contribute_to_instance
        and type(declared).make_default is Field.make_default
        and (not callable(declared.default) or declared.default in (list, dict, set))
    )


def _is_same_of_ours(before: Any, after: Any) -> bool:
    """Whether both are the same field of Cletus's own: then what is in the objects fits."""
    return (
        type(before) is type(after)
        and type(after).__module__.startswith("cletus.")
        and getattr(before, "store", None) == getattr(after, "store", None)
        and getattr(before, "model", None) is getattr(after, "model", None)
    )


def _type_of(declared: Any) -> Any:
    """What a field states about its values. Types of the application go by their names."""
    typed = declared.typed
    return None if typed is None else (repr(typed.type), typed.optional)
