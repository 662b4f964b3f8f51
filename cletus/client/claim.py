"""Who a client says they are, if their door has asked already."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Claim:
    """A name that was given before the client came in, as with ``ssh ann@host``.

    Attributes:
        name: as it was given, without control characters; it may belong to no account.
        proven: whether a listener to ``events.Authenticate`` has accepted their proof for that name.
        is_back: whether they have not come in now: they were logged in when their gateway was lost. Who has
            logged in with that name since then is the later one.
    """

    name: str
    proven: bool = False
    is_back: bool = False
