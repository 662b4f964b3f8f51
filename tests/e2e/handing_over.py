"""Hand listening sockets over as systemd does: from descriptor 3 on, named, to this very process.

``python handing_over.py talk=INET local=UNIX -- PROGRAM ARGUMENT...``; a Unix socket is ``NAME.sock``.
"""

import fcntl
import os
import socket
import sys

_FIRST = 3

end = sys.argv.index("--")
wanted = dict(argument.split("=") for argument in sys.argv[1:end])
sockets = []
for name, domain in wanted.items():
    if domain == "UNIX":
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(f"{name}.sock")
        os.chmod(f"{name}.sock", 0o660)
        listening.listen()
    elif domain == "INET6":
        listening = socket.create_server(("::1", 0), family=socket.AF_INET6)
    else:
        listening = socket.create_server(("127.0.0.1", 0))
    sockets.append(listening)
# Out of the way first: one of them may have the number that another is to have.
high = [fcntl.fcntl(listening, fcntl.F_DUPFD, 100) for listening in sockets]
for number, descriptor in enumerate(high, _FIRST):
    os.dup2(descriptor, number)
os.environ["LISTEN_PID"] = str(os.getpid())
os.environ["LISTEN_FDS"] = str(len(high))
os.environ["LISTEN_FDNAMES"] = ":".join(wanted)
os.execv(sys.argv[end + 1], sys.argv[end + 1 :])
