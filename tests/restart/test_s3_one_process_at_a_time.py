"""S3: at no time do two processes read from people, write to them, or save."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.e2e.harness import Caller
from tests.restart.application import APP
from tests.restart.conftest import Serving

#: Notes when each process has read from a person's socket, written to it, or saved a document.
NOTES = """
import os, socket, time
import cletus.doors.telnet.protocol as telnet
from twisted.internet import tcp
from cletus.storage.backends.json_files import JsonFiles

notes = os.open("notes.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def noted(deed, function, is_meant=lambda *args: True):
    def wrapped(*args):
        if is_meant(*args):
            os.write(notes, b"%d %d %s\\n" % (time.monotonic_ns(), os.getpid(), deed))
        return function(*args)
    return wrapped


def is_of_a_person(connection, *args):
    return connection.socket.family == socket.AF_INET


telnet.fast_send = noted(b"write", telnet.fast_send)
tcp.Connection.doRead = noted(b"read", tcp.Connection.doRead, is_of_a_person)
tcp.Connection.writeSomeData = noted(b"write", tcp.Connection.writeSomeData, is_of_a_person)
JsonFiles.write = noted(b"save", JsonFiles.write)
JsonFiles.write_many = noted(b"save", JsonFiles.write_many)
"""

SAVING = """

class Count(Store):
    service = service
    number = Field(0)


@service.listen(events.PreStart)
def count_starts(event):
    count = Count.manager.get("starts") or Count("starts")
    count.number += 1
    count.save()


@service.listen(events.Receive)
def count_lines(event):
    count = Count.manager.get("lines") or Count("lines")
    count.number += 1
    count.save_soon().addErrback(lambda _: None)
"""


def test_s3_one_process_at_a_time(
    serving: Callable[..., Serving], called: Callable[[int], Caller]
) -> None:
    """Also when the new process saves at ``PreStart``, and when a restart fails at its end."""
    service = serving("--line-rate=0", text=NOTES + APP + SAVING)
    port = service.port
    ended = threading.Event()
    people = [called(port) for _ in range(4)]

    def talk(person: Caller) -> None:
        number = 0
        while not ended.is_set():
            number += 1
            person.types(f"line {number}")
            person.sees(f"line {number} {number} {number}\r\n")

    pids = [service.pid]
    with ThreadPoolExecutor(len(people)) as pool:
        talking = [pool.submit(talk, person) for person in people]
        try:
            for fault in ("", "S before-READY raise", ""):
                if fault:
                    (service.folder / "fault.txt").write_text(fault)
                report = service.restart()
                assert report["outcome"] == ("refused" if fault else "taken over"), report
                if not fault:
                    pids.append(report["new_pid"])
        finally:
            ended.set()
    for conversation in talking:
        conversation.result()
    notes = sorted(
        (int(moment), int(pid), deed)
        for moment, pid, deed in map(str.split, service.noted("notes.txt"))
    )
    assert {deed for _, pid, deed in notes if pid == pids[1]} == {"read", "write", "save"}
    turns = [
        pid for number, (_, pid, _) in enumerate(notes) if not number or notes[number - 1][1] != pid
    ]
    assert turns == pids
