"""The log: what is written of what happens, how, and from which level on.

It goes to standard error. Who keeps it, and for how long, is the business of what starts the process
(systemd's journal, a container, ``2>> file`` with logrotate's ``copytruncate``): a service that opened
files itself would need a signal to open them again, and SIGHUP asks for a reload.
"""

from cletus.logs.log import Log, begin_logging

__all__ = ["Log", "begin_logging"]
