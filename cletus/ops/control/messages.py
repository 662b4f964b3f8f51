"""What is said through a control socket: lines of JSON, a message each.

The caller begins with a ``Request``; the service ends with an ``Answer``, a ``Refusal`` or, after a
shell, with ``Ended``. In between a shell has ``Typed``, ``Resized`` and ``Finished`` from the caller,
and ``Shown`` from the service. Bytes are base64 within the JSON.
"""

from __future__ import annotations

from typing import Any, Final, Generic, TypeVar

import msgspec

from cletus.errors import BadMessage

LINE_MAX: Final = 1 << 20
"""Bytes of a message. A script that is handed to a shell is one; an answer may be longer."""

PIECE: Final = 1 << 15
"""Bytes that a shell sends in one message, in either direction."""


class Request(msgspec.Struct, frozen=True):
    """What a caller wants.

    Attributes:
        command: the name of it: ``status``.
        root: the path of the application that the caller means; the service refuses if it is not its
            own. "" for whichever runs.
        terminal: of a shell: whether a person sits at a terminal; else a script is handed over.
        columns: of a shell: how wide the terminal is.
        rows: of a shell: how high it is.
        colours: of a shell: whether what is typed is coloured.
    """

    command: str
    root: str = ""
    terminal: bool = False
    columns: int = 80
    rows: int = 24
    colours: bool = False


class Typed(msgspec.Struct, frozen=True, tag_field="is", tag="typed"):
    """Keys that were pressed, as the terminal sends them; or a piece of a script, in UTF-8."""

    data: bytes


class Resized(msgspec.Struct, frozen=True, tag_field="is", tag="resized"):
    """The caller's terminal has another size."""

    columns: int
    rows: int


class Finished(msgspec.Struct, frozen=True, tag_field="is", tag="finished"):
    """The script is complete."""


class Answer(msgspec.Struct, frozen=True, tag_field="is", tag="answer"):
    """What was asked for, and the end of it: whatever JSON can hold."""

    value: Any


class Refusal(msgspec.Struct, frozen=True, tag_field="is", tag="refusal"):
    """Why not, in a sentence; and the end of it."""

    error: str


class Shown(msgspec.Struct, frozen=True, tag_field="is", tag="shown"):
    """What a shell shows: bytes for a terminal, or plain UTF-8 for a script."""

    data: bytes


class Ended(msgspec.Struct, frozen=True, tag_field="is", tag="ended"):
    """A shell has ended: 0, or 1 if a script raised."""

    code: int


Keys = Typed | Resized | Finished
Reply = Answer | Refusal | Shown | Ended
Message = TypeVar("Message")

_encoder = msgspec.json.Encoder(enc_hook=str, decimal_format="string")


def line_of(message: msgspec.Struct) -> bytes:
    """A message as it is sent."""
    return _encoder.encode(message) + b"\n"


class Decoder(Generic[Message]):
    """Makes messages of lines.

    Args:
        kind: ``Request``, ``Keys`` or ``Reply``.
    """

    def __init__(self, kind: Any) -> None:
        self._decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(kind)

    def message(self, line: bytes) -> Message:
        """The message that this line is.

        Raises:
            BadMessage: it is none of that kind.
        """
        try:
            return self._decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise BadMessage(f"that is no message of a control socket: {error}") from None


REQUESTS: Final = Decoder[Request](Request)
KEYS: Final = Decoder[Keys](Keys)
REPLIES: Final = Decoder[Reply](Reply)


class Lines:
    """Cuts what is received into lines.

    Args:
        line_max: bytes of a line; 0 means no limit.
    """

    def __init__(self, line_max: int = LINE_MAX) -> None:
        self._max = line_max
        self._rest = bytearray()

    def receive(self, data: bytes) -> list[bytes]:
        """The lines that are complete now, without their ends.

        Raises:
            BadMessage: a line is longer than allowed.
        """
        start = len(self._rest)  # no newline is before that
        self._rest += data
        if self._rest.find(b"\n", start) < 0:
            self._bound(len(self._rest))
            return []
        *lines, rest = self._rest.split(b"\n")
        self._rest = rest
        self._bound(max(map(len, (*lines, rest))))
        return [bytes(line) for line in lines]

    def _bound(self, length: int) -> None:
        if self._max and length > self._max:
            raise BadMessage(f"a message of more than {self._max} bytes is not taken")
