"""Replaces the process of a service while everybody stays connected: ``predecessor`` and ``successor``."""

from cletus.restart.predecessor import Predecessor
from cletus.restart.successor import Successor

__all__ = ["Predecessor", "Successor"]
