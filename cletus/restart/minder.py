"""What the first process of a service becomes when another one has taken over.

A shell, a supervisor or a container waits for that first process. So it does not end: it replaces itself
by this program, which waits for whichever process serves, hands signals on to it, and ends as it does.
It has no connections, uses the standard library alone, and never needs to be upgraded.

    python -I -S minder.py SOCKET PID

SOCKET is the descriptor of a socket on which each process that serves names the one that takes over. A name is
answered, so that the process knows that this program runs.
"""

import os
import select
import signal
import socket
import sys
import time
from contextlib import suppress

#: Handed on. Those of the keyboard (INT, QUIT) reach the serving process by themselves, since it belongs to
#: the same process group.
FORWARDED = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)

#: Seconds to wait for the name of the next process when the serving one has ended.
HEIR_TIME = 5.0

_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Become the parent of processes whose parent ends (Linux); else only of the first one."""
    try:
        import ctypes  # noqa: PLC0415 - it may be missing, and then we do without

        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    except (ImportError, OSError, AttributeError):
        pass


class Minder:
    """Waits for the serving process, and for those that take over from it.

    Args:
        named: the socket on which they are named.
        pid: the serving process.
    """

    def __init__(self, named: socket.socket, pid: int) -> None:
        self.named = named
        self.pid = pid
        self.statuses: dict[int, int] = {}
        self._text = b""
        #: Signals that have come while nobody served.
        self._kept: list[int] = []

    def run(self) -> int:
        """Wait until nobody serves any more; returns the status of the last who did, as ``waitpid`` does."""
        named, woken = self.named, self._watch_signals()
        deadline: float | None = None
        while True:
            self._reap()
            self._read_names()
            if self.pid not in self.statuses:
                deadline = None
            elif deadline is None:
                deadline = time.monotonic() + HEIR_TIME
            elif time.monotonic() >= deadline or not self._has_children():
                return self.statuses[self.pid]
            if deadline is not None and not self._has_children():
                self._read_names()
                if self.pid in self.statuses:
                    return self.statuses[self.pid]
            sockets = [woken] if named.fileno() < 0 else [woken, named]
            select.select(sockets, [], [], 0.05 if deadline is not None else None)
            with suppress(BlockingIOError):
                woken.recv(4096)

    def _watch_signals(self) -> socket.socket:
        woken, waking = socket.socketpair()
        woken.setblocking(False)
        waking.setblocking(False)
        self._waking = waking
        signal.set_wakeup_fd(waking.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, signal.SIG_IGN)
        for number in FORWARDED:
            signal.signal(number, self._forward)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        return woken

    def _forward(self, number: int, _frame: object) -> None:
        self._read_names()
        if self.pid in self.statuses:  # another process may have that number now
            self._kept.append(number)
            return
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def _read_names(self) -> None:
        if self.named.fileno() < 0:
            return
        try:
            while True:
                data = self.named.recv(4096)
                if not data:
                    self.named.close()
                    return
                *names, self._text = (self._text + data).split(b"\n")
                if names:
                    self._goes_on_in(int(names[-1]))
                    with suppress(OSError):  # the end is read next
                        self.named.send(b".")
        except BlockingIOError:
            pass
        except OSError:
            self.named.close()

    def _goes_on_in(self, pid: int) -> None:
        self.pid = pid
        with suppress(ProcessLookupError):
            os.kill(pid, 0)
            self.statuses.pop(pid, None)  # of one that had this number before
            while self._kept:
                os.kill(pid, self._kept.pop(0))

    def _reap(self) -> None:
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return
                self.statuses[pid] = status
                if len(self.statuses) > 100:
                    self.statuses = (
                        {self.pid: self.statuses[self.pid]} if self.pid in self.statuses else {}
                    )
        except ChildProcessError:
            pass

    def _has_children(self) -> bool:
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return False
        return True


def end_like(status: int) -> None:
    """End as the process with this status has ended."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        signal.pause()  # it is on its way
    os._exit(os.waitstatus_to_exitcode(status))


def main() -> None:
    """See the top of the file."""
    adopt_orphans()
    named = socket.socket(fileno=int(sys.argv[1]))
    os.set_inheritable(named.fileno(), False)
    named.setblocking(False)
    end_like(Minder(named, int(sys.argv[2])).run())


if __name__ == "__main__":
    main()
