"""Cletus: services that people connect to and talk in, whose code you edit while they are there.

This module puts the house together: the service stands below the doors, the reload and the command
line, and is handed them here.
"""

from cletus import events
from cletus.broadcast import write_all
from cletus.cli import run_service
from cletus.client import Client
from cletus.dialogue import Dialogue, step
from cletus.doors.opening import doors_of
from cletus.errors import CletusError
from cletus.parts import Parts
from cletus.reload import ReloadReport, ServiceReloader
from cletus.service import Service
from cletus.settings import Settings
from cletus.version import __version__

Service.parts = Parts(doors=doors_of, reloader=ServiceReloader, run=run_service)

__all__ = [
    "CletusError",
    "Client",
    "Dialogue",
    "ReloadReport",
    "Service",
    "Settings",
    "__version__",
    "events",
    "step",
    "write_all",
]
