"""The control socket in its folder: for its owner only, whatever the length of the path."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from cletus.ops.control import socket_path as place
from cletus.ops.control.socket_path import NAME, connect_in, listen_in, process_of, remove_from


def test_only_the_owner_can_open_it_from_the_first_moment_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[int] = []

    class Watched(socket.socket):
        def listen(self, backlog: int = 0, /) -> None:
            modes.append(stat.S_IMODE((tmp_path / NAME).stat().st_mode))
            super().listen(backlog)

    monkeypatch.setattr(socket, "socket", Watched)
    mask = os.umask(0)
    try:
        with listen_in(str(tmp_path)):
            assert os.umask(0) == 0, "the mask is as before"
    finally:
        os.umask(mask)
    assert modes == [0o600]


def test_it_tells_who_calls(tmp_path: Path) -> None:
    with listen_in(str(tmp_path)) as listening, connect_in(str(tmp_path), 5.0) as calling:
        assert process_of(calling) == (os.getpid(), os.getuid())
        accepted, _ = listening.accept()
        with accepted:
            assert process_of(accepted) == (os.getpid(), os.getuid())


def test_nobody_is_told_of_where_the_system_does_not_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(socket, "SO_PEERCRED")
    with listen_in(str(tmp_path)), connect_in(str(tmp_path), 5.0) as calling:
        assert process_of(calling) == (0, -1)


def test_one_that_a_killed_process_has_left_is_replaced(tmp_path: Path) -> None:
    listen_in(str(tmp_path)).close()
    with pytest.raises(ConnectionRefusedError):
        connect_in(str(tmp_path), 5.0)
    with listen_in(str(tmp_path)), connect_in(str(tmp_path), 5.0):
        pass


def test_what_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("precious")
    with pytest.raises(FileExistsError):
        listen_in(str(tmp_path))
    assert (tmp_path / NAME).read_text() == "precious"


@pytest.mark.parametrize("length", [80, 85, 90, 95, 100, 105, 110, 300, 1000])
def test_its_path_may_be_long(tmp_path: Path, length: int) -> None:
    folder = tmp_path
    while len(str(folder)) < length:
        folder /= "x" * min(200, max(1, length - len(str(folder)) - 1))
    folder.mkdir(parents=True, exist_ok=True)
    descriptors = len(os.listdir("/proc/self/fd"))
    with listen_in(str(folder)), connect_in(str(folder), 5.0):
        assert (folder / NAME).is_socket()
    assert len(os.listdir("/proc/self/fd")) == descriptors
    remove_from(str(folder))
    assert not (folder / NAME).exists()
    remove_from(str(folder))


def test_a_path_that_is_too_long_for_the_system_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "_OPEN_FOLDERS", str(tmp_path / "nowhere"))
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    with pytest.raises(OSError, match="too long for a Unix socket"):
        listen_in(str(folder))


def test_where_there_is_no_folder_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        connect_in(str(tmp_path / "nowhere"), 5.0)
    with pytest.raises(FileNotFoundError):
        listen_in(str(tmp_path / ("nowhere" * 20)))
