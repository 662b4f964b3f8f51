"""GMCP: named JSON, both ways."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cletus.protocol.gmcp import DEPTH_MAX, NAME_MAX, SUPPORTS_MAX, VALUES_MAX, GmcpOption
from cletus.protocol.options import Side


def option(on: bool = True) -> tuple[GmcpOption, list[tuple[str, Any]]]:
    heard: list[tuple[str, Any]] = []
    gmcp = GmcpOption(lambda package, data: heard.append((package, data)), lambda: b"MSDP?")
    if on:
        gmcp.switched(Side.LOCAL, True)
    return gmcp, heard


def frame(text: bytes) -> bytes:
    return b"\xff\xfa\xc9" + text + b"\xff\xf0"


def test_a_message_is_its_name_and_its_json() -> None:
    gmcp, _ = option()
    assert gmcp.message("Room.Info", {"num": 1}) == frame(b'Room.Info {"num":1}')
    assert gmcp.message("Core.Goodbye") == frame(b"Core.Goodbye")


def test_what_is_not_ascii_is_escaped_by_json() -> None:
    """So it never contains a byte 255 or a NUL."""
    gmcp, _ = option()
    assert gmcp.message("A", "\xff\0") == frame(b'A "\\u00ff\\u0000"')


def test_nothing_is_sent_to_a_client_without_gmcp() -> None:
    gmcp, _ = option(on=False)
    assert gmcp.message("Room.Info", {}) == b""
    assert gmcp.switched(Side.LOCAL, False) == b"MSDP?"


@pytest.mark.parametrize(
    ("change", "wanted", "unwanted"),
    [
        ([b'Set ["Room 1","Comm 1"]'], ["Room.Info", "comm.channel.text"], ["Char", "Roomy"]),
        ([b'Set ["char 1"]', b'Add ["Room 1"]'], ["Char.Vitals", "Room"], ["Comm"]),
        ([b'Set ["Room 1","Char 1"]', b'Remove ["room"]'], ["Char"], ["Room.Info"]),
        ([b'Set "no list"'], ["Anything"], []),
        ([b"Set [1, null]"], [], ["Anything"]),
    ],
)
def test_only_what_the_program_supports_is_sent(
    change: list[bytes], wanted: list[str], unwanted: list[str]
) -> None:
    gmcp, _ = option()
    for one in change:
        gmcp.received(b"Core.Supports." + one)
    assert all(gmcp.message(package, 1) for package in wanted)
    assert not any(gmcp.message(package, 1) for package in unwanted)


def test_a_list_of_supports_is_bounded() -> None:
    gmcp, _ = option()
    for start in range(0, 1000, 100):
        names = ",".join(f'"P{number} 1"' for number in range(start, start + 100))
        gmcp.received(f"Core.Supports.Add [{names}]".encode())
    assert gmcp.supports is not None
    assert len(gmcp.supports) == SUPPORTS_MAX


def test_a_name_that_is_too_long_is_not_remembered() -> None:
    gmcp, _ = option()
    gmcp.received(b'Core.Supports.Set ["Room 1", "%s 1"]' % (b"r" * (NAME_MAX + 1)))
    gmcp.received(b'Core.Supports.Add ["%s 1"]' % (b"c" * NAME_MAX))
    assert gmcp.supports == {"room": 1, "c" * NAME_MAX: 1}


def test_a_ping_is_answered() -> None:
    gmcp, heard = option()
    assert gmcp.received(b"core.ping 120") == frame(b"Core.Ping")
    assert heard == [("core.ping", 120)]


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b'Char.Login {"name":"bob"}', ("Char.Login", {"name": "bob"})),
        (b"External.Discord.Hello", ("External.Discord.Hello", None)),
        (b'A "\\u001b[2Jx\\ny"', ("A", "x\ny")),
        (b'A {"\\u0007k": ["\\u009b1m"]}', ("A", {"k": [""]})),
    ],
)
def test_messages_of_the_peer(payload: bytes, message: tuple[str, Any]) -> None:
    """Their strings are cleaned, so that they cannot move a cursor."""
    gmcp, heard = option()
    assert gmcp.received(payload) == b""
    assert heard == [message]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b" {}",
        b"1.2 {}",
        b"A {",
        b"A NaN",
        b"A Infinity",
        b"\xff\xfe",
        b"A " + b"9" * 5000,
        b"A " + b"[" * 500 + b"]" * 500,
        b"x" * 200,
    ],
)  # fmt: skip - a list of bytes
def test_an_invalid_message_is_ignored(payload: bytes) -> None:
    gmcp, heard = option()
    assert gmcp.received(payload) == b""
    assert heard == []


def test_depth_is_counted_outside_of_strings() -> None:
    gmcp, heard = option()
    gmcp.received(b'A ["' + b"[" * 100 + b'"]')
    gmcp.received(b"A " + b"[" * DEPTH_MAX + b"]" * DEPTH_MAX)
    assert len(heard) == 2


@given(st.binary(max_size=300))
def test_no_bytes_raise(payload: bytes) -> None:
    option()[0].received(payload)
    option()[0].received(b"A " + payload)


@pytest.mark.parametrize("package", ["Client.GUI", "Core.Goodbye", "External.Discord.Status"])
def test_some_packages_need_not_be_listed(package: str) -> None:
    """Mudlet lists neither ``Client.GUI`` nor ``Core``, and takes both."""
    option = GmcpOption(lambda name, data: None)
    option.switched(Side.LOCAL, True)
    option.received(b'Core.Supports.Set ["Char 1"]')
    assert option.message(package)
    assert not option.message("Room.Info")


def test_numbers_that_json_does_not_have_neither_leave_nor_enter() -> None:
    received: list[str] = []
    option = GmcpOption(lambda name, data: received.append(name))
    option.switched(Side.LOCAL, True)
    for number in (float("nan"), float("inf")):
        with pytest.raises(TypeError):
            option.message("Char.Vitals", {"hp": number})
    option.received(b'Char.X {"a": 1e999}')
    assert received == []


@pytest.mark.parametrize("value", [b"1", b"[]", b"{}", b'""'])
def test_the_values_of_one_message_are_bounded(value: bytes) -> None:
    """Eight KiB of empty lists would become 170 KiB of objects."""
    gmcp, heard = option()
    gmcp.received(b"A [" + b",".join([value] * (VALUES_MAX // 2 - 2)) + b"]")
    assert len(heard) == 1
    gmcp.received(b"A [" + b",".join([value] * (VALUES_MAX + 1)) + b"]")
    assert len(heard) == 1


def test_commas_in_strings_are_not_values() -> None:
    gmcp, heard = option()
    gmcp.received(b'A "' + b"[,{" * VALUES_MAX + b'"')
    assert len(heard) == 1
