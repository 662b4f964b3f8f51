"""Applications that run as programs: ``python app.py``, ``python -m app``, and start scripts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing
from pathlib import Path

import pytest

DRIVER = """
import gc
import json
import os
import sys
from twisted.internet import reactor

def drive(service, path, old, new):
    def ended(report):
        main = sys.modules["__main__"]
        facts = {
            "report": str(report), "ok": report.ok, "main": vars(main).get("N"),
            "same_service": main.service is service, "package": main.__package__,
            "modules": sorted(one for one in sys.modules if service.session.application.owns(one)),
            "heard": service.heard, "holders": [*service.holders, *report.holders],
            "marks": sum(type(one).__name__ == "Mark" for one in gc.get_objects()),
        }
        print("FACTS", json.dumps(facts), flush=True)
        reactor.stop()
    def edited(first):
        service.holders = first.holders
        with open(path) as file: text = file.read()
        with open(path, "w") as file: file.write(text.replace(old, new))
        service.reload().addCallback(ended)
    service.reload().addCallback(edited)
"""

PROGRAM = """
import driver
from cletus import Service, events
service = Service()
N = 1

class Thing:
    pass

@service.listen(events.PostStart)
def started(event):
    service.heard = []
    service.thing = Thing()
    driver.drive(event.service, __file__, "N = 1", "N = 2")

@service.listen(events.PostReload)
def reloaded(event):
    service.heard.append(f"{N} {type(service.thing) is Thing} {__name__}")

if __name__ == "__main__":
    service.run(port=0, reload=False)
"""


def run_program(folder: Path, *arguments: str) -> dict[str, typing.Any]:
    library = folder / "library"  # beside the program it would be part of the application
    library.mkdir()
    (library / "driver.py").write_text(DRIVER)
    done = subprocess.run(
        [sys.executable, *arguments, "--store", "memory:"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(library), *sys.path])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("FACTS ")]
    assert lines, done.stdout + done.stderr
    return json.loads(lines[0][6:])


@pytest.mark.parametrize(("arguments", "package"), [(["app.py"], ""), (["-m", "app"], "")])
def test_single_file_as_program(tmp_path, arguments, package):
    """``python app.py`` and ``python -m app``: ``__main__`` itself is rebuilt, and does not run twice."""
    (tmp_path / "app.py").write_text(PROGRAM)
    facts = run_program(tmp_path, *arguments)
    assert facts["ok"], facts["report"]
    assert facts["main"] == 2
    assert facts["holders"] == []
    assert facts["marks"] == len(facts["modules"])
    assert facts["same_service"]
    assert facts["package"] == package or facts["package"] is None
    assert facts["modules"] == ["__main__"]
    assert facts["heard"] == ["1 True __main__", "2 True __main__"]


def test_package_whose_init_makes_the_service_as_program(tmp_path):
    """``python -m pkg``: while ``pkg/__init__.py`` runs, nothing says yet what runs as ``__main__``."""
    package = tmp_path / "pkg"
    package.mkdir()
    (package / "__init__.py").write_text("from cletus import Service\nservice = Service()\n")
    program = PROGRAM.replace("from cletus import Service, events", "from cletus import events")
    (package / "__main__.py").write_text(
        program.replace("service = Service()", "from pkg import service")
    )
    facts = run_program(tmp_path, "-m", "pkg")
    assert facts["ok"], facts["report"]
    assert facts["main"] == 2
    assert facts["holders"] == []
    assert facts["modules"] == ["__main__", "pkg"]
    assert facts["heard"] == ["1 True __main__", "2 True __main__"]


def test_package_as_program(tmp_path):
    """``python -m pkg``: what only ``__main__`` imports is rebuilt, and so is ``__main__``."""
    package = tmp_path / "pkg"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "core.py").write_text("from cletus import Service\nservice = Service()\n")
    (package / "commands.py").write_text(
        "from .core import service\nfrom cletus import events\n"
        "@service.listen(events.PostReload)\n"
        "def reloaded(event):\n    service.heard.append(__name__)\n"
    )
    (package / "__main__.py").write_text(
        PROGRAM.replace("service = Service()", "from .core import service\nfrom . import commands")
    )
    facts = run_program(tmp_path, "-m", "pkg")
    assert facts["ok"], facts["report"]
    assert facts["main"] == 2
    assert facts["holders"] == []
    assert facts["marks"] == len(facts["modules"])
    assert facts["package"] == "pkg"
    assert facts["modules"] == ["__main__", "pkg", "pkg.commands", "pkg.core"]
    assert facts["heard"] == [
        "pkg.commands", "1 True __main__", "pkg.commands", "2 True __main__"
    ]  # fmt: skip


def test_start_script_outside(tmp_path):
    """A module that only a script outside the application imports is rebuilt, too."""
    package = tmp_path / "pkg"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "core.py").write_text("from cletus import Service\nservice = Service()\n")
    (package / "commands.py").write_text(
        PROGRAM.replace("service = Service()", "from pkg.core import service")
    )
    (tmp_path / "start.py").write_text(
        "from pkg.core import service\nimport pkg.commands\nservice.run(port=0, reload=False)\n"
    )
    facts = run_program(tmp_path, "start.py")
    assert facts["ok"], facts["report"]
    assert facts["modules"] == ["pkg", "pkg.commands", "pkg.core"]
    assert facts["heard"] == ["1 True pkg.commands", "2 True pkg.commands"]


def test_a_program_that_is_imported_again_under_its_name_is_an_error_with_advice(tmp_path):
    """There would be two services, and the listeners of the one that nobody runs."""
    (tmp_path / "app.py").write_text(
        "from cletus import Service\nservice = Service()\nimport commands_of_app\nservice.run()\n"
    )
    (tmp_path / "commands_of_app.py").write_text("from app import service\n")
    done = subprocess.run(
        [sys.executable, "app.py", "--store", "memory:", "--port", "0"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode
    assert "would make a second service; start it with: cletus run app.py" in done.stderr
