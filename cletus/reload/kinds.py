"""The kinds of values that a reload carries without knowing anything about the application."""

from __future__ import annotations

import datetime
import decimal
import fractions
import functools
import ipaddress
import pathlib
import re
import sys
import types
import uuid
import zoneinfo
from collections import ChainMap, Counter, OrderedDict, UserDict, UserList, defaultdict, deque

from cletus.text import Styled

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
    | {Styled}
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
