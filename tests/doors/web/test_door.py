"""The web door: files, names, sessions that outlive their sockets, and who may come in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from cletus import Client, Service, events
from cletus.contrib.users import is_private
from cletus.doors.telnet.protocol import TelnetProtocol, page_of
from cletus.doors.web.connection import FRAMES_MAX, HEAD_TIMEOUT, PINGS_MAX
from cletus.doors.web.door import WebDoor
from cletus.doors.web.session import GOING_GRACE
from cletus.doors.web.site import FILE_MAX, PAGE
from cletus.reactor.shares import Slice

from .browser import HOST, Tab, Wire

TELNET, SESSION = "telnet.mudstandards.org", "session.cletus"
PUBLIC = IPv4Address("TCP", "192.0.2.7", 80)

Made = Callable[..., WebDoor]


@pytest.fixture
def made(start: Callable[..., Service]) -> Made:
    """Makes a service that repeats what is said, and its web door."""

    def made(**settings: Any) -> WebDoor:
        service = start(**settings)

        @service.listen(events.Receive)
        def receive(event: events.Receive) -> None:
            event.client.write(f"you said {event.data}")

        return WebDoor(service)

    return made


@pytest.fixture
def door(made: Made) -> WebDoor:
    return made()


def clients(door: WebDoor) -> tuple[Client, ...]:
    return door._service.clients


def heard(tab: Tab, clock: Clock) -> bytes:
    """The text of the stream so far."""
    clock.advance(0)
    return b"".join(tab.binary())


def visit(door: WebDoor, secret: str = "", have: int = 0) -> Tab:
    return Tab(door, TELNET, f"{SESSION}.{secret}.{have}" if secret else SESSION)


def secret_of(tab: Tab) -> str:
    (words,) = tab.words
    secret: str = words["session"]
    assert len(secret) == 24
    return secret


# -- files ----------------------------------------------------------------------------------


def test_the_page_is_there_with_its_policy(door: WebDoor) -> None:
    status, fields, body = Wire(door).get()
    assert status == 200
    assert b"<!doctype html>" in body
    assert fields["content-type"] == "text/html; charset=utf-8"
    assert "script-src 'self'" in fields["content-security-policy"]
    assert "unsafe" not in fields["content-security-policy"]
    assert fields["x-content-type-options"] == "nosniff"
    assert fields["cache-control"] == "no-cache"
    assert "set-cookie" not in fields


def test_a_file_that_is_known_is_not_sent_again(door: WebDoor) -> None:
    etag = Wire(door).get("/style.css")[1]["etag"]
    status, _fields, body = Wire(door).get("/style.css", if_none_match=f'"x", W/{etag}')
    assert (status, body) == (304, b"")


def test_files_are_packed_for_those_who_take_it(door: WebDoor) -> None:
    _, fields, packed = Wire(door).get("/style.css", accept_encoding="br, gzip")
    assert fields["content-encoding"] == "gzip"
    _, fields, plain = Wire(door).get("/style.css")
    assert "content-encoding" not in fields
    assert len(packed) < len(plain) / 2


@pytest.mark.parametrize(
    "path",
    [
        "/../door.py",
        "/%2e%2e/door.py",
        "/app/../../door.py",
        "//style.css",
        "/nothing",
        "/app/",
        "/.hidden",
    ],
)
def test_w14_no_path_is_ever_made_of_a_request(door: WebDoor, path: str) -> None:
    assert Wire(door).get(path)[0] == 404


def test_one_connection_serves_many_requests(door: WebDoor) -> None:
    wire = Wire(door)
    assert [wire.get(path)[0] for path in ("/", "/style.css", "/health")] == [200, 200, 200]
    assert not wire.transport.disconnecting


def test_w13_half_a_head_is_closed_after_a_while(door: WebDoor, clock: Clock) -> None:
    wire = Wire(door)
    wire.send(b"GET / HTTP/1.1\r\n")
    clock.advance(HEAD_TIMEOUT - 0.1)
    assert not wire.transport.aborted
    clock.advance(0.2)
    assert wire.transport.aborted


def test_w13_so_is_half_a_head_that_follows_a_request_and_one_that_comes_in_drops(
    door: WebDoor, clock: Clock
) -> None:
    wire = Wire(door)
    assert wire.get()[0] == 200
    for byte in b"GET / HT":
        clock.advance(HEAD_TIMEOUT / 10)
        wire.send(bytes((byte,)))
    assert not wire.transport.aborted
    clock.advance(HEAD_TIMEOUT / 4)
    assert wire.transport.aborted


@pytest.mark.parametrize("field", ["Content-Length: 5", "Host: b", "X: a\r\n b", "X: \0"])
def test_w12_a_refused_connection_is_closed_and_what_follows_is_not_looked_at(
    door: WebDoor, field: str
) -> None:
    wire = Wire(door)
    head = f"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n{field}\r\n\r\n"
    wire.send(f"{head}GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    answer = wire.taken()
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer[9:12] in (b"400", b"413")
    assert b"Connection: close" in answer
    assert wire.transport.disconnecting


def test_status_tells_what_crawlers_are_told(made: Made) -> None:
    status, fields, body = Wire(made(name="The Lantern")).get("/status")
    assert (status, fields["content-type"]) == (200, "application/json")
    assert b'"NAME": "The Lantern"' in body


def test_a_folder_of_ones_own_replaces_files_and_adds_others(made: Made, tmp_path: Path) -> None:
    (tmp_path / "theme.css").write_text(":root { --accent: red }")
    (tmp_path / "map.png").write_bytes(b"png")
    (tmp_path / "secrets.py").write_text("no")
    (tmp_path / "big.txt").write_bytes(b"a" * (FILE_MAX + 1))
    door = made(web_folder=str(tmp_path))
    assert b"--accent: red" in Wire(door).get("/theme.css")[2]
    assert Wire(door).get("/map.png")[1]["content-type"] == "image/png"
    assert Wire(door).get("/secrets.py")[0] == 404
    assert Wire(door).get("/big.txt")[0] == 404
    assert Wire(door).get("/index.html")[0] == 200


def test_open_pages_hear_of_a_file_that_was_edited(made: Made, tmp_path: Path) -> None:
    style = tmp_path / "theme.css"
    style.write_text("a")
    door = made(web_folder=str(tmp_path))
    tab = visit(door)
    version = tab.words[0]["page"]
    door._look()
    tab.pump()
    assert tab.words == []
    style.write_text("other")
    door._look()
    tab.pump()
    (words,) = tab.words
    assert words["page"] != version
    assert "/theme.css" in words["files"]


# -- names ----------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1:9080", "localhost:9080", "[::1]:9080", "x.localhost"])
def test_a_local_name_is_fine_on_a_local_address(door: WebDoor, host: str) -> None:
    assert Wire(door).get(host=host)[0] == 200


def test_w02_another_name_on_a_local_address_is_refused(door: WebDoor) -> None:
    """DNS rebinding; the answer names the setting."""
    status, _, body = Wire(door).get(host="evil.example:9080")
    assert status == 403
    assert b"web_origins" in body


def test_a_name_that_the_operator_has_stated_is_fine(made: Made) -> None:
    door = made(web_origins=("https://talk.example.org",))
    assert Wire(door).get(host="talk.example.org")[0] == 200


def test_any_name_is_fine_on_a_public_address(door: WebDoor) -> None:
    assert Wire(door, "192.0.2.1", PUBLIC).get(host="talk.example.org")[0] == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:9080", 101),
        ("http://evil.example", 403),
        ("null", 403),
        ("http://127.0.0.1:9081", 403),
        ("http://127.0.0.1:9080@evil.example", 403),
    ],
)
def test_w01_pages_of_others_may_not_talk_to_it(door: WebDoor, origin: str, status: int) -> None:
    tab = Tab(door, TELNET, origin=origin)
    assert tab.response is not None
    assert tab.response.status_code == status
    assert len(clients(door)) == (status == 101)


def test_w03_a_program_without_an_origin_is_let_in(door: WebDoor) -> None:
    """It is not a browser: nobody's page can be behind it."""
    Tab(door, TELNET, origin=None)
    assert len(clients(door)) == 1


def test_w01_pages_that_the_operator_has_stated_may(made: Made) -> None:
    door = made(web_origins=("https://talk.example.org",))
    for origin, status in (("https://talk.example.org", 101), ("http://talk.example.org", 403)):
        response = Tab(door, TELNET, origin=origin).response
        assert response is not None
        assert response.status_code == status


# -- subprotocols -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ((TELNET,), TELNET),
        (("x", "gmcp.mudstandards.org", TELNET), "gmcp.mudstandards.org"),
        (("terminal.mudstandards.org",), "terminal.mudstandards.org"),
        ((), None),
    ],
)
def test_the_first_subprotocol_that_is_known_is_taken(
    door: WebDoor, offered: tuple[str, ...], chosen: str | None
) -> None:
    tab = Tab(door, *offered)
    assert tab.client.subprotocol == chosen
    assert tab.client.handshake_exc is None


def test_only_unknown_subprotocols_are_refused_naming_ours(door: WebDoor) -> None:
    tab = Tab(door, "json.mudstandards.org")
    assert tab.response is not None
    assert tab.response.status_code == 400
    assert TELNET.encode() in (tab.response.body or b"")


def test_a_terminal_gets_text_and_a_line_for_each_message(door: WebDoor, clock: Clock) -> None:
    tab = Tab(door, "terminal.mudstandards.org")
    tab.says(b"hello", text=True)
    text = heard(tab, clock)
    assert b"you said hello\r\n" in text
    assert b"\xff" not in text


def test_gmcp_comes_as_text(door: WebDoor, clock: Clock) -> None:
    tab = Tab(door, "gmcp.mudstandards.org")
    got: list[Any] = []
    door._service.gmcp("Core.Hello")(lambda event: got.append(event.data))
    tab.says(b'Core.Hello {"client": "x"}', text=True)
    assert got == [{"client": "x"}]
    (client,) = clients(door)
    client.gmcp.send("Char.Name", {"name": "Ann"})
    clock.advance(0)
    tab.pump()
    assert b'Char.Name {"name": "Ann"}' in [
        bytes(frame.data).replace(b":", b": ").replace(b":  ", b": ") for frame in tab.frames
    ]


def test_w04_no_cookie_is_set_and_none_means_anything(door: WebDoor) -> None:
    """Every kind of answer: a file, an error, a refusal, an upgrade, a session that goes on."""
    answers = [
        Wire(door).get("/", Cookie="a=b"),
        Wire(door).get("/status"),
        Wire(door).get("/nothing"),
        Wire(door).get("/", method="PUT"),
        Wire(door).get(host="evil.example"),
    ]
    assert [status for status, _, _ in answers] == [200, 200, 404, 405, 403]
    assert answers[0] == Wire(door).get("/")
    tab = visit(door)
    again = visit(door, secret_of(tab))
    for response in (tab.response, again.response):
        assert response is not None
        assert "set-cookie" not in response.headers
    assert all("set-cookie" not in fields for _, fields, _ in answers)


def test_w04_the_page_puts_no_secret_into_a_url_and_knows_no_cookie() -> None:
    source = "".join(path.read_text() for path in PAGE.rglob("*.js"))
    assert "document.cookie" not in source
    assert "://${host}/ws`" in source, "the address of the WebSocket has neither query nor fragment"


# -- sessions ---------------------------------------------------------------------------------


def test_what_is_typed_is_heard_and_answered(door: WebDoor, clock: Clock) -> None:
    tab = visit(door)
    tab.types("hello")
    assert b"you said hello" in heard(tab, clock)


def test_a_session_goes_on_after_a_cut_with_nothing_lost_or_doubled(
    door: WebDoor, clock: Clock
) -> None:
    tab = visit(door)
    secret = secret_of(tab)
    tab.types("one")
    clock.advance(0)
    got = tab.binary()
    (client,) = clients(door)
    tab.lose()
    for n in range(3):
        client.write(f"meanwhile {n}")
        clock.advance(0)
    assert client.connected
    again = visit(door, secret, len(got))
    assert [words["resumed"] for words in again.words] == [{"received": 1, "lost": 0}]
    assert b"".join(again.binary()) == b"meanwhile 0\r\nmeanwhile 1\r\nmeanwhile 2\r\n"
    again.types("two")
    assert b"you said two" in heard(again, clock)
    assert clients(door) == (client,)


def test_what_was_sent_and_did_not_arrive_is_sent_again(door: WebDoor, clock: Clock) -> None:
    tab = visit(door)
    secret = secret_of(tab)
    clock.advance(0)
    before = len(tab.binary())
    (client,) = clients(door)
    client.write("lost on the way")
    clock.advance(0)
    tab.lose()
    again = visit(door, secret, before)
    assert b"lost on the way" in b"".join(again.binary())


def test_frames_that_a_pong_has_proved_are_forgotten_at_the_next(
    door: WebDoor, clock: Clock
) -> None:
    """A browser answers pings while its page is busy: the page may not have what the pong proves."""
    tab = visit(door)
    secret = secret_of(tab)
    tab.types("one")
    clock.advance(0)
    have = len(tab.binary())
    door._ping()
    tab.pump()
    session = tab.connection.session
    assert session is not None
    assert len(session._kept) == have  # type: ignore[attr-defined]
    door._ping()
    tab.pump()
    assert not session._kept  # type: ignore[attr-defined]
    tab.lose()
    assert [words["resumed"] for words in visit(door, secret, have).words] == [
        {"received": 1, "lost": 0}
    ]


def test_who_answers_no_ping_is_sent_few(door: WebDoor) -> None:
    """Each is noted until it is answered."""
    tab = visit(door)
    tab.taken()
    for _ in range(100):
        door._ping()
    assert tab.taken().count(b"\x89\x00") == PINGS_MAX


def test_a_window_may_go_on_from_what_another_has_passed(door: WebDoor, clock: Clock) -> None:
    """It was opened with what the other had saved, and the other has received more, and gone on after a cut."""
    tab = visit(door)
    secret = secret_of(tab)
    clock.advance(0)
    saved = len(tab.binary())
    (client,) = clients(door)
    client.write("on its way")
    clock.advance(0)
    have = saved + len(tab.binary())
    door._ping()
    tab.pump()
    tab.lose()
    visit(door, secret, have)
    other = visit(door, secret, saved)
    assert [words["resumed"]["lost"] for words in other.words] == [0]
    assert b"".join(other.binary()) == b"on its way\r\n"


def test_what_could_not_be_kept_is_counted(made: Made, clock: Clock) -> None:
    door = made(resume_max=100)
    tab = visit(door)
    secret = secret_of(tab)
    clock.advance(0)
    have = len(tab.binary())
    (client,) = clients(door)
    tab.lose()
    for n in range(10):
        client.write(f"{n}" * 48)
        clock.advance(0)
    again = visit(door, secret, have)
    assert [words["resumed"] for words in again.words] == [{"received": 0, "lost": 8}]
    assert b"".join(again.binary()) == b"8" * 48 + b"\r\n" + b"9" * 48 + b"\r\n"


@pytest.mark.parametrize("is_hidden", [True, False])
def test_a_question_that_could_not_be_kept_is_asked_again(
    made: Made, clock: Clock, is_hidden: bool
) -> None:
    """And whether its answer is hidden is said again: else a password would be typed for all to see."""
    door = made(resume_max=100)
    tab = visit(door)
    secret = secret_of(tab)
    tab.says(b"\xff\xfd\x19")  # DO END-OF-RECORD
    clock.advance(0)
    have = len(tab.binary())
    (client,) = clients(door)
    tab.lose()
    if is_hidden:
        client.hide_input()
    client.prompt("Which word? ")
    for n in range(3):
        clock.advance(0)
        client.write(f"{n}" * 48)
    clock.advance(0)
    again = visit(door, secret, have)
    text = heard(again, clock)
    assert text.count(b"Which word? \xff\xef") == 1
    assert (b"\xff\xfb\x01" in text) is is_hidden
    again.types("lantern")
    heard(again, clock)
    again.lose()
    for n in range(3):
        client.write(f"{n}" * 48)
        clock.advance(0)
    assert b"Which word?" not in heard(visit(door, secret, have), clock), "it is answered"


def test_w18_a_wrong_secret_gives_a_new_visit_and_no_hint(door: WebDoor) -> None:
    first = visit(door)
    secret = secret_of(first)
    for wrong in ("x" * 24, secret[:-1] + ("a" if secret[-1] != "a" else "b")):
        assert secret_of(visit(door, wrong)) not in (secret, wrong)
    assert secret_of(visit(door, secret, 10**6)) != secret


def test_w19_the_newer_of_two_windows_has_the_session(door: WebDoor, clock: Clock) -> None:
    first = visit(door)
    secret = secret_of(first)
    clock.advance(0)
    second = visit(door, secret, len(first.binary()))
    first.pump()
    assert first.close_code == 4001
    first.lose()
    second.types("here")
    assert b"you said here" in heard(second, clock)
    assert len(clients(door)) == 1


def test_nobody_comes_back_and_the_client_is_gone_after_the_grace(made: Made, clock: Clock) -> None:
    door = made(resume_grace=60.0)
    tab = visit(door)
    tab.lose()
    clock.advance(59)
    (client,) = clients(door)
    assert client.connected
    clock.advance(2)
    assert not client.connected
    assert clients(door) == ()


def test_a_page_that_was_closed_or_loaded_again_is_waited_for_shortly(
    door: WebDoor, clock: Clock
) -> None:
    tab = visit(door)
    tab.close(1001)
    clock.advance(GOING_GRACE - 1)
    assert len(clients(door)) == 1
    clock.advance(2)
    assert clients(door) == ()


def test_who_says_goodbye_is_gone_at_once(door: WebDoor, clock: Clock) -> None:
    tab = visit(door)
    tab.close(1000)
    clock.advance(0)
    assert clients(door) == ()


def test_the_service_closes_somebody_after_the_last_word(door: WebDoor, clock: Clock) -> None:
    tab = visit(door)
    (client,) = clients(door)
    client.write("goodbye")
    client.close()
    assert b"goodbye" in heard(tab, clock)
    tab.pump()
    assert tab.close_code == 1000
    tab.lose()
    clock.advance(0)
    assert clients(door) == ()


def test_who_is_closed_while_away_is_gone(door: WebDoor, clock: Clock) -> None:
    tab = visit(door)
    (client,) = clients(door)
    tab.lose()
    client.close()
    clock.advance(0)
    assert clients(door) == ()


def test_at_the_stop_the_page_is_told_to_come_back(door: WebDoor, clock: Clock) -> None:
    tab = visit(door)
    stopped = door._service.stop()
    clock.advance(0)
    tab.pump()
    assert tab.close_code == 1012
    tab.lose()
    clock.advance(1)
    assert stopped.called


def test_a_password_field_is_asked_for_by_telnet_echo(door: WebDoor, clock: Clock) -> None:
    tab = visit(door)
    (client,) = clients(door)
    client.ask("Password: ", hidden=True).addErrback(lambda failure: None)
    assert b"\xff\xfb\x01" in heard(tab, clock)


def test_messages_are_handled_to_the_last_however_they_are_cut_into_slices(
    door: WebDoor, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the telnet connection inside has finished, it reads on, and is sent more while it still works."""
    tab = visit(door)
    monkeypatch.setattr(Slice, "is_over", property(lambda _slice: True))
    for number in range(5):
        tab.client.send_binary(f"line {number}\r\n".encode())
    tab.pump()
    for _ in range(100):
        clock.advance(0.01)
    text = heard(tab, clock)
    assert [f"you said line {number}".encode() in text for number in range(5)] == [True] * 5


# -- budgets ----------------------------------------------------------------------------------


def test_w05_a_message_that_is_too_long_ends_the_visit(made: Made) -> None:
    tab = visit(made(line_max=100, subnegotiation_max=100))
    tab.says(b"a" * 200)
    assert tab.close_code == 1009


@pytest.mark.parametrize("kind", ["message", "ping", "pong", "fragment"])
def test_w11_too_many_frames_are_read_slowly(door: WebDoor, clock: Clock, kind: str) -> None:
    """Whatever they are: an answer to a ping costs as much as a message."""
    tab = visit(door)
    tab.client.send_binary(b"a", fin=kind != "fragment")
    for number in range(FRAMES_MAX):
        match kind:
            case "message":
                tab.client.send_binary(b"a")
            case "fragment":
                tab.client.send_continuation(b"", fin=number % 100 == 99)
                if number % 100 == 99:
                    tab.client.send_binary(b"a", fin=False)
            case _:
                getattr(tab.client, f"send_{kind}")(b"")
    tab.pump()
    assert tab.transport.producerState == "paused"
    clock.advance(1.1)
    assert tab.transport.producerState == "producing"


def test_a_session_keeps_its_place_while_nobody_is_attached(made: Made, clock: Clock) -> None:
    door = made(connections_per_address=2, resume_grace=60.0)
    tab = visit(door)
    secret = secret_of(tab)
    tab.lose()
    other = visit(door)
    assert other.response is not None
    third = Wire(door)
    assert third.transport.disconnecting
    other.lose()
    clock.advance(61)
    assert clients(door) == ()
    assert not Wire(door).transport.disconnecting
    assert secret_of(visit(door, secret)) != secret


def test_a_resumed_session_counts_once(made: Made) -> None:
    door = made(connections_per_address=2)
    tab = visit(door)
    secret = secret_of(tab)
    tab.lose()
    again = visit(door, secret)
    assert again.words[0]["resumed"]
    assert not Wire(door).transport.disconnecting


def test_w15_the_budget_of_proxied_people_is_their_own(made: Made) -> None:
    """The rightmost address that is not a proxy; from anybody else the header means nothing."""
    door = made(web_proxies=("127.0.0.1",), connections_per_address=1, web_origins=("*",))
    first = Tab(door, TELNET, SESSION, forwarded="6.6.6.6, 192.0.2.1")
    second = Tab(door, TELNET, SESSION, forwarded="192.0.2.2, 127.0.0.1")
    third = Tab(door, TELNET, SESSION, forwarded="192.0.2.1")
    assert [tab.response and tab.response.status_code for tab in (first, second, third)] == [
        101,
        101,
        503,
    ]
    assert [client.address.split(":")[0] for client in clients(door)] == ["192.0.2.1", "192.0.2.2"]


def test_w15_a_header_of_a_stranger_means_nothing(door: WebDoor) -> None:
    Tab(door, TELNET, forwarded="192.0.2.1", proto="https")
    (client,) = clients(door)
    assert client.address == "127.0.0.1:50000"
    assert not client.terminal.tls


@pytest.mark.parametrize("setting", ["web_proxies", "proxy_from"])
@pytest.mark.parametrize(("proto", "secure"), [("https", True), ("http", False), ("", False)])
def test_a_page_behind_an_https_proxy_is_secure(
    made: Made, setting: str, proto: str, secure: bool
) -> None:
    door = made(web_origins=("*",), **{setting: ("127.0.0.0/8",)})
    Tab(door, TELNET, SESSION, forwarded="192.0.2.1", proto=proto)
    (client,) = clients(door)
    assert client.terminal.tls is secure
    assert client.address == "192.0.2.1:0"


@pytest.mark.parametrize(
    ("proxies", "fields", "private"),
    [
        ((), {}, True),
        ((), {"X-Forwarded-For": "192.0.2.1"}, False),
        ((), {"X-Forwarded-Proto": "https"}, False),
        ((), {"X-Real-IP": "127.0.0.1"}, False),
        ((), {"Forwarded": "for=127.0.0.1;proto=https"}, False),
        ((), {"Via": "1.1 squid"}, False),
        (("127.0.0.1",), {"Via": "1.1 squid"}, False),
        (("127.0.0.1",), {"X-Forwarded-For": "192.0.2.1"}, False),
        (("127.0.0.1",), {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"}, True),
        (("127.0.0.1",), {"X-Forwarded-For": "::1", "Via": "1.1 nginx"}, True),
    ],
)
def test_the_address_of_a_proxy_makes_nobody_private(
    made: Made, proxies: tuple[str, ...], fields: dict[str, str], private: bool
) -> None:
    """Not one on this machine that no setting names, nor one that does not tell whose request it sends."""
    door = made(web_origins=("*",), web_proxies=proxies)
    Tab(door, TELNET, SESSION, fields=fields)
    (client,) = clients(door)
    assert is_private(client) is private


def test_headers_of_a_proxy_that_disagree_are_refused(made: Made) -> None:
    wire = Wire(made(web_proxies=("127.0.0.1",)))
    status, _, body = wire.get(X_Forwarded_For="192.0.2.1", Forwarded="for=192.0.2.2")
    assert status == 400
    assert b"disagree" in body


def test_a_connection_of_a_proxy_counts_for_those_whose_request_it_sends(made: Made) -> None:
    door = made(web_proxies=("127.0.0.1",), connections_per_address=1)
    shared = Wire(door)
    assert shared.get(X_Forwarded_For="192.0.2.1")[0] == 200
    assert shared.get(X_Forwarded_For="192.0.2.2")[0] == 200
    other = Wire(door)
    assert other.get(X_Forwarded_For="192.0.2.1")[0] == 200, "it does not count for them any more"
    assert Wire(door).get(X_Forwarded_For="192.0.2.2")[0] == 503
    shared.lose()
    assert Wire(door).get(X_Forwarded_For="192.0.2.2")[0] == 200


def test_w10_a_slow_reader_is_dropped_at_the_bound(made: Made, clock: Clock) -> None:
    door = made(output_max=1000)
    tab = visit(door)
    (client,) = clients(door)
    tab.connection.pauseProducing()
    for _ in range(30):
        client.write("a" * 100)
        clock.advance(0)
    clock.advance(0)
    assert tab.transport.aborted
    tab.lose()
    clock.advance(0)
    assert clients(door) == ()


def test_w09_pings_are_not_answered_while_nobody_reads(door: WebDoor) -> None:
    tab = visit(door)
    tab.pump()
    tab.connection.pauseProducing()
    tab.client.send_ping(b"x")
    tab.send(b"".join(tab.client.data_to_send()))
    assert tab.taken() == b""


def test_a_broadcast_is_framed_once(door: WebDoor, clock: Clock) -> None:
    tabs = [visit(door) for _ in range(3)]
    for tab in tabs:
        heard(tab, clock)
    frames = []
    framed = door.framed
    door.framed = lambda opcode, payload: frames.append(framed(opcode, payload)) or frames[-1]  # type: ignore[method-assign,func-returns-value]
    door._service.write_all("hello")
    clock.advance(0)
    assert len(frames) == 3
    assert frames[0] is frames[1] is frames[2]


@pytest.mark.parametrize("field", ["Origin", "Host"])
def test_a_name_that_is_not_one_is_refused(door: WebDoor, field: str) -> None:
    head = {"Host": "127.0.0.1:9080", "Origin": "http://127.0.0.1:9080", field: "http://["}
    wire = Wire(door)
    fields = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    wire.send(f"GET /ws HTTP/1.1\r\n{fields}Upgrade: websocket\r\n\r\n".encode())
    assert wire.taken().startswith(b"HTTP/1.1 403 ")


# -- other doors know of it --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subprotocols", "reflows"),
    [((TELNET, SESSION), True), ((TELNET,), False), (("gmcp.mudstandards.org",), True), ((), True)],
)
def test_a_page_breaks_lines_itself(
    door: WebDoor, subprotocols: tuple[str, ...], reflows: bool
) -> None:
    """A program that speaks telnet may be Mudlet, which shows what it is sent as it is."""
    Tab(door, *subprotocols)
    (client,) = clients(door)
    assert client.terminal.reflows is reflows


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({}, "http://127.0.0.1:9080/"),
        ({"web_origins": ("https://talk.example.org",)}, "https://talk.example.org/"),
        ({"web_origins": ("*",)}, "http://127.0.0.1:9080/"),
    ],
)
def test_the_telnet_port_knows_the_page(made: Made, settings: dict[str, Any], url: str) -> None:
    door = made(**settings)
    door.advertised = {"WEB": 9080}
    door._service.lifecycle.doors.append(door)
    assert page_of(door._service, HOST) == url
    protocol, transport = TelnetProtocol(door._service), StringTransport(hostAddress=HOST)
    protocol.makeConnection(transport)
    transport.clear()
    protocol.dataReceived(b"GET / HTTP/1.1\r\n")
    answer = transport.value()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert url.encode() in answer
