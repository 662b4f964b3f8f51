"""Carrying values from one generation of code to the next.

A value is copied for the new code: containers are copied (so that a rollback finds the old ones as
they were), store objects become their successors, what is of an application class is rebuilt on the
class that now has its name, and functions, classes and bound methods are looked up by name. What is
shared before is shared after, and cycles survive. All else (a client, the service, a socket) is
carried as it is.
"""

from __future__ import annotations

import enum
import functools
import sys
import types
import weakref
from collections.abc import Callable
from typing import Any, cast

from cletus.client.attributes import ApplicationAttributes
from cletus.errors import CarryError, CarryFailed, StoreGone
from cletus.reload.state.memo import Known, check_layout
from cletus.reload.state.plain_types import ATOMS, CONTAINERS, PERSISTENT, member_like, name_of
from cletus.reload.state.reduce import take_apart
from cletus.service.session import Session
from cletus.storage import Manager, Store


class Carrier:
    """Carries values to the generation whose modules are now in ``sys.modules``.

    Args:
        session: whose application's classes are rebuilt.

    Attributes:
        by_reference: what was carried as it is although it is neither plain data nor ours, as
            ``place: type`` lines for the report.
        known: what each object has been carried to so far.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._application = session.application
        self._owned: dict[type, bool] = {}
        self._classes: dict[type, type] = {}
        self.known = Known()
        self._memo = self.known.memo
        # Values made on the fly must stay alive, or others could get their id().
        self._kept: list[Any] = []
        self._place = ""
        self.by_reference: dict[str, None] = {}
        self._in_place = False

    def carry(self, value: Any, place: str) -> Any:
        """The value for the new code.

        Args:
            value: anything.
            place: where it was found, for messages: ``User 'bob', field 'pet'``.

        Raises:
            CarryError: it cannot be carried; the error names the place and the reason.
            CarryFailed: the application's own code raised.
        """
        self._place = place
        self._kept.append(value)
        mark = self.known.mark()
        try:
            return self._carry(value)
        except CarryError:
            self.known.forget_since(mark)
            raise
        except RecursionError:
            self.known.forget_since(mark)
            raise self._error("it is nested too deeply; keep chains of objects in stores") from None
        except Exception as error:
            raise CarryFailed(place, error) from error

    def carry_in_place(self, value: Any, place: str) -> Any:
        """As ``carry``, but lists and dicts stay the same objects, and get new content at the commit.

        For what hangs on objects that persist: a module body may have taken such a list for its own
        (``online = service.online``), and it must go on being the same.
        """
        self._in_place = True
        try:
            return self.carry(value, place)
        finally:
            self._in_place = False

    def owns(self, kind: type) -> bool:
        """Whether this class is of the application's modules."""
        owned = self._owned.get(kind)
        if owned is None:
            owned = self._owned[kind] = self._application.owns(kind.__module__)
        return owned

    def new_class(self, kind: type) -> type:
        """The class that has the name of this one in the new code.

        Raises:
            CarryError: there is none.
        """
        found = self._classes.get(kind)
        if found is None:
            found = self._new_store(kind) if issubclass(kind, Store) else None
            found = found or self._by_name(kind)
            if not isinstance(found, type):
                raise self._error(f"{name_of(kind)} is not a class any more")
            self._classes[kind] = found
        return found

    # -- inside -----------------------------------------------------------------------------

    def _new_store(self, kind: type[Store]) -> type[Store] | None:
        """Stores go by their own names, whose case does not matter, wherever they are defined."""
        is_registered = self._session.current.stores.get(kind.__name__.lower()) is kind
        return self._session.find(kind.__name__) if is_registered else None

    def _error(self, reason: str) -> CarryError:
        return CarryError(self._place, reason)

    def _carry(self, value: Any) -> Any:
        kind = type(value)
        if kind in ATOMS:
            return value
        known = self._memo.get(id(value))
        if known is not None:
            return known
        carry = _BY_TYPE.get(kind)
        if carry is not None:
            return carry(self, value)
        return self._carry_object(value, kind)

    def _remember(self, old: Any, new: Any) -> Any:
        self._memo[id(old)] = new
        return new

    def _carry_list(self, value: list[Any]) -> list[Any]:
        if self._in_place:
            self._remember(value, value)
            items = [self._carry(one) for one in value]
            if any(new is not old for new, old in zip(items, value, strict=True)):
                self.known.updates.append((value, items))
            return value
        if ATOMS.issuperset(map(type, value)):
            return cast("list[Any]", self._remember(value, value.copy()))
        new: list[Any] = self._remember(value, [])
        carry = self._carry
        new.extend([one if type(one) in ATOMS else carry(one) for one in value])
        return new

    def _carry_dict(self, value: dict[Any, Any]) -> dict[Any, Any]:
        # Keys that are objects would have to be hashed by the application's code at the commit.
        if self._in_place and all(type(name) in ATOMS for name in value):
            self._remember(value, value)
            content = {name: self._carry(one) for name, one in value.items()}
            if any(content[name] is not one for name, one in value.items()):
                self.known.updates.append((value, content))
            return value
        if ATOMS.issuperset(map(type, value.values())) and ATOMS.issuperset(map(type, value)):
            return cast("dict[Any, Any]", self._remember(value, value.copy()))
        new: dict[Any, Any] = self._remember(value, {})
        carry = self._carry
        for name, one in value.items():
            key = name if type(name) in ATOMS else carry(name)
            new[key] = one if type(one) in ATOMS else carry(one)
        return new

    def _carry_set(self, value: set[Any]) -> Any:
        if self._in_place and all(type(one) in ATOMS for one in value):
            return self._remember(value, value)
        new: set[Any] = self._remember(value, set())
        new.update([self._carry(one) for one in value])
        return new

    def _carry_frozenset(self, value: frozenset[Any]) -> Any:
        return self._unless_same(value, frozenset, [self._carry(one) for one in value])

    def _carry_tuple(self, value: tuple[Any, ...]) -> Any:
        return self._unless_same(value, tuple, [self._carry(one) for one in value])

    def _unless_same(self, value: Any, kind: Callable[[Any], Any], items: list[Any]) -> Any:
        """An immutable collection whose items are carried as they are is itself carried as it is."""
        known = self._memo.get(id(value))
        if known is not None:  # a cycle through a mutable item has been here before
            return known
        same = all(new is old for new, old in zip(items, value, strict=True))
        return self._remember(value, value if same else kind(items))

    def _carry_object(self, value: Any, kind: type) -> Any:
        if isinstance(value, type):
            return self.new_class(value) if self.owns(value) else value
        if isinstance(value, PERSISTENT):
            return value
        if self.owns(kind):
            return self._carry_owned(value, kind)
        if isinstance(value, CONTAINERS):
            return self._rebuild(value, kind)
        if not isinstance(value, enum.Enum):
            self.by_reference[f"{self._place}: {name_of(kind)}"] = None
        return value

    def _carry_owned(self, value: Any, kind: type) -> Any:
        if isinstance(value, Store) and self._session.find(kind.__name__) is None:
            raise StoreGone(self._place, f"the store {kind.__name__} is gone")
        new_kind = self.new_class(kind)
        if new_kind is kind:
            # Made by the new code already: by a module body, or by a field's deserialise().
            return value
        if isinstance(value, enum.Enum):
            return self._carry_enum(value, new_kind)
        if isinstance(value, Manager):
            return self._carry_manager(value)
        if isinstance(value, Store):
            return self._carry_inactive(value, new_kind)
        return self._rebuild(value, kind)

    def _carry_enum(self, value: enum.Enum, new_kind: Any) -> Any:
        try:
            return member_like(value, new_kind)
        except (KeyError, ValueError):
            raise self._error(f"{name_of(type(value))} does not have {value!r} any more") from None

    def _carry_manager(self, value: Manager[Any]) -> Manager[Any]:
        new: Any = self.new_class(value.store_cls)
        return cast("Manager[Any]", new.manager)

    def _carry_inactive(self, value: Store, new_kind: Any) -> Store:
        """A store object that is not in its manager's active list but is referred to all the same."""
        known = self.known.sharing_attributes_with(value)
        if known is not None:
            self.known.succeed(value, known)
            return cast("Store", known)
        check_layout(value, new_kind, f"Store {new_kind.__name__}")
        new: Store = new_kind.__new__(new_kind)
        self.known.succeed(value, new)
        for name, one in vars(value).items():
            new.__dict__[name] = self._carry(one)
        for name, field in new_kind.fields.items():
            if name not in new.__dict__:
                field.contribute_to_instance(new, name)
        return new

    def _carry_function(self, value: Any) -> Any:
        return self._by_name(value) if self._application.owns(value.__module__) else value

    def _carry_method(self, value: types.MethodType) -> Any:
        owner = self._carry(value.__self__)
        if isinstance(
            owner, ApplicationAttributes
        ):  # of a subclass of Service; its new class is yet to come
            return types.MethodType(self._carry_function(value.__func__), owner)
        function: Any = value.__func__
        if owner is value.__self__ and not self._application.owns(function.__module__):
            return value
        name = function.__name__
        method = getattr(owner, name, None)
        if method is None:
            raise self._error(f"{name_of(type(owner))} has no method {name!r} any more")
        return method

    def _carry_module(self, value: types.ModuleType) -> Any:
        if not self._application.owns(value.__name__):
            return value
        if value.__name__ not in sys.modules:
            raise self._error(f"the module {value.__name__} is not imported any more")
        return sys.modules[value.__name__]

    def _carry_reference(self, value: weakref.ref[Any]) -> Any:
        target = value()
        return self._remember(value, value if target is None else weakref.ref(self._carry(target)))

    def _carry_weak(self, value: Any) -> Any:
        """A weak container; what is in it is held by somebody else, such as a manager."""
        new = self._remember(value, type(value)())
        if isinstance(value, weakref.WeakSet):
            new.update([self._carry(one) for one in value])
        else:
            new.update([(self._carry(key), self._carry(one)) for key, one in value.items()])
        return new

    def _by_name(self, value: Any) -> Any:
        """What stands now where this class or function stood."""
        return self._named(value.__module__, value.__qualname__)

    def _named(self, module: str, path: str) -> Any:
        if "<" in path:
            raise self._error(
                f"{module}.{path} has no name that the new code could be asked for: "
                "define it at the top level of its module"
            )
        found = sys.modules.get(module)
        for part in path.split("."):
            found = getattr(found, part, None)
        if found is None:
            raise self._error(f"{module}.{path} is gone")
        return found

    def _rebuild(self, value: Any, kind: type) -> Any:
        """Take an object apart, and put it together from carried parts.

        None of them in place: whatever makes it may look into them now, and not after the commit.
        """
        in_place, self._in_place = self._in_place, False
        try:
            return self._put_together(value, kind)
        finally:
            self._in_place = in_place

    def _put_together(self, value: Any, kind: type) -> Any:
        try:
            parts = take_apart(value)
        except Exception as error:
            raise self._error(f"{name_of(kind)} cannot be taken apart: {error}") from error
        if isinstance(parts, str):
            return self._named(value.__module__, parts)
        self._kept.append(parts)
        arguments = [self._carry(one) for one in parts.arguments]
        known = self._memo.get(id(value))
        if known is not None:  # a cycle through its arguments has been here before
            return known
        new = self._remember(value, self._carry(parts.make)(*arguments))
        parts.fill(new, self._carry)
        return new


_BY_TYPE: dict[type, Callable[[Carrier, Any], Any]] = {
    list: Carrier._carry_list,
    dict: Carrier._carry_dict,
    set: Carrier._carry_set,
    frozenset: Carrier._carry_frozenset,
    tuple: Carrier._carry_tuple,
    types.FunctionType: Carrier._carry_function,
    functools._lru_cache_wrapper: Carrier._carry_function,
    types.MethodType: Carrier._carry_method,
    types.ModuleType: Carrier._carry_module,
    weakref.ref: Carrier._carry_reference,
    weakref.WeakSet: Carrier._carry_weak,
    weakref.WeakKeyDictionary: Carrier._carry_weak,
    weakref.WeakValueDictionary: Carrier._carry_weak,
}
