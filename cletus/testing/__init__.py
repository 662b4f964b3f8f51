"""What applications, and Cletus itself, are tested with."""

from cletus.testing.person import Person
from cletus.testing.transport import MemoryTransport

__all__ = ["MemoryTransport", "Person"]
