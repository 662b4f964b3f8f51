"""What an operator sees of a real service: its figures over HTTP, and its log in JSON."""

from __future__ import annotations

import json
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.e2e.harness import TIMEOUT, Caller, Talker, wait_until
from tests.engines import free_port
from tests.ops.metrics.conftest import read

pytestmark = pytest.mark.e2e

APP = """
from cletus import Service, events
service = Service(port=0, control=False)
word = "one"
said = service.metrics.counter("talker_said", "Lines said.")

@service.listen(events.Receive)
def receive(event):
    said.add()
    if event.data == "break":
        raise ValueError("broken")
    service.write_all(f"{word}: {event.data}")
"""


def scrape(port: int) -> dict[str, float]:
    """The figures, as Prometheus would get them."""
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    connection.request("GET", "/metrics")
    answer = connection.getresponse()
    assert answer.status == 200
    found = read(answer.read().decode())
    connection.close()
    return found


def test_an_operator_sees_people_and_reloads(tmp_path: Path, at_end: ExitStack) -> None:
    """In the figures and in the log, over a reload that changes nothing of either."""
    app, port = tmp_path / "app.py", free_port()
    app.write_text(APP)
    talker = Talker(
        tmp_path, "-m", "cletus", "run", "app.py",
        "--metrics-port", str(port), "--log-format", "json",
    )  # fmt: skip
    at_end.callback(talker.kill)
    caller = Caller(talker.port)
    at_end.callback(caller.hang_up)
    caller.types("hello")
    caller.sees("one: hello")
    talker.edit("app.py", '"one"', '"two"')
    wait_until(lambda: scrape(port)["cletus_generation"] == 1, "a reload", lambda: talker.output)
    caller.types("again")
    caller.sees("two: again")
    caller.types("break")
    caller.sees("It has been logged.")
    found = scrape(port)
    assert found['cletus_clients{door="telnet"}'] == 1
    assert found["talker_said_total"] == found["cletus_lines_total"] == 3
    assert found['cletus_reloads_total{outcome="committed"}'] == 1
    assert found["cletus_mistakes_total"] == 1
    assert found["cletus_sent_bytes_total"] >= len("one: hello") + len("two: again")
    looks = "cletus_event_loop_lag_seconds_count"
    wait_until(lambda: scrape(port)[looks], "a look at the lag", lambda: talker.output)
    assert talker.stop() == 0
    lines = [json.loads(line) for line in talker.output.splitlines() if line.startswith("{")]
    said = {line["message"].partition(":")[0]: line for line in lines}
    mistake = next(line for line in lines if "failure" in line)
    assert (mistake["client_id"], mistake["event"], mistake["generation"]) == (1, "Receive", 1)
    assert mistake["failure"]["message"] == "broken"
    assert said["Reloaded, generation 1"]["generation"] == 1
    with pytest.raises(OSError, match="refused"):
        scrape(port)
