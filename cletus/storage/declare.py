"""Process the class statement of a store: collect its fields and manager, and check them.

Whatever has ``contribute_to_class`` contributes; of that, what has ``contribute_to_instance`` is a
field, and what has ``add_active`` is a manager. Contributors of bases come first, abstract stores
and plain mixins alike, in the order of declaration; a name that a subclass declares anew belongs to
the subclass, and ``name = None`` removes it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from cletus.errors import FieldValueError, InvalidKey, StoreDeclarationError
from cletus.storage.keys import normalise
from cletus.storage.schema import Schema

_DECLARED = "_declared"
"""The attribute with a store's own class body, as it was before contributions replaced attributes."""


_OURS = Schema({})


def declare(store_cls: type[Any], reserved: frozenset[str], *, is_temporary: bool) -> None:
    """Prepare a new subclass of ``Store`` in all but its registration.

    Args:
        store_cls: the class; ``abstract``, ``fields``, ``manager`` and ``schema`` are set.
        reserved: names that no field may have.
        is_temporary: whether its objects cannot be saved.

    Raises:
        StoreDeclarationError: naming the class and the attribute.
    """
    own = dict(vars(store_cls))
    setattr(store_cls, _DECLARED, own)
    store_cls.abstract = bool(own.get("abstract", False))
    name = _store_name(store_cls)
    _check_schema_is_free(store_cls)
    contributors = _contributors(store_cls)
    for attribute, contributor in contributors.items():
        _check_name(store_cls, attribute, contributor, reserved)
    _bind_to_service(store_cls)
    for attribute, contributor in contributors.items():
        _contribute(store_cls, attribute, contributor, inherited=attribute not in own)
    _choose_manager(store_cls, contributors)
    _check_version(store_cls)
    fields = {name: field for name, field in contributors.items() if is_field(field)}
    store_cls.fields = fields
    _check_fields(store_cls, fields)
    store_cls.schema = Schema(fields, store_cls, name=name, is_temporary=is_temporary)


def is_field(contributor: object) -> bool:
    """Whether this is a field: whether it contributes to every object of the class."""
    return hasattr(contributor, "contribute_to_instance")


def _store_name(store_cls: type[Any]) -> str:
    try:
        return normalise(store_cls.__name__)
    except InvalidKey as error:
        raise StoreDeclarationError(store_cls.__name__, "", f"its name {error.reason}") from None


def _check_schema_is_free(store_cls: type[Any]) -> None:
    """``schema`` is set below, and would silently replace what the application calls so."""
    for base in store_cls.__mro__:
        attribute = _declared_by(base).get("schema", _OURS)
        if not isinstance(attribute, Schema):
            reason = "this name is reserved for the schema of the store; choose another"
            if is_field(attribute):
                reason += ', and keep what is saved by Field(..., renamed_from="schema")'
            raise StoreDeclarationError(store_cls.__name__, "schema", reason)


def _bind_to_service(store_cls: type[Any]) -> None:
    """``service`` is the canonical way; ``session = service.session`` says the same."""
    for base in store_cls.__mro__:
        declared = _declared_by(base)
        if declared.get("service") is not None:
            store_cls.session = getattr(declared["service"], "session", None)
            if store_cls.session is None:
                reason = f"{declared['service']!r} is not a service; write service = service"
                raise StoreDeclarationError(store_cls.__name__, "service", reason)
            break
        if declared.get("session") is not None:
            store_cls.session = declared["session"]
            store_cls.service = getattr(declared["session"], "service", None)
            break
    if store_cls.session is None and not store_cls.abstract:
        reason = "a store needs the service that it belongs to: service = service"
        raise StoreDeclarationError(store_cls.__name__, "service", reason)
    if store_cls.session is not None and not hasattr(store_cls.session, "register"):
        reason = f"{store_cls.session!r} is not the session of a service"
        raise StoreDeclarationError(store_cls.__name__, "session", reason)


def _contributors(store_cls: type[Any]) -> dict[str, Any]:
    """All contributors by name: those of bases first; the last declaration of a name counts."""
    contributors: dict[str, Any] = {}
    for base in reversed(store_cls.__mro__):
        for name, attribute in _declared_by(base).items():
            contributors.pop(name, None)
            if _contributes(store_cls, name, attribute):
                # An inherited field is this class's own, so that what it may note about its class
                # is not its parent's; a manager sees to that itself.
                is_new = base is store_cls or not is_field(attribute)
                contributors[name] = attribute if is_new else copy.copy(attribute)
    return contributors


def _declared_by(base: type[Any]) -> Mapping[str, Any]:
    """The class body of a store, or of a plain mixin."""
    declared: Mapping[str, Any] = vars(base).get(_DECLARED, vars(base))
    return declared


def _contributes(store_cls: type[Any], name: str, attribute: Any) -> bool:
    if not hasattr(attribute, "contribute_to_class"):
        return False
    if not isinstance(attribute, type):
        return True
    if attribute.__qualname__.startswith(f"{store_cls.__qualname__}."):
        return False  # a class of field or manager that is defined within the store
    reason = f"it is the class {attribute.__name__}; write {attribute.__name__}(), an instance"
    raise StoreDeclarationError(store_cls.__name__, name, reason)


def _check_name(
    store_cls: type[Any], name: str, contributor: Any, reserved: frozenset[str]
) -> None:
    if name == "manager" and not is_field(contributor):
        return
    if name in reserved:
        reason = "this name is reserved: stores have an attribute or method of that name"
        raise StoreDeclarationError(store_cls.__name__, name, reason)
    if name.startswith("_") and is_field(contributor):
        reason = "a field's name cannot start with an underscore"
        raise StoreDeclarationError(store_cls.__name__, name, reason)


def _contribute(store_cls: type[Any], name: str, contributor: Any, *, inherited: bool) -> None:
    if inherited and is_field(contributor):
        setattr(store_cls, name, contributor)
    try:
        contributor.contribute_to_class(store_cls, name)
    except StoreDeclarationError:
        raise
    except Exception as error:
        reason = f"{type(contributor).__name__}.contribute_to_class raised {error!r}"
        raise StoreDeclarationError(store_cls.__name__, name, reason) from error


def _choose_manager(store_cls: type[Any], contributors: dict[str, Any]) -> None:
    """``manager`` is the manager that was declared last, whatever it was called."""
    names = [
        name for name, contributor in contributors.items() if hasattr(contributor, "add_active")
    ]
    if not names:
        reason = "every store has one; leave this out for an ordinary one"
        raise StoreDeclarationError(store_cls.__name__, "manager", reason)
    name = names[-1]
    manager = vars(store_cls).get(name)
    if not hasattr(manager, "add_active"):  # its contribute_to_class does not do as ours does
        manager = copy.copy(contributors[name])
        setattr(store_cls, name, manager)
    manager.store_cls = store_cls
    store_cls.manager = manager


def _check_version(store_cls: type[Any]) -> None:
    version = store_cls.version
    if type(version) is not int or version < 0:
        reason = f"{version!r} is not a version; versions are 0, 1, 2 and so on"
        raise StoreDeclarationError(store_cls.__name__, "version", reason)


def _check_fields(store_cls: type[Any], fields: dict[str, Any]) -> None:
    for name, field in fields.items():
        for old in getattr(field, "renamed_from", ()):
            if old in fields:
                reason = f"it was called {old!r}, but a field is called so now; use a version"
                raise StoreDeclarationError(store_cls.__name__, name, reason)
        _check_default(store_cls, name, field)


def _check_default(store_cls: type[Any], name: str, field: Any) -> None:
    typed = getattr(field, "typed", None)
    if typed is None or field.default is None or callable(field.default):
        return
    try:
        typed.accept(field.default, None, name)
    except FieldValueError as error:
        reason = f"the default{error.path}: expected {error.expected}, found {error.actual}"
        raise StoreDeclarationError(store_cls.__name__, name, reason) from None
