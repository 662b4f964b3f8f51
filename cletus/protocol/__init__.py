"""Telnet without I/O: bytes in, events out, bytes back.

Nothing here knows a reactor, a socket or a service; clocks are passed in. Begin with ``connection``,
which joins the other modules, then read ``telnet`` (commands and data), ``options`` and ``negotiator``
(what is agreed on), ``lines``, ``charset`` (bytes to text) and ``text`` (what one person may put on
another person's screen).
"""
