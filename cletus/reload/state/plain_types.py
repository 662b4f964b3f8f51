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

#: Functions and the like, which are found in the new code by their names.
CODE = frozenset(
    {
        types.FunctionType,
        types.MethodType,
        types.ModuleType,
        functools._lru_cache_wrapper,
    }
)


def name_of(cls: type) -> str:
    """A class by its full name, for messages."""
    return f"{cls.__module__}.{cls.__qualname__}"
