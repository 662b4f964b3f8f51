"""The service that owns everything that lives: clients, listeners, timers, session, settings."""

from cletus.service.service import Service

__all__ = ["Service"]
