"""The messages on a control socket: lines of JSON, one message each.

The client begins with a ``Request``. The service ends with an ``Answer``, a ``Refusal`` or, after a
shell, with ``Ended``. In a shell the client sends ``Typed`` and ``Finished``, ``Interrupted`` and
``Complete``; the service sends ``Shown``, ``Ready`` and ``Completions``. Bytes are base64 in the JSON.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Generic, TypeVar

import msgspec

from cletus.errors import BadMessage

LINE_MAX: Final = 1 << 20
"""Maximum bytes of a message to the service, and of a script. An answer may be longer."""

PATH_MAX: Final = 4096
"""Maximum characters of a path, as in Linux. To follow the links of a longer one takes seconds."""

PIECE: Final = 1 << 15
"""Maximum bytes of source or output in one message of a shell."""


class Request(msgspec.Struct, frozen=True):
    """What a client asks for.

    Attributes:
        command: its name: ``status``.
        root: the path of the application that the client means; the service refuses if it runs another
            one. "" for any.
        arguments: of the command, by name.
        terminal: for a shell: whether a person types; otherwise a script comes.
    """

    command: str
    root: Annotated[str, msgspec.Meta(max_length=PATH_MAX, pattern=r"^[^\0]*$")] = ""
    arguments: dict[str, Any] = {}
    terminal: bool = False


class Typed(msgspec.Struct, frozen=True, tag_field="is", tag="typed"):
    """A piece of a statement or a script, in UTF-8."""

    data: bytes


class Finished(msgspec.Struct, frozen=True, tag_field="is", tag="finished"):
    """The statement or the script is complete, and to be run."""


class Interrupted(msgspec.Struct, frozen=True, tag_field="is", tag="interrupted"):
    """Cancel what is awaited (Ctrl-C)."""


class Complete(msgspec.Struct, frozen=True, tag_field="is", tag="complete"):
    """Ask for the names that begin with this text (Tab)."""

    text: str


class Answer(msgspec.Struct, frozen=True, tag_field="is", tag="answer"):
    """The answer to a request: any JSON value."""

    value: Any


class Refusal(msgspec.Struct, frozen=True, tag_field="is", tag="refusal"):
    """Why a request is not answered, in a sentence."""

    error: str


class Shown(msgspec.Struct, frozen=True, tag_field="is", tag="shown"):
    """Output of a shell, in UTF-8."""

    data: bytes


class Ready(msgspec.Struct, frozen=True, tag_field="is", tag="ready"):
    """The shell waits for the next statement."""


class Completions(msgspec.Struct, frozen=True, tag_field="is", tag="completions"):
    """The names that a ``Complete`` asked for."""

    names: list[str]


class Ended(msgspec.Struct, frozen=True, tag_field="is", tag="ended"):
    """The shell has ended, with this exit code: of a script, 1 if it raised."""

    code: int


Input = Typed | Finished | Interrupted | Complete
Reply = Answer | Refusal | Shown | Ready | Completions | Ended
Message = TypeVar("Message")

_encoder = msgspec.json.Encoder(enc_hook=str, decimal_format="string")


def line_of(message: msgspec.Struct) -> bytes:
    """Encode a message, as it is sent."""
    return _encoder.encode(message) + b"\n"


class Decoder(Generic[Message]):
    """Decodes lines to messages.

    Args:
        type: ``Request``, ``Input`` or ``Reply``.
    """

    def __init__(self, type: Any) -> None:  # noqa: A002 - msgspec's own name for it
        self._decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(type)

    def message(self, line: bytes) -> Message:
        """Decode a line.

        Raises:
            BadMessage: it is not a message of this type.
        """
        try:
            return self._decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise BadMessage(f"not a message of a control socket: {error}") from None


REQUESTS: Final = Decoder[Request](Request)
INPUTS: Final = Decoder[Input](Input)
REPLIES: Final = Decoder[Reply](Reply)


class Lines:
    """Splits received bytes into lines.

    Args:
        line_max: bytes of a line; 0 means no limit.
    """

    def __init__(self, line_max: int = LINE_MAX) -> None:
        self._max = line_max
        self._partial = bytearray()

    def receive(self, data: bytes) -> list[bytes]:
        """The lines that are now complete, without their newlines.

        Raises:
            BadMessage: a line is longer than allowed.
        """
        start = len(self._partial)  # no newline is before that
        self._partial += data
        if self._partial.find(b"\n", start) < 0:
            self._check(len(self._partial))
            return []
        *lines, partial = self._partial.split(b"\n")
        self._partial = partial
        self._check(max(map(len, (*lines, partial))))
        return [bytes(line) for line in lines]

    def _check(self, length: int) -> None:
        if self._max and length > self._max:
            raise BadMessage(f"a message may have at most {self._max} bytes")
