"""The kinds of values that a reload carries without knowing anything about the application."""

from __future__ import annotations

import datetime
import decimal
import enum
import fractions
import functools
import ipaddress
import operator
import pathlib
import re
import sys
import types
import uuid
import zoneinfo
from collections import ChainMap, Counter, OrderedDict, UserDict, UserList, defaultdict, deque
from typing import Any

from cletus.client.attributes import ApplicationAttributes
from cletus.client.conversation import ListenerTask
from cletus.service.session import Session
from cletus.service.timers import Timer
from cletus.storage.schema import DocumentState
from cletus.text.markup import Styled

#: Values without parts that cannot change: they are carried as they are, without a second look.
ATOMS = frozenset(
    {
        type(None),
        bool,
        int,
        float,
        complex,
        str,
        bytes,
        type(Ellipsis),
        type(NotImplemented),
        range,
        slice,
    }
    | {datetime.date, datetime.time, datetime.datetime, datetime.timedelta, datetime.timezone}
    | {decimal.Decimal, fractions.Fraction, uuid.UUID, re.Pattern, zoneinfo.ZoneInfo}
    | {pathlib.PosixPath, pathlib.PurePosixPath, pathlib.WindowsPath, pathlib.PureWindowsPath}
    | {ipaddress.IPv4Address, ipaddress.IPv6Address, ipaddress.IPv4Network, ipaddress.IPv6Network}
    | {types.BuiltinFunctionType, types.MethodWrapperType, types.WrapperDescriptorType, type(sys)}
    | {Styled, DocumentState}
)

#: Containers of the standard library that may hold anything; they are rebuilt by their own reduction.
CONTAINERS = (
    bytearray,
    deque,
    defaultdict,
    OrderedDict,
    Counter,
    ChainMap,
    UserDict,
    UserList,
    functools.partial,
    types.SimpleNamespace,
    types.MappingProxyType,
)


#: Objects of ours that persist across reloads, and so are carried as they are.
PERSISTENT = (ApplicationAttributes, Session, ListenerTask, Timer)


def member_like(value: enum.Enum, new_kind: Any) -> Any:
    """The member of a new enum that has the name of this one; its value may be another.

    Raises:
        KeyError, ValueError: there is none.
    """
    if not isinstance(value, enum.Flag):
        return new_kind[value.name]
    # A combination has no name of its own, but its members have; it may have other bits, too.
    if sum(one.value for one in value) != value.value:
        return new_kind(value.value)
    return functools.reduce(operator.or_, (new_kind[one.name] for one in value), new_kind(0))


def name_of(kind: type) -> str:
    """A class by its full name, for messages."""
    return f"{kind.__module__}.{kind.__qualname__}"
