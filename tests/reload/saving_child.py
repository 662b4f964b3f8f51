"""Runs a real service in a real reactor, and prints what becomes of each reload, a line of JSON each.

``python -m tests.reload.saving_child TARGET FOLDER [NAME=VALUE ...]``; the pairs are settings. It ends
when its input does.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.internet import reactor, stdio
from twisted.internet.protocol import Protocol
from twisted.logger import LogLevel, globalLogPublisher

from cletus import ReloadReport
from cletus.reload import ServiceReloader
from cletus.reload.load import load
from cletus.service.interfaces import Components


def say(**facts: Any) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


class TellingReloader(ServiceReloader):
    """Tells of every end of a reload, also of those that found nothing to do."""

    def _end(self, report: ReloadReport) -> None:
        super()._end(report)
        service = self._service
        values = {
            name: vars(module)["N"]
            for name, module in service.session.application.loaded().items()
            if "N" in vars(module)
        }
        say(
            outcome=report.outcome.value,
            generation=service.session.generation,
            changed=[*report.changed, *report.added, *report.removed],
            error=report.error,
            values=values,
        )


class End(Protocol):
    """Our parent keeps our input open for as long as it wants us."""

    def connectionLost(self, reason: object = None) -> None:
        reactor.stop()


def warn(event: dict[str, Any]) -> None:
    if event["log_level"] >= LogLevel.warn and "log_failure" in event:
        say(outcome="failure", error=event["log_failure"].getTraceback())
    # A busy machine holds up the reactor, whatever there is to reload.
    elif event["log_level"] == LogLevel.warn and "held up" not in event["log_format"]:
        say(outcome="warning", error=event["log_format"].format(**event))


def main() -> None:
    target, folder, *pairs = sys.argv[1:]
    globalLogPublisher.addObserver(warn)
    Components.default = replace(Components.default, reloader=TellingReloader)
    service = load(target, Path(folder))
    settings: dict[str, Any] = dict(pair.split("=", 1) for pair in pairs)
    if "reload_patterns" in settings:
        settings["reload_patterns"] = settings["reload_patterns"].split(",")
    service.configure(store="memory:", **settings)
    reactor.callWhenRunning(lambda: service.start(reactor, doors=()))
    reactor.addSystemEventTrigger("before", "shutdown", service.stop)
    stdio.StandardIO(End())
    reactor.run()


if __name__ == "__main__":
    main()
