"""What a module body registers elsewhere goes when the next generation registers its own."""

from __future__ import annotations

import atexit
import codecs
import importlib
import logging
import sys
from typing import Any

import pytest
from twisted.logger import globalLogPublisher
from twisted.python import components, log
from zope.interface import Interface

from cletus.reload.effects.registrations import _AfterImport, exit_functions

#: What a module registers, as text; and what the process then has of it, as a function.
REGISTERS = {
    "a log handler": (
        (
            "import logging\nclass Mine(logging.NullHandler): pass\n"
            "logging.getLogger('taken').addHandler(Mine())"
        ),
        lambda: len(logging.getLogger("taken").handlers),
    ),
    "a log filter": (
        "import logging\ndef mine(record): return True\nlogging.getLogger('taken').addFilter(mine)",
        lambda: len(logging.getLogger("taken").filters),
    ),
    "an observer": (
        (
            "from twisted.logger import globalLogPublisher\ndef observe(event): pass\n"
            "globalLogPublisher.addObserver(observe)"
        ),
        lambda: len(globalLogPublisher._observers),
    ),
    "a legacy observer": (
        "from twisted.python import log\ndef observe(event): pass\nlog.addObserver(observe)",
        lambda: len(log.theLogPublisher._legacyObservers),
    ),
    "an exit function": (
        "import atexit\ndef bye(): pass\natexit.register(bye)",
        lambda: len(exit_functions()),
    ),
    "a method as exit function": (
        "import atexit\nclass Box:\n    def bye(self): pass\nBOX = Box()\natexit.register(BOX.bye)",
        lambda: len(exit_functions()),
    ),
    "a handler of codec errors": (
        "import codecs\ndef mine(error): return '', error.end\ncodecs.register_error('taken', mine)",
        lambda: int(_codec_error() not in (None, codecs.strict_errors)),
    ),
    "an adapter": (
        (
            "from twisted.python.components import registerAdapter\nimport host\n"
            "class Adapter:\n    def __init__(self, original): pass\n"
            "registerAdapter(Adapter, str, host.IThing)"
        ),
        lambda: int(components.getAdapterFactory(str, IThing, None) is not None),
    ),
    "a Prometheus collector": (
        (
            "from prometheus_client import Counter\nLINES = Counter('taken_lines', 'lines')\n"
            "BY_NAME = {'words': Counter('taken_words', 'words', ['by'])}"
        ),
        lambda: len(_collectors()),
    ),
    "a Prometheus collector of its own": (
        (
            "from prometheus_client import REGISTRY\n"
            "from prometheus_client.core import GaugeMetricFamily\n"
            "class Mine:\n    def collect(self):\n"
            "        yield GaugeMetricFamily('taken_lines', 'lines', value=1)\n"
            "REGISTRY.register(Mine())"
        ),
        lambda: len(_collectors()),
    ),
}


class IThing(Interface):
    pass


def _codec_error() -> Any:
    try:
        return codecs.lookup_error("taken")
    except LookupError:
        return None


def _collectors() -> list[Any]:
    from prometheus_client import REGISTRY

    names = REGISTRY._names_to_collectors
    return [name for name in names if name in {"taken_lines", "taken_words"}]


@pytest.fixture(autouse=True)
def host(monkeypatch):
    module: Any = type(codecs)("host")
    module.IThing = IThing
    monkeypatch.setitem(__import__("sys").modules, "host", module)


@pytest.mark.parametrize(("text", "count"), REGISTERS.values(), ids=REGISTERS)
def test_it_is_taken_back_by_each_reload_and_put_back_by_a_refused_one(run, text, count):
    """There is always one of it; and nothing of the old code is alive."""
    before = count()
    app = run(a=text)
    once = count() - before
    assert once > 0
    for number in range(3):
        report = app.reload(a=f"{text}\nNUMBER = {number}")
        assert report.ok, report
        assert count() - before == once
        assert report.holders == []
    assert not app.reload(a=f"{text}\n1 / 0").ok
    assert count() - before == once
    assert app.reload(a="").ok
    assert count() == before


def test_a_handler_is_closed_when_it_is_replaced(run, tmp_path):
    path = tmp_path / "talk.log"
    text = f"import logging\nH = logging.FileHandler({str(path)!r})\n"
    text += "logging.getLogger('taken').addHandler(H)\n"
    app = run(a=text)
    old = app.module("a").H
    stream = old.stream
    assert not app.reload(a=text + "1 / 0").ok
    assert not stream.closed
    assert app.reload(a=text + "# more").ok
    assert stream.closed
    logging.getLogger("taken").warning("once")
    assert path.read_text() == "once\n"
    app.reload(a="")


def test_a_collector_goes_on_with_its_value(run):
    """So a graph does not fall to zero with each edit; one with other labels begins anew."""
    text = "from prometheus_client import Counter\nLINES = Counter('taken_lines', 'lines'{})"
    app = run(a=text.format(""))
    app.module("a").LINES.inc(3)
    app.reload(a=text.format("") + "\n# more")
    assert app.module("a").LINES._value.get() == 3
    app.reload(a=text.format(", ['by']"))
    assert app.module("a").LINES._metrics == {}
    app.reload(a="")


def test_what_a_body_states_about_a_collector_is_that_of_the_new_one(run):
    """The function of a gauge, and the contents of an ``Info``; a child has its own values."""
    from prometheus_client import REGISTRY

    text = """
    from prometheus_client import Gauge, Info
    GAUGE = Gauge("taken_online", "online", ["room"])
    GAUGE.labels("hall").set_function(lambda: 1)
    CELLAR = GAUGE.labels("cellar")
    INFO = Info("taken_build", "build")
    INFO.info({"version": "v1"})
    """
    app = run(a=text)
    app.module("a").CELLAR.set(7)
    report = app.reload(a=text.replace("lambda: 1", "lambda: 2").replace("v1", "v2"))
    app.module("a").CELLAR.inc()
    value = REGISTRY.get_sample_value
    assert value("taken_online", {"room": "hall"}) == 2
    assert value("taken_online", {"room": "cellar"}) == 8
    assert value("taken_build_info", {"version": "v2"}) == 1
    assert report.holders == []
    app.reload(a="")


def test_a_collector_registered_while_the_service_runs_stays(run):
    from prometheus_client import REGISTRY

    text = "class Mine:\n    def describe(self): return []\n    def collect(self): return []"
    app = run(a=text)
    collector = app.module("a").Mine()
    REGISTRY.register(collector)
    app.reload(a=text + "\n1/0")
    app.reload(a=text + "\n# more")
    assert collector in REGISTRY._collector_to_names
    REGISTRY.unregister(collector)


def test_what_the_application_has_taken_back_itself_is_not_put_back(run):
    app = run(a="import atexit\ndef bye(): pass\natexit.register(bye)")
    atexit.unregister(app.module("a").bye)
    before = exit_functions()
    assert not app.reload(a="1 / 0").ok
    assert exit_functions() == before


def test_a_library_that_is_imported_meanwhile_does_not_keep_what_is_recorded(tmp_path, monkeypatch):
    """A module keeps its loader for ever: it kept the first generation, with SQLAlchemy."""
    (tmp_path / "of_others.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    imported: list[str] = []
    finder = _AfterImport("of_others", lambda: imported.append("of_others"))
    monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
    module: Any = importlib.import_module("of_others")
    del sys.modules["of_others"]
    assert imported == ["of_others"]
    assert "exec_module" not in vars(module.__loader__)
