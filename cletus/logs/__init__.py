"""The log: what is written of what happens, how, and from which level on."""

from cletus.logs.log import Log, begin_logging

__all__ = ["Log", "begin_logging"]
