"""The caller's side: every way in which a service may fail to answer is an error that says so."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Thread

import pytest

from cletus.errors import BadMessage, ControlError, ControlRefused, NoAnswer, NotRunning
from cletus.ops.control.client import ControlClient
from cletus.ops.control.messages import Answer, Ended, Refusal, Request, Shown, line_of
from cletus.ops.control.socket_path import listen_in

Answering = Callable[..., None]


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[Answering]:
    """Has something answer on the folder of the test: pieces of bytes, after the request has come."""
    with ExitStack() as stack:

        def answering(*pieces: bytes, silent: bool = False) -> None:
            listening = stack.enter_context(listen_in(str(tmp_path)))
            listening.setblocking(True)

            def answer() -> None:
                connection, _ = listening.accept()
                with connection:
                    connection.recv(1000)
                    for piece in pieces:
                        connection.sendall(piece)
                    if silent:
                        connection.recv(1000)  # until the caller hangs up

            thread = Thread(target=answer, daemon=True)
            thread.start()
            stack.callback(thread.join, 10)

        yield answering


def ask(folder: Path, timeout: float = 10.0) -> object:
    """What is answered to a request."""
    with ControlClient(str(folder), timeout) as remote:
        assert remote.pid == os.getpid()
        return remote.ask(Request("status"))


def test_an_answer_may_come_in_pieces(answering: Answering, tmp_path: Path) -> None:
    line = line_of(Answer({"a": "x" * 100_000}))
    answering(line[:7], line[7:])
    assert ask(tmp_path) == {"a": "x" * 100_000}


def test_a_refusal_is_an_error_with_its_words(answering: Answering, tmp_path: Path) -> None:
    answering(line_of(Refusal("not now")))
    with pytest.raises(ControlRefused, match=r"^not now$"):
        ask(tmp_path)


@pytest.mark.parametrize("piece", [b"", b'{"is": "ans', line_of(Ended(0))])
def test_who_ends_without_an_answer_has_given_none(
    answering: Answering, tmp_path: Path, piece: bytes
) -> None:
    answering(piece)
    with pytest.raises(NoAnswer, match="ended before it had answered"):
        ask(tmp_path)


def test_who_is_silent_is_given_up(answering: Answering, tmp_path: Path) -> None:
    answering(silent=True)
    with pytest.raises(NoAnswer, match=rf"process {os.getpid()} did not answer within 0.05 s"):
        ask(tmp_path, 0.05)


def test_nonsense_is_no_answer(answering: Answering, tmp_path: Path) -> None:
    answering(b"HTTP/1.1 400 Bad Request\r\n")
    with pytest.raises(BadMessage):
        ask(tmp_path)


def test_several_messages_at_once(answering: Answering, tmp_path: Path) -> None:
    answering(line_of(Shown(b"a")) + line_of(Shown(b"b")) + line_of(Ended(3)))
    with ControlClient(str(tmp_path), None) as remote:
        remote.send(Request("shell"))
        select.select([remote], [], [], 10.0)
        assert remote.receive() == Shown(b"a")
        assert remote.has_more
        assert (remote.receive(), remote.receive()) == (Shown(b"b"), Ended(3))
        assert not remote.has_more
        assert remote.receive() is None
        remote.send(Request("nobody hears this"))
        remote.send(Request("nor that"))


def test_where_nobody_listens_nothing_runs(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere", tmp_path / "file" / "below"):
        (tmp_path / "file").write_text("")
        with pytest.raises(NotRunning, match=f"no service runs on the store {folder}$"):
            ControlClient(str(folder), 1.0)
    listen_in(str(tmp_path)).close()
    with pytest.raises(NotRunning):
        ControlClient(str(tmp_path), 1.0)


@pytest.mark.parametrize(
    ("pid", "named"),
    # With a name of its own: the processes that share the tests out must all list the same.
    [pytest.param(os.getpid(), True, id="ours"), ("0", False), ("x", False), ("9" * 30, False)],
)
def test_the_last_owner_of_the_folder_is_named_if_it_is_alive(
    tmp_path: Path, pid: object, named: bool
) -> None:
    """It may be starting or stopping."""
    (tmp_path / ".lock").write_text(f"{pid}\n")
    with pytest.raises(NotRunning) as raised:
        ControlClient(str(tmp_path), 1.0)
    assert (f"process {os.getpid()}, which had it last, is alive" in str(raised.value)) is named


def test_what_cannot_be_connected_to_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "connect", refused)
    with pytest.raises(ControlError, match=f"{tmp_path} cannot be asked: Permission denied"):
        ControlClient(str(tmp_path), 1.0)
