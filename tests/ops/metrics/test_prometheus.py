"""Each figure is what happened."""

from __future__ import annotations

import subprocess
import sys

import pytest
from prometheus_client import REGISTRY
from twisted.internet.testing import StringTransport

from cletus import Service, events
from cletus.doors.admission import ConnectionLimiter
from cletus.doors.telnet.protocol import TelnetFactory
from cletus.errors import StoreIOError
from cletus.ops.prometheus import registry_of
from cletus.storage import Field, Store
from cletus.version import __version__

CORE = """
    from cletus import Service
    service = Service()
    VERSION = 1
"""


@pytest.fixture
def telnet(service):
    """Makes telnet connections, of a service that is telnet's only as far as they go."""
    factory = TelnetFactory(service, ConnectionLimiter(service))

    def connect():
        protocol, transport = factory.buildProtocol(None), StringTransport()
        transport.abortConnection = lambda: None
        protocol.makeConnection(transport)
        return protocol, transport

    return connect


def test_clients_by_door_and_users_among_them(service, come, telnet, figures):
    come(service).client.user = "ann"
    leaves = come(service)
    telnet()
    leaves.hangs_up()
    found = figures(service)
    assert found['cletus_clients{door="memory"}'] == 1
    assert found['cletus_clients{door="telnet"}'] == 1
    assert found['cletus_connections_total{door="memory"}'] == 2
    assert found["cletus_users"] == 1


def test_a_door_that_nobody_has_used_is_there(service, figures):
    class Door:
        address = "tls 127.0.0.1:9443"

        def close(self):
            """It has nothing to close."""

    service.lifecycle.doors.append(Door())
    found = figures(service)
    assert found['cletus_clients{door="tls"}'] == 0
    assert found['cletus_connections_total{door="tls"}'] == 0


def test_lines_and_bytes_and_deliveries(service, telnet, clock, figures):
    """A line to everybody is a delivery to each; bytes are those of the wire, negotiation too."""
    service.listen(events.Receive)(lambda event: service.write_all(event.data))
    (protocol, transport), (_, other) = telnet(), telnet()
    clock.advance(0)
    before = figures(service)
    assert before["cletus_sent_bytes_total"] == len(transport.value()) + len(other.value()) > 0
    protocol.dataReceived(b"hello\r\n")
    clock.advance(0)
    found = figures(service)
    grown = {name: found[name] - before[name] for name in found if found[name] != before.get(name)}
    assert grown["cletus_lines_total"] == 1
    assert grown["cletus_received_bytes_total"] == len("hello\r\n")
    assert grown["cletus_sent_bytes_total"] == 2 * len("hello\r\n")
    assert grown["cletus_deliveries_total"] == 2


def test_a_slow_reader_is_seen_while_waiting_and_counted_when_dropped(start, come, figures):
    service = start(output_max=1000)
    slow = come(service)
    slow.client.pause_output()
    slow.client.write("x" * 499)
    found = figures(service)
    assert found["cletus_output_waiting_bytes"] == found["cletus_output_peak_bytes"] == 500
    slow.client.resume_output()
    slow.new_text()
    found = figures(service)
    assert (found["cletus_output_waiting_bytes"], found["cletus_output_peak_bytes"]) == (0, 500)
    assert found["cletus_slow_readers_total"] == 0
    slow.client.pause_output()
    slow.client.write("x" * 1000)
    slow.new_text()
    assert figures(service)["cletus_slow_readers_total"] == 1


def test_a_peak_that_no_scrape_has_seen(start, come, figures):
    """Between two scrapes somebody was slow, and read on."""
    service = start()
    slow = come(service)
    slow.client.pause_output()
    slow.client.write("x" * 99)
    slow.client.resume_output()
    slow.new_text()
    assert figures(service)["cletus_output_peak_bytes"] == 100


def test_lines_that_wait_leave_a_mark(start, come, figures):
    service = start(line_burst=2, line_rate=1)
    service.listen(events.Receive)(lambda event: None)
    come(service).types(*"abcde")
    assert figures(service)["cletus_input_peak_lines"] == 3


def test_refused_connections(start, figures):
    service = start(connections_per_address=1)
    limiter = ConnectionLimiter(service)
    for _ in range(3):
        limiter.admit("192.0.2.1")
    assert figures(service)["cletus_connections_refused_total"] == 2


def test_mistakes_of_the_application(service, come, figures, log):
    @service.listen(events.Receive)
    def receive(event):
        raise ValueError("no")

    come(service).types("a", "b")
    assert len(log.take_failures()) == 2
    assert figures(service)["cletus_mistakes_total"] == 2


@pytest.fixture
def room(service):
    """A store class of the service, and one object of it."""
    home = service

    class Room(Store):
        service = home
        text = Field("")

    return Room("hall")


def test_saves_now_and_soon_with_their_time(service, room, clock, figures):
    room.save()
    room.text = "big"
    room.save_soon()
    assert figures(service)["cletus_saves_waiting"] == 1
    clock.advance(1)
    found = figures(service)
    assert found["cletus_saves_waiting"] == 0
    assert found["cletus_saves_peak"] == 1
    assert found['cletus_saves_total{outcome="saved"}'] == 2
    assert found['cletus_saves_total{outcome="failed"}'] == 0
    assert found["cletus_save_seconds_count"] == 2
    assert 0 < found["cletus_save_seconds_sum"] < 1
    assert found['cletus_save_seconds_bucket{le="+Inf"}'] == 2


def test_saves_that_fail(service, room, clock, figures, monkeypatch):
    """Alone, in a group, and with all at the end."""
    backend = service.session.writer._backend

    def write(store, key, data):
        raise StoreIOError(store, key, "full", action="save")

    monkeypatch.setattr(backend, "write", write)
    with pytest.raises(StoreIOError):
        room.save()
    errors = []
    room.save_soon().addErrback(errors.append)
    clock.advance(1)
    assert len(errors) == 1
    assert len(service.save_all()) == 1
    monkeypatch.undo()
    found = figures(service)
    assert found['cletus_saves_total{outcome="failed"}'] == 3
    assert found['cletus_saves_total{outcome="saved"}'] == 0


def test_reloads_by_outcome_and_phase(run, figures):
    app = run(core=CORE)
    fresh = figures(app.service)
    assert fresh['cletus_reloads_total{outcome="committed"}'] == 0
    assert app.reload(core=lambda text: text.replace("1", "2")).ok
    assert not app.reload(core=lambda text: text + "\n1/0").ok
    found = figures(app.service)
    assert found['cletus_reloads_total{outcome="committed"}'] == 1
    assert found['cletus_reloads_total{outcome="refused"}'] == 1
    assert found["cletus_generation"] == 1
    assert found["cletus_reload_pause_seconds_count"] == 2
    report = app.service.last_reload
    for phase in ("check", "stage", "convert", "commit", "retire"):
        assert found[f'cletus_reload_phase_seconds_count{{phase="{phase}"}}'] >= 1
    assert found['cletus_reload_phase_seconds_sum{phase="stage"}'] >= report.phases["stage"]


def test_a_reload_keeps_every_count_and_doubles_none(run, figures):
    """Also a meter of the application's own, which its module body asks for again."""
    app = run(
        core=CORE + "    jokes = service.metrics.counter('talker_jokes', 'Jokes.')\n"
        "    jokes.add(10 * VERSION)\n"
    )
    app.person().client.line_received("x")
    assert app.reload(core=lambda text: text.replace("VERSION = 1", "VERSION = 2")).ok
    found = figures(app.service)
    assert found["talker_jokes_total"] == 10 + 20
    assert found["cletus_lines_total"] == 1


def test_throttled_logins(talk, figures):
    talker = talk()
    talker.account("Bob")
    for _ in range(7):
        talker.login("bob", "a guess").hangs_up()
    throttled = figures(talker.service)["cletus_users_logins_throttled_total"]
    assert throttled == 2, "five are free"
    talker.reload()
    talker.login("bob", "a guess").hangs_up()
    assert figures(talker.service)["cletus_users_logins_throttled_total"] == 3


def test_what_is_known_of_the_process_and_the_version(service, figures):
    found = figures(service)
    assert found[f'cletus_info{{version="{__version__}"}}'] == 1
    assert found["process_resident_memory_bytes"] > 1e6
    assert found["cletus_start_time_seconds"] == pytest.approx(service.started_at, abs=1)


def test_two_services_of_a_process_do_not_meet(start, come, figures):
    """Nothing is in the registry that a process has by itself."""
    one, other = start(), start()
    come(one)
    assert 'cletus_clients{door="memory"}' not in figures(other)
    assert not [family for family in REGISTRY.collect() if family.name.startswith("cletus")]


def test_labels_that_differ_are_no_reason_to_fail(service, figures):
    """And values that are no text are made text."""
    mixed = service.metrics.counter("talker_mixed", 'With "quotes"\nand lines.')
    mixed.add(kind="a")
    mixed.add(where=3)  # type: ignore[arg-type]  # somebody will
    found = figures(service)
    assert found['talker_mixed_total{kind="a",where=""}'] == 1
    assert found['talker_mixed_total{kind="",where="3"}'] == 1


def test_an_idle_service_has_figures():
    """Before its start, say in a test."""
    assert list(registry_of(Service()).collect())


def test_a_service_without_metrics_does_not_pay_for_them():
    """Neither Prometheus nor a web server is imported by a service without a port for them."""
    program = (
        "import sys, cletus\n"
        "from cletus.testing import start_in_memory\n"
        "service = cletus.Service(); start_in_memory(service); service.metrics.lines.add()\n"
        "print([name for name in sys.modules if name.startswith(('prometheus', 'twisted.web'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
