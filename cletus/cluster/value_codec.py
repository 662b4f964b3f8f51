"""Values of the application as msgpack, for a primary that takes over: never as a pickle.

What the next primary has itself is named, as in a restart (``cletus.restart.by_name``). Everything else is
taken apart as ``copy`` does it, and made again there: of the application's classes, of ours, and of the
standard library's in ``VALUES``. So whoever could write here could have those made, and nothing else called.

A value that is not plain is an array that begins with its tag. One that occurs twice is written once, and
referred to by its number; so what was one object stays one, and cycles stay cycles.
"""

from __future__ import annotations

import copyreg
import enum
import types
import zoneinfo
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any, Final

import msgspec

from cletus.errors import RestartError
from cletus.restart.by_name import MAKERS, Naming, Reader, attribute_of, fill_stated, reading

#: Classes and functions of others whose values move; each makes a value from plain arguments.
VALUES: Final = frozenset(
    {
        "array._array_reconstructor",
        "array.array",
        "builtins.bytearray",
        "builtins.complex",
        "builtins.object",
        "builtins.range",
        "builtins.slice",
        "collections.Counter",
        "collections.OrderedDict",
        "collections.defaultdict",
        "collections.deque",
        "datetime.date",
        "datetime.datetime",
        "datetime.time",
        "datetime.timedelta",
        "datetime.timezone",
        "decimal.Decimal",
        "fractions.Fraction",
        "functools.partial",
        "ipaddress.IPv4Address",
        "ipaddress.IPv6Address",
        "msgspec._core.rebuild",
        "pathlib.Path",
        "pathlib.PosixPath",
        "pathlib.PurePosixPath",
        "pathlib._local.PosixPath",
        "pathlib._local.PurePosixPath",
        "random.Random",
        "re._compile",
        "types.SimpleNamespace",
        "uuid.UUID",
        "zoneinfo.ZoneInfo",
    }
    | {
        f"builtins.{cls.__name__}"
        for cls in (bool, bytes, dict, float, frozenset, int, list, set, str, tuple)
    }
)

#: Whole numbers beyond these are not msgpack's.
_INT_MIN, _INT_MAX = -(2**63), 2**64 - 1

_PLAIN: Final = frozenset({str, float, bool, bytes, type(None)})

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder().decode


class Tag(enum.IntEnum):
    """What an array is."""

    AGAIN = 0
    LIST = 1
    DICT = 2
    SET = 3
    FROZENSET = 4
    TUPLE = 5
    INT = 6
    NAMED = 7
    STATED = 8
    BY_NAME = 9
    METHOD = 10
    ENUM = 11
    NEW = 12
    CALL = 13


def may_be_named(owns: Callable[[str | None], bool], module: str | None, name: str) -> bool:
    """Whether a class or function may be referred to by its name.

    Args:
        owns: whether a module is one of the application.
        module: its module.
        name: its name in there.
    """
    is_ours = module is not None and module.partition(".")[0] == "cletus"
    return is_ours or owns(module) or f"{module}.{name}" in VALUES


class _Encoder:
    """Takes one value apart.

    Args:
        naming: of what has a name.
        owns: whether a module is one of the application.
    """

    def __init__(self, naming: Naming, owns: Callable[[str | None], bool]) -> None:
        self._naming = naming
        self._owns = owns
        self._numbers: dict[int, int] = {}
        self._kept: list[Any] = []  # else an id could be given to two

    def tree(self, value: Any) -> Any:
        """The value in terms of msgpack.

        Raises:
            Exception: RestartError, or what the code of an object raises.
        """
        cls = type(value)
        if cls in _PLAIN:
            return value
        if cls is int:
            return value if _INT_MIN <= value <= _INT_MAX else [Tag.INT, str(value)]
        number = self._numbers.get(id(value))
        if number is not None:
            return [Tag.AGAIN, number]
        if cls is dict:
            self._number(value)
            return [Tag.DICT, *self._pairs(value.items())]
        if cls is list:
            self._number(value)
            return [Tag.LIST, *self._trees(value)]
        if cls is set:
            self._number(value)
            return [Tag.SET, *self._trees(value)]
        if cls is tuple:
            return [Tag.TUPLE, *self._trees(value)]
        if cls is frozenset:
            return [Tag.FROZENSET, *self._trees(value)]
        return self._object(value, cls)

    def _trees(self, values: Iterable[Any]) -> list[Any]:
        # Most are plain, and a call for each would take most of the time.
        return [value if type(value) in _PLAIN else self.tree(value) for value in values]

    def _object(self, value: Any, cls: type) -> Any:
        reduced = self._naming.reduce(value)
        if reduced is not NotImplemented:
            maker, arguments, *rest = reduced
            named = self._trees(arguments)
            if not rest:
                return [Tag.NAMED, maker.__name__, *named]
            self._number(value)
            return [Tag.STATED, *named, self.tree(rest[0])]
        if isinstance(value, type) or cls in (types.FunctionType, types.BuiltinFunctionType):
            return [Tag.BY_NAME, *self._name(value)]
        if cls is types.MethodType:
            return [Tag.METHOD, self.tree(value.__self__), value.__func__.__name__]
        if isinstance(value, enum.Enum):
            return [Tag.ENUM, *self._name(cls), value.name]
        if isinstance(value, (types.ModuleType, BaseException, types.CodeType)):
            raise RestartError(f"a {cls.__module__}.{cls.__qualname__} cannot move")
        if cls is zoneinfo.ZoneInfo:  # its own way is a private function
            return self._reduced(value, (cls, (value.key,)))
        reduce = copyreg.dispatch_table.get(cls)  # of patterns, for example
        return self._reduced(value, reduce(value) if reduce else value.__reduce_ex__(4))

    def _reduced(self, value: Any, reduced: Any) -> Any:
        if not isinstance(reduced, tuple):
            raise RestartError(f"{reduced!r} cannot move")
        maker, arguments, *rest = (*reduced, None, None, None)[:5]
        if maker is copyreg.__newobj__:  # type: ignore[attr-defined]  # typeshed lacks it
            cls, *arguments = arguments
            head = [Tag.NEW, *self._name(cls), self.tree(tuple(arguments))]
        elif not isinstance(maker, type) and f"{maker.__module__}.{maker.__name__}" not in VALUES:
            raise RestartError(f"a {type(value).__qualname__} is made by {maker!r}: it cannot move")
        else:
            head = [Tag.CALL, *self._name(maker), self.tree(tuple(arguments))]
        self._number(value)
        state, items, pairs = rest
        return [
            *head,
            self.tree(state),
            self._trees(items or ()),
            self._pairs(pairs or ()),
        ]

    def _number(self, value: Any) -> None:
        self._numbers[id(value)] = len(self._numbers)
        self._kept.append(value)

    def _pairs(self, pairs: Iterable[tuple[Any, Any]]) -> list[Any]:
        return self._trees(chain.from_iterable(pairs))

    def _name(self, value: Any) -> tuple[str, str]:
        module, name = value.__module__, value.__qualname__
        if not may_be_named(self._owns, module, name):
            raise RestartError(f"a {module}.{name} cannot move to another process")
        if attribute_of(module, name) is not value:
            raise RestartError(f"{module}.{name} is not at the top of its module")
        return module, name


def encode(value: Any, naming: Naming, owns: Callable[[str | None], bool]) -> bytes:
    """A value as bytes.

    Args:
        value: of the application.
        naming: of what has a name.
        owns: whether a module is one of the application (``session.application.owns``).

    Raises:
        Exception: RestartError, RecursionError, or what the code of an object raises.
    """
    return _encode(_Encoder(naming, owns).tree(value))


class _Decoder:
    """Makes one value.

    Args:
        owns: as in ``encode``.
    """

    def __init__(self, owns: Callable[[str | None], bool]) -> None:
        self._owns = owns
        self._values: list[Any] = []

    def value(self, tree: Any) -> Any:
        """The value of this tree."""
        if type(tree) is not list:
            return tree
        tag, *parts = tree
        make = self._MAKE.get(tag)
        if make is None:
            raise RestartError(f"a value of the unknown tag {tag!r}")
        return make(self, *parts)

    def _all(self, trees: Iterable[Any]) -> list[Any]:
        return [self.value(tree) if type(tree) is list else tree for tree in trees]

    def _again(self, number: int) -> Any:
        return self._values[number]

    def _list(self, *parts: Any) -> list[Any]:
        value: list[Any] = []
        self._values.append(value)
        value.extend(self._all(parts))
        return value

    def _dict(self, *parts: Any) -> dict[Any, Any]:
        value: dict[Any, Any] = {}
        self._values.append(value)
        if parts:
            value.update(self._pairs(parts))
        return value

    def _set(self, *parts: Any) -> set[Any]:
        value: set[Any] = set()
        self._values.append(value)
        value.update(self._all(parts))
        return value

    def _frozenset(self, *parts: Any) -> frozenset[Any]:
        return frozenset(self._all(parts))

    def _tuple(self, *parts: Any) -> tuple[Any, ...]:
        return tuple(self._all(parts))

    def _int(self, digits: str) -> int:
        return int(digits)

    def _made(self, maker: str, *arguments: Any) -> Any:
        return MAKERS[maker](*self._all(arguments))

    def _method(self, owner: Any, name: str) -> Any:
        method = getattr(self.value(owner), name)
        if not (isinstance(method, types.MethodType) or self._is_allowed(method)):
            raise RestartError(f"{name!r} is not a method")
        return method

    def _member(self, module: str, name: str, member: str) -> Any:
        return self._named(module, name)[member]

    def _stated(self, path: Any, values: Any) -> Any:
        obj = MAKERS["_stated"](self.value(path))
        self._values.append(obj)
        fill_stated(obj, self.value(values))
        return obj

    def _new(self, module: str, name: str, arguments: Any, *parts: Any) -> Any:
        cls = self._named(module, name)
        return self._filled(cls.__new__(cls, *self.value(arguments)), *parts)

    def _called(self, module: str, name: str, arguments: Any, *parts: Any) -> Any:
        maker = self._named(module, name)
        if not isinstance(maker, type) and f"{module}.{name}" not in VALUES:
            raise RestartError(f"{module}.{name} is not a class")
        return self._filled(maker(*self.value(arguments)), *parts)

    def _filled(self, obj: Any, state: Any, items: Any, pairs: Any) -> Any:
        self._values.append(obj)
        state = self.value(state)
        if state is not None:
            _set_state(obj, state)
        for item in items:
            obj.append(self.value(item))
        for key, value in self._pairs(pairs):
            obj[key] = value
        return obj

    def _pairs(self, parts: Iterable[Any]) -> list[tuple[Any, Any]]:
        values = self._all(parts)
        return list(zip(values[::2], values[1::2], strict=True))

    def _named(self, module: str, name: str) -> Any:
        value = attribute_of(module, name)
        if not self._is_allowed(value):
            raise RestartError(f"the new code has no {module}.{name}")
        return value

    def _is_allowed(self, value: Any) -> bool:
        """By the name that it has itself, since a module leads to all that it imports."""
        module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", "")
        return may_be_named(self._owns, module, name)

    _MAKE: Final[dict[int, Callable[..., Any]]] = {
        Tag.AGAIN: _again,
        Tag.LIST: _list,
        Tag.DICT: _dict,
        Tag.SET: _set,
        Tag.FROZENSET: _frozenset,
        Tag.TUPLE: _tuple,
        Tag.INT: _int,
        Tag.NAMED: _made,
        Tag.STATED: _stated,
        Tag.BY_NAME: _named,
        Tag.METHOD: _method,
        Tag.ENUM: _member,
        Tag.NEW: _new,
        Tag.CALL: _called,
    }


def decode(data: bytes, reader: Reader, owns: Callable[[str | None], bool]) -> Any:
    """The value that ``encode`` has made these bytes of.

    Args:
        data: the bytes.
        reader: of the names in it.
        owns: as in ``encode``.

    Raises:
        Exception: it cannot be read here, such as for a class that is gone; or what the code of an
            object raises.
    """
    with reading(reader):
        return _Decoder(owns).value(_decode(data))


def _set_state(obj: Any, state: Any) -> None:
    """As ``copy`` does it."""
    if hasattr(obj, "__setstate__"):
        obj.__setstate__(state)
        return
    attributes, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
    if attributes:
        obj.__dict__.update(attributes)
    for name, value in (slots or {}).items():
        object.__setattr__(obj, name, value)
