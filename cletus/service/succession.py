"""Whether this process was started to take over from another one, which still serves.

The other process holds the store until then, so it is only read here; what is saved is kept in memory.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping
from typing import Final

VARIABLE: Final = "SUCCESSOR_OF_CLETUS"
"""Names the descriptor of the socket to the other process. It is not a setting, which begin with CLETUS_."""


def succeeds_another_process(environment: MutableMapping[str, str] = os.environ) -> bool:
    """Whether another process still serves, and this one is to take over."""
    return VARIABLE in environment


def has_taken_over(environment: MutableMapping[str, str] = os.environ) -> None:
    """The other process has ended, or is about to: this one is an ordinary process from now on."""
    environment.pop(VARIABLE, None)


HUB: Final = "_CLETUS_HUB"
"""In the environment of a process of ``--workers``: the descriptor of its socket to the parent."""


def hub_descriptor(environment: Mapping[str, str] = os.environ) -> int:
    """The descriptor of this process's socket to the parent of ``--workers``; -1 if it has no such parent."""
    text = environment.get(HUB, "")
    return int(text) if text.isdecimal() else -1
