"""What applications, and Cletus itself, are tested with.

The fixtures of the pytest plugin (``pytest_cletus``) are made of this; it can be used without pytest.
"""

from cletus.testing.app import Stage, staged
from cletus.testing.log import Log
from cletus.testing.reloading import reload_with, reloaded, start_in_memory
from cletus.testing.step_clock import StepClock
from cletus.testing.survival import assert_survives_reload
from cletus.testing.transport import MemoryTransport
from cletus.testing.visitor import MemoryDoor, Person, Said, Visitor

__all__ = [
    "Log",
    "MemoryDoor",
    "MemoryTransport",
    "Person",
    "Said",
    "Stage",
    "StepClock",
    "Visitor",
    "assert_survives_reload",
    "reload_with",
    "reloaded",
    "staged",
    "start_in_memory",
]
