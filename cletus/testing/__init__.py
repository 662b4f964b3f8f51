"""What applications, and Cletus itself, are tested with."""

from cletus.testing.person import Person
from cletus.testing.reloading import (
    assert_survives_reload,
    reload_with,
    reloaded,
    start_in_memory,
)
from cletus.testing.transport import MemoryTransport

__all__ = [
    "MemoryTransport",
    "Person",
    "assert_survives_reload",
    "reload_with",
    "reloaded",
    "start_in_memory",
]
