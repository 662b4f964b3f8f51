"""What strangers do at a door before they are clients is logged within the limits, too."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import cletus

#: Whose lines of the log a peer causes who is not a client, by what they are about.
PEERS = ("first_bytes.py", "proxy_protocol.py", "telnet/protocol.py", "ssh/session.py")
CALL = re.compile(r"log\.(?:info|warn|error|failure)\(\s*\"([^\"]*)\"", re.DOTALL)


@pytest.mark.parametrize("name", PEERS)
def test_a_line_about_a_peer_is_limited(name: str) -> None:
    """The limit knows it by its field ``client``; HTTP sent to the telnet port wrote 600 kB a second."""
    text = (Path(cletus.__file__).parent / "doors" / name).read_text()
    lines = CALL.findall(text)
    assert lines
    within_context = {"{address} dropped: {error}", "handling input from {address} failed"}
    assert all("{client}" in line or line in within_context for line in lines)
