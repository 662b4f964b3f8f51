"""Types of values that a reload leaves alone, or looks into, without knowing the application."""

from __future__ import annotations

import datetime
import decimal
import fractions
import functools
import ipaddress
import pathlib
import re
import types
import uuid
import weakref
import zoneinfo
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

from zope.interface.interface import InterfaceClass

from cletus.storage.schema import DocumentState
from cletus.text.markup import Styled

#: Values without parts that cannot change: they need no second look.
ATOMS = frozenset(
    {
        type(None),
        bool,
        int,
        float,
        complex,
        str,
        bytes,
        bytearray,
        type(Ellipsis),
        type(NotImplemented),
        range,
        slice,
    }
    | {datetime.date, datetime.time, datetime.datetime, datetime.timedelta, datetime.timezone}
    | {decimal.Decimal, fractions.Fraction, uuid.UUID, re.Pattern, zoneinfo.ZoneInfo}
    | {pathlib.PosixPath, pathlib.PurePosixPath, pathlib.WindowsPath, pathlib.PureWindowsPath}
    | {ipaddress.IPv4Address, ipaddress.IPv6Address, ipaddress.IPv4Network, ipaddress.IPv6Network}
    | {types.BuiltinFunctionType, types.MethodWrapperType, types.WrapperDescriptorType}
    | {Styled, DocumentState}
)

#: Containers that go on as the same objects and are looked into.
CONTAINERS = frozenset({list, dict, set, deque, defaultdict, OrderedDict, Counter})

#: Immutable values that hold others: if one of these is exchanged, a new one takes their place.
IMMUTABLE = frozenset({tuple, frozenset})

#: Weak containers; what they hold does not show among what they refer to.
WEAK = frozenset({weakref.WeakSet, weakref.WeakKeyDictionary, weakref.WeakValueDictionary})

#: Functions and the like, interfaces among them, which are found in the new code by their names.
CODE = frozenset(
    {
        types.FunctionType,
        types.MethodType,
        types.ModuleType,
        functools._lru_cache_wrapper,
        InterfaceClass,
    }
)


def is_a(value: object, classes: Any) -> bool:
    """As ``isinstance``, without asking the value: a proxy may raise, or say that it is what it stands for."""
    return issubclass(type(value), classes)


def name_of(cls: type) -> str:
    """A class by its full name, for messages."""
    return f"{cls.__module__}.{cls.__qualname__}"


class ByClass(dict[type, Any]):
    """What is worked out once for each class.

    Args:
        value_of: a class.
    """

    def __init__(self, value_of: Callable[[type], Any]) -> None:
        super().__init__()
        self._value_of = value_of

    def __missing__(self, cls: type) -> Any:
        self[cls] = self._value_of(cls)
        return self[cls]
