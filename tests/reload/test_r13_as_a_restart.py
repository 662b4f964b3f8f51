"""R13: a reload and a restart agree, session state aside."""

from __future__ import annotations

import datetime as dt
import textwrap
from pathlib import Path

import pytest

from cletus import Service
from cletus.reload.code.modules import ApplicationFinder
from cletus.reload.load import load
from cletus.testing import reloaded, start_in_memory
from cletus.testing.describe import describe

BEFORE = textwrap.dedent("""
    import dataclasses, datetime, enum
    from cletus import Service
    from cletus.storage import Field, Store, StoreField
    service = Service()

    class Rank(enum.Enum):
        LOW = "low"
        HIGH = "high"

    @dataclasses.dataclass
    class Item:
        name: str
        weight: int = 1

    class Room(Store):
        service = service
        text = Field("bare")

    class User(Store):
        service = service
        name = Field("")
        score = Field(0, type=int)
        born = Field(type=datetime.datetime)
        rank = Field(Rank.LOW, type=Rank)
        items = Field(list, type=list[Item])
        room = StoreField("room")
        notes = Field(dict)
        mood = Field("calm", session=True)
""")
EDITS = {
    "nothing": lambda text: text,
    "a new field with a default": lambda text: text.replace(
        "score =", "fresh = Field(list)\n    score ="
    ),
    "a field dropped": lambda text: text.replace("    notes = Field(dict)\n", ""),
    "a field renamed": lambda text: text.replace("name = Field", "title = Field").replace(
        'title = Field("")', 'title = Field("", renamed_from="name")'
    ),
    "a default changed": lambda text: text.replace('Field("bare")', 'Field("furnished")'),
    "a type tightened": lambda text: text.replace("type=int", "type=int | str"),
    "an enum member added": lambda text: text.replace(
        'HIGH = "high"', 'HIGH = "high"\n    TOP = "top"'
    ),
    "a migration": lambda text: text.replace(
        '    name = Field("")\n',
        '    version = 1\n    name = Field("")\n'
        "    @classmethod\n"
        "    def migrate(cls, data, version):\n"
        '        data["name"] = data["name"].upper()\n'
        '        data["score"] += 1\n'
        "        return data\n",
    ),
    "a dataclass with a new field": lambda text: text.replace(
        "weight: int = 1", "weight: int = 1\n    worn: bool = False"
    ),
    "fields in another order": lambda text: text.replace('    name = Field("")\n', "").replace(
        "    mood =", '    name = Field("")\n    mood ='
    ),
}


def application(folder: Path, name: str, text: str) -> Service:
    """Loads a single file as a service of its own, with its stores in the folder."""
    (folder / f"{name}.py").write_text(text)
    return load(f"{name}.py", folder)


def stop(service: Service) -> None:
    service.stop()
    service.reactor.advance(10)


def populate(service: Service) -> None:
    stores = service.session.current.stores
    module = __import__(stores["user"].__module__)
    stores["room"]("hall", text="a hall")
    stores["room"]("plain")
    user = stores["user"]("bob", name="bob", score=3, rank=module.Rank.HIGH)
    user.born = dt.datetime(2000, 1, 2, tzinfo=dt.UTC)
    user.items = [module.Item("lamp", 2), module.Item("rope")]
    user.room = stores["room"].manager.active()["hall"]
    user.notes = {"a": [1, {"b": None}]}
    stores["user"]("ann")


def permanent(service: Service, *, saved: bool) -> dict:
    found = {}
    for name, store_cls in service.session.current.stores.items():
        objects = store_cls.manager.saved() if saved else store_cls.manager.active()
        found[name] = {
            key: {field: describe(value) for field, value in one.to_dict().items()}
            for key, one in sorted(objects.items())
        }
    return found


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
def test_reload_gives_what_save_restart_load_gives(tmp_path, edit):
    """Both ways from the same start: values, types and order of the fields are the same."""
    by_reload, by_restart = tmp_path / "reload", tmp_path / "restart"
    by_reload.mkdir()
    by_restart.mkdir()

    service = application(by_reload, "talker", BEFORE)
    start_in_memory(service)
    populate(service)
    report = reloaded(service, {"talker": edit})
    assert report.ok, str(report)
    reload_says = permanent(service, saved=False)
    stop(service)
    forget()

    store = {"store": str(by_restart / "store"), "store_sync": "rename"}
    service = application(by_restart, "talker", BEFORE)
    service.configure(reload=False, **store)
    start(service)
    populate(service)
    assert service.save_all() == []
    stop(service)
    forget()

    service = application(by_restart, "talker", edit(BEFORE))
    service.configure(reload=False, **store)
    start(service)
    assert permanent(service, saved=True) == reload_says
    stop(service)


def start(service: Service) -> None:
    from twisted.internet.task import Clock

    failures: list = []
    service.start(Clock(), doors=()).addErrback(failures.append)
    assert failures == []


def forget() -> None:
    """What a restart forgets: the modules, and who imported them."""
    import sys

    sys.modules.pop("talker", None)
    sys.meta_path[:] = [one for one in sys.meta_path if not isinstance(one, ApplicationFinder)]


def test_code_that_makes_no_service_any_more_is_refused_as_by_a_start(run, tmp_path):
    """An emptied ``__init__.py``, for example: nobody would be answered."""
    app = run(talk="from APP.core import service")
    report = app.reload(init="")
    assert "app0: none of its modules makes a service; add: service = Service()" in report.error
    assert app.reload(core=lambda text: text + "# more").ok


def test_code_that_makes_two_services_is_refused_as_by_a_start(run):
    app = run(talk="X = 1")
    report = app.reload(talk="from cletus import Service\nother = Service()\n")
    assert "app0: it makes 2 services; it must make one" in report.error
    assert app.reload(talk="X = 2").ok


def test_a_broken_file_that_nobody_imports_is_no_reason_to_refuse(run, tmp_path):
    """Neither for the start nor for a reload; imported, it is."""
    app = run(talk="X = 1")
    assert app.reload(draft="def (", talk="X = 2").ok
    assert app.module("talk").X == 2
    report = app.reload(draft="def (", talk="import APP.draft".replace("APP", app.name))
    assert report.phase == "check"
    assert "draft.py:1" in report.error
    report = app.reload(
        draft="def (", talk=f"import importlib\nimportlib.import_module('{app.name}.draft')"
    )
    assert not report.ok
    assert "draft.py:1" in report.error
    assert app.module("talk").X == 2
