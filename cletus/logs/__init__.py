"""The log: its formats, its levels, and the context that its records take their fields from.

It is written to standard error. Keeping it is the task of whatever starts the process (systemd's
journal, a container, ``2>> file`` with logrotate's ``copytruncate``): a service that opened log files
itself would need a signal to open them again, and SIGHUP already asks for a reload.
"""

from cletus.logs.background import flush_log
from cletus.logs.log import Log, begin_logging

__all__ = ["Log", "begin_logging", "flush_log"]
