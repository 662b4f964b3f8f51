"""These are tested with the kit that applications are tested with."""

from tests.contrib.application import app, cletus_target, clock, service

__all__ = ["app", "cletus_target", "clock", "service"]
