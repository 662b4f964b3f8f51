"""What goes over the wire, without a wire: bytes in, events out, bytes back.

Nothing here knows a reactor, a socket or a service; clocks are passed in. A door feeds the parts in
this order: ``telnet`` (commands apart from data), ``options`` (what may be spoken), ``lines``,
``charset`` (bytes to text), ``text`` (what one person may put on another's screen).
"""
