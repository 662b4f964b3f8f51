"""Test an application in memory: no ports, no files, and time that a test moves.

The fixtures of the pytest plugin (``pytest_cletus``) are built on this; it works without pytest, too.
"""

from cletus.renamed import names_of
from cletus.testing.app import App, staged
from cletus.testing.log import Log
from cletus.testing.reloading import reload_with, reloaded, start_in_memory
from cletus.testing.step_clock import StepClock
from cletus.testing.survival import assert_survives_reload
from cletus.testing.transport import MemoryTransport, Person
from cletus.testing.visitor import MemoryDoor, Said, Visitor

__all__ = [
    "App",
    "Log",
    "MemoryDoor",
    "MemoryTransport",
    "Person",
    "Said",
    "StepClock",
    "Visitor",
    "assert_survives_reload",
    "reload_with",
    "reloaded",
    "staged",
    "start_in_memory",
]

__getattr__ = names_of(__name__)
