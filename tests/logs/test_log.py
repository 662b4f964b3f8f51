"""The log of a process follows the settings, also when they change."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys

import pytest
from twisted.logger import Logger, LogLevel, globalLogPublisher

from cletus import events
from cletus.logs import Log
from tests.contrib.conftest import clean_imports, run

__all__ = ["clean_imports", "run"]


@pytest.fixture
def written():
    """Makes a log of a service that writes into memory; gives its stream."""
    logs = []

    def write(service):
        stream = io.StringIO()
        logs.append(Log(service, stream))
        globalLogPublisher.addObserver(logs[-1])
        return stream

    yield write
    for one in logs:
        globalLogPublisher.removeObserver(one)


def objects(stream):
    """The lines of a log in JSON."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_events_about_a_client_say_which(start, come, written):
    """Who they are, by which door they came, what is being handled, and in which generation."""
    service = start(log_format="json")
    stream = written(service)

    class Ann:
        key = "ann"

    @service.listen(events.Receive)
    def receive(event):
        event.client.user = Ann()
        Logger("app").info("heard {words}", words=len(event.data))

    person = come(service)
    person.types("hello")
    person.hangs_up()
    came, heard, left = objects(stream)
    assert (came["client_id"], came["door"], came["generation"]) == (1, "memory", 0)
    assert heard["message"] == "heard 5"
    assert heard["namespace"] == "app"
    assert (heard["client_id"], heard["user"], heard["event"]) == (1, "ann", "Receive")
    assert (left["user"], left["reason"]) == ("ann", "closed by peer")


def test_a_mistake_in_a_listener_says_whose_line_it_was(start, come, written, log):
    service = start(log_format="json")
    stream = written(service)

    @service.listen(events.Receive)
    async def receive(event):
        await event.client.ask("Sure? ")
        raise RuntimeError("oh")

    come(service).types("x", "yes")
    log.take_failures()
    failed = objects(stream)[-1]
    assert failed["failure"]["message"] == "oh"
    assert (failed["client_id"], failed["event"]) == (1, "Receive")


def test_a_dropped_reader_is_named(start, come, written):
    service = start(log_format="json", output_max=10)
    stream = written(service)
    person = come(service)
    person.client.pause_output()
    person.client.write("x" * 100)
    person.new_text()
    dropped = next(one for one in objects(stream) if "dropped" in one["message"])
    assert (dropped["client_id"], dropped["level"]) == (1, "warn")


def test_what_an_event_says_itself_comes_before_what_is_known_of_it(start, come, written):
    """Its message may have a field of that name."""
    service = start(log_format="json")
    stream = written(service)
    service.listen(events.Receive)(
        lambda event: Logger("app").info("at {door}", door="the oak door")
    )
    come(service).types("x")
    said = next(one for one in objects(stream) if one["namespace"] == "app")
    assert (said["message"], said["door"]) == ("at the oak door", "the oak door")


def test_levels_and_format_follow_the_settings(start, written, log):
    """In the very next event."""
    service = start()
    stream = written(service)
    app = Logger("app")
    app.debug("one")
    service.configure(log_levels=("app=debug",))
    app.debug("two")
    service.configure(log_format="json", log_levels=("error",))
    app.warn("three")
    app.error("four")
    service.configure(log_format="colour", log_levels=())
    app.info("five")
    assert log.take_failures() == ["four"]
    first, second, third = stream.getvalue().splitlines()
    assert first.endswith(" two")
    assert json.loads(second)["message"] == "four"
    assert third.endswith("five")
    assert "\x1b[" in third


CORE = """
    from cletus import Service
    service = Service(log_levels="warn")
"""


def test_a_reload_changes_the_level(run, written):
    """Looking for an error needs no restart: edit, save, look, edit back."""
    app = run(core=CORE)
    stream = written(app.service)
    Logger("app0.x").debug("before")
    assert app.reload(core=lambda text: text.replace('"warn"', '"app0=debug"')).ok
    Logger("app0.x").debug("after")
    assert "before" not in stream.getvalue()
    assert "after" in stream.getvalue()


def test_the_log_does_not_keep_old_settings_alive(run, written):
    """Their class may be the application's own: each reload would report that old code is alive."""
    text = """
    import cletus
    from cletus import Service
    class Settings(cletus.Settings):
        motto: str = "hello"
    service = Service(Settings)
    """
    app = run(core=text)
    written(app.service)
    for number in range(2):
        report = app.reload(core=lambda text, number=number: text + f"\n# {number}")
        assert report.holders == []


def test_an_unknown_level_in_new_code_refuses_the_reload(run, written):
    app = run(core=CORE)
    report = app.reload(core=lambda text: text.replace('"warn"', '"loud"'))
    assert not report.ok
    assert "LEVEL is debug, info, warn, error or critical" in report.error
    assert app.service.settings.log_levels == ("warn",)


PROGRAM = """
import logging, sys, warnings
from twisted.logger import Logger
from cletus import Service
from cletus.logs import begin_logging

service = Service(log_levels=[{rules}])
begin_logging(service, ["__main__"], sys.stdout)
Logger("cletus.service").info("ours")
Logger("twisted.web").info("theirs")
Logger("twisted.web").warn("theirs matters")
Logger("app").debug("too much")
logging.getLogger("__main__").info("of the %s", "application")
logging.getLogger("library.x").info("of a library")
logging.getLogger("library.x").warning("of a library that matters {{braces}}")
logging.getLogger("watchdog").warning("noise")
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("library").exception("it failed")
logging.getLogger("library").error("wrong %d", "arguments")
warnings.warn("old", DeprecationWarning)
service.configure(log_levels="error")
Logger("cletus.service").error("after")
logging.getLogger("__main__").warning("not any more")
logging.getLogger("library.x").info("neither")
print("a print\\n", end="")  # in one piece: the log has a thread
"""


def program(folder, *rules):
    """The lines of a process of its own: where the log goes can be said once in a process."""
    file = folder / "app.py"
    file.write_text(PROGRAM.format(rules=", ".join(map(repr, rules))))
    done = subprocess.run(
        [sys.executable, "-W", "default", str(file)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    lines.remove("a print")  # it is not in the order of the log, which has a thread of its own
    return [re.sub(r"^[\d-]+ [\d:]+ ", "", line) for line in lines]


def test_all_that_says_something_is_in_one_log(tmp_path):
    """Twisted's logger, Python's, and warnings; prints are prints."""
    lines = program(tmp_path)
    assert lines[:5] == [
        "ours",
        "warn: theirs matters",
        "of the application",
        "warn: of a library that matters {braces}",
        "error: it failed",
    ]
    assert any("division by zero" in line for line in lines)
    assert any(line.startswith("warn: ") and "DeprecationWarning: old" in line for line in lines)
    assert lines[-1] == "error: after"
    assert not [line for line in lines if "wrong" in line or "noise" in line]


def test_a_rule_for_a_library_holds_for_its_loggers_too(tmp_path):
    lines = program(tmp_path, "library=info")
    assert "of a library" in lines
    assert "neither" not in lines


def test_a_level_below_the_least_is_not_even_rendered(start, written, monkeypatch):
    """Records below the level cost next to nothing."""
    service = start(log_format="json")
    stream = written(service)

    class Never:
        def __repr__(self):
            pytest.fail("it was rendered")

    Logger("app").debug("{what}", what=Never())
    assert stream.getvalue() == ""
    assert LogLevel.debug < LogLevel.info


def test_lines_that_were_lost_are_counted_in_the_log(start):
    """By the next line that is written."""

    class Full(io.StringIO):
        lost = 3

        def take_lost(self):
            lost, self.lost = self.lost, 0
            return lost

    stream = Full()
    log = Log(start(log_format="json"), stream)
    for message in ("one", "two"):
        log({"log_format": message, "log_level": LogLevel.info, "log_namespace": "app"})
    first, second, third = objects(stream)
    assert (first["message"], third["message"]) == ("one", "two")
    assert (second["level"], second["namespace"]) == ("warn", "cletus.logs.log")
    assert (
        second["message"] == "3 log lines were lost: they could not be written, or not fast enough"
    )


def test_a_process_goes_on_when_nobody_reads_its_log(tmp_path):
    """Standard error is a pipe whose reader has stopped."""
    program = (
        "from twisted.logger import Logger\n"
        "from cletus import Service\n"
        "from cletus.logs import begin_logging\n"
        "begin_logging(Service())\n"
        "for _ in range(3000): Logger('app').info('x' * 1000)\n"
        "print('done', flush=True)\n"
    )
    done = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
    )
    assert done.stdout.readline() == b"done\n"
    assert done.wait(30) == 0
    done.stdout.close()
    done.stderr.close()
