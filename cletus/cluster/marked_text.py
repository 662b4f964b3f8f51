"""Marks among the text that the primary sends to a gateway: where a prompt ends, what is hidden, messages.

They are commands of telnet, so the text of a connection is telnet as its terminal knows it, and a byte 255
of it is doubled. A gateway turns them into what its door speaks.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from cletus.client.client import Client
from cletus.protocol.telnet import IAC, SB, SE, Signal, Verb, subnegotiation

_ECHO: Final = 1
_GMCP: Final = 201

MARK: Final = 210
"""The option of the marks that a gateway sends to pages (``frames.Mark``): not assigned, and only for our own
page, which does not negotiate it."""

PROMPT: Final = bytes((IAC, Signal.EOR))
"""The text before it is a prompt."""

WITHDRAWN: Final = bytes((IAC, Signal.EL))
"""The text before it is that of a prompt that nobody waits for any more; it is not shown."""

HIDE: Final = bytes((IAC, Verb.WILL, _ECHO))
SHOW: Final = bytes((IAC, Verb.WONT, _ECHO))

_IAC: Final = bytes((IAC,))
_PARTS: Final = re.compile(
    rb"(?P<text>(?:[^\xff]++|\xff\xff)++)"
    rb"|\xff\xfa\xc9(?P<message>(?:[^\xff]++|\xff\xff)*+)\xff\xf0"
    rb"|(?P<mark>\xff[\xef\xf8]|\xff[\xfb\xfc]\x01)"
)
_STYLE: Final = re.compile("\\x1b\\[[0-9;]*m")
assert _PARTS.fullmatch(bytes((IAC, SB, _GMCP, IAC, SE)))  # noqa: S101 - the numbers above are these


def message(package: str, data: Any) -> bytes:
    """The mark of a message to their program.

    Raises:
        TypeError: JSON cannot represent the data.
    """
    try:
        text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    except ValueError as error:
        raise TypeError(str(error)) from error
    return subnegotiation(_GMCP, f"{package} {text}".encode())


def show(client: Client, data: bytes) -> None:
    """Show a client of a gateway what the primary has sent."""
    if _IAC in data:
        _show_parts(client, data)
    else:
        _put(client, data)


def _show_parts(client: Client, data: bytes) -> None:
    text = b""  # not put yet: it may turn out to be a prompt
    for part in _PARTS.finditer(data):
        match part.lastgroup:
            case "text":
                text = part["text"]
                continue
            case "message":
                _put(client, text)
                _send_message(client, part["message"])
            case _:
                _mark(client, part["mark"], text)
        text = b""
    _put(client, text)


def _mark(client: Client, mark: bytes, text: bytes) -> None:
    if mark == PROMPT:
        client.output.prompt(_decoded(client, text))
        return
    if mark == WITHDRAWN:
        client.output.withdraw_prompt(_decoded(client, text))
        return
    _put(client, text)
    if mark == HIDE:
        client.output.hide_input()
    else:
        client.output.show_input()


def _send_message(client: Client, payload: bytes) -> None:
    package, _, text = payload.replace(_IAC * 2, _IAC).decode("utf-8", "replace").partition(" ")
    client.gmcp.send(package, json.loads(text))


def _put(client: Client, data: bytes) -> None:
    if not data:
        return
    if client.terminal.editor is not None and not data.endswith(b"\n"):
        client.output.put_unfinished(_decoded(client, data))  # the line that is typed follows it
    else:
        client.output.put(data)


def _decoded(client: Client, data: bytes) -> str:
    text = data.replace(_IAC * 2, _IAC).decode(client.terminal.encoding, "replace")
    return text.replace("\r\n", "\n").replace("\r\0", "\r")


def lines_of(data: bytes, encoding: str) -> list[str]:
    """The lines of what was sent to a client, without colours, prompts and messages.

    Args:
        data: as it was sent, perhaps from the middle of a line.
        encoding: of their terminal.
    """
    text = b""
    for part in _PARTS.finditer(data):
        if part["mark"] in (PROMPT, WITHDRAWN):
            text = text[: text.rfind(b"\n") + 1]
        elif part["text"]:
            text += part["text"].replace(_IAC + _IAC, _IAC)
    words = _STYLE.sub("", text.decode(encoding, "replace")).replace("\r", "")
    return words.split("\n")[:-1]
