"""The telnet door: ``door`` listens, ``protocol`` joins one connection to its client."""

from cletus.doors.telnet.door import TelnetDoor

__all__ = ["TelnetDoor"]
