"""One service on many processes and machines: gateways, a primary with standbys, and a bus between them.

Nothing here is imported unless the setting ``cluster`` asks for it.
"""
