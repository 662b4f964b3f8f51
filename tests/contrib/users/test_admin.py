"""``cletus user``: the first admin is made by somebody who can log in to the machine."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from cletus.cli import main
from cletus.contrib.users import hashing
from tests.reload.conftest import write_package

APP = """
    from cletus import Service
    from cletus.contrib.users import BaseAccount, Users
    service = Service()

    class User(BaseAccount):
        service = service

    users = Users(service, User)
"""
PASSWORD = "correct horse\n"


@pytest.fixture
def cletus(tmp_path, monkeypatch):
    """Runs ``cletus user ...`` for an application in an empty folder."""
    write_package(tmp_path, "house", {"init": APP})
    write_package(tmp_path, "echo", {"init": "from cletus import Service\nservice = Service()\n"})
    monkeypatch.chdir(tmp_path)

    def run(command, target, *args, text="", store=tmp_path / "store"):
        from tests.reload.conftest import ApplicationFinder, sys

        named = [] if store is None else ["--store", str(store)]
        arguments = ["user", command, target, *args, *named]
        result = CliRunner().invoke(main, arguments, input=text)
        sys.meta_path[:] = [one for one in sys.meta_path if not isinstance(one, ApplicationFinder)]
        for name in [name for name in sys.modules if name.split(".")[0] in ("house", "echo")]:
            del sys.modules[name]
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


def saved(tmp_path, key="ann"):
    return json.loads((tmp_path / "store" / "user" / f"{key}.json").read_text())


def test_the_first_admin(cletus, tmp_path):
    """With a password that is asked for twice and shown never."""
    result = cletus("add", "house", "Ann", "--role", "admin", text=PASSWORD * 2)
    assert result.exit_code == 0
    assert "Ann has an account as admin." in result.output
    assert "horse" not in result.output
    data = saved(tmp_path)
    assert data["roles"] == ["admin"]
    assert hashing.HASHER.verify(data["password"], "correct horse")


def test_the_store_is_the_one_that_the_service_has(cletus, tmp_path, monkeypatch):
    """As the file beside the application says it, or the environment; an option wins."""
    (tmp_path / "cletus.toml").write_text('store = "of-file"\n')
    cletus("add", "house", "ann", "--stdin", text=PASSWORD, store=None)
    assert (tmp_path / "of-file/user/ann.json").exists()
    monkeypatch.setenv("CLETUS_STORE", "of-environment")
    cletus("add", "house", "ann", "--stdin", text=PASSWORD, store=None)
    assert (tmp_path / "of-environment/user/ann.json").exists()
    cletus("add", "house", "ann", "--stdin", text=PASSWORD)
    assert saved(tmp_path)


def test_an_application_that_reads_its_store_while_it_is_imported(cletus, tmp_path):
    """Its settings are in force by then: it reads the store that they name, and no other."""
    (tmp_path / "cletus.toml").write_text('store = "elsewhere"\n')
    reading = "\n    WERE_THERE = list(User.manager.keys())\n"
    write_package(tmp_path, "house", {"init": APP + reading})
    assert cletus("add", "house", "ann", "--stdin", text=PASSWORD, store=None).exit_code == 0
    result = cletus("role", "house", "ann", "admin", store=None)
    assert (result.exit_code, result.output) == (0, "ann: admin\n")
    assert (tmp_path / "elsewhere/user/ann.json").exists()
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("args", "text", "why"),
    [
        (("../x",), PASSWORD, "only letters"),
        (("Admin",), PASSWORD, "reserved"),
        (("Ann", "--role", "king"), PASSWORD, "There is no role 'king'"),
        (("Ann",), "short\n", "too short"),
    ],
)
def test_what_cannot_be_had_is_refused(cletus, tmp_path, args, text, why):
    """With a line and exit code 2; nothing is made."""
    result = cletus("add", "house", *args, "--stdin", text=text)
    assert result.exit_code == 2
    assert why in result.output
    assert not (tmp_path / "store" / "user" / "ann.json").exists()


def test_a_name_that_is_taken(cletus):
    """Or looks like it."""
    cletus("add", "house", "Mary", "--stdin", text=PASSWORD)
    assert "name is taken" in cletus("add", "house", "mary", "--stdin", text=PASSWORD).output
    assert "looks too much" in cletus("add", "house", "rnary", "--stdin", text=PASSWORD).output


def test_a_new_password(cletus, tmp_path):
    """For who has forgotten theirs."""
    cletus("add", "house", "Ann", "--stdin", text=PASSWORD)
    before = saved(tmp_path)["password"]
    assert cletus("password", "house", "ann", "--stdin", text="another horse\n").exit_code == 0
    after = saved(tmp_path)["password"]
    assert after != before
    assert hashing.HASHER.verify(after, "another horse")
    assert "no user called" in cletus("password", "house", "bob", "--stdin", text=PASSWORD).output


@pytest.mark.parametrize("arguments", [("1",), ("Ann", "--role", "nonsense")])
def test_what_cannot_be_had_is_refused_before_a_password_is_asked_for(cletus, arguments):
    result = cletus("add", "house", *arguments, text=PASSWORD * 2)
    assert result.exit_code == 2
    assert "Password" not in result.output


def test_roles(cletus, tmp_path):
    """Given, taken and shown."""
    cletus("add", "house", "Ann", "--stdin", text=PASSWORD)
    assert "Ann: no role" in cletus("role", "house", "ann").output
    assert "Ann: admin" in cletus("role", "house", "ann", "admin").output
    assert saved(tmp_path)["roles"] == ["admin"]
    assert "There is no role 'king'" in cletus("role", "house", "ann", "king").output
    assert "Ann: no role" in cletus("role", "house", "ann", "--remove", "admin").output


def test_bans(cletus, tmp_path):
    """For a time, or for good, and lifted again."""
    assert "mallory is banned permanently." in cletus("ban", "house", "mallory").output
    result = cletus("ban", "house", "192.0.2.0/24", "--for", "7d", "--reason", "spam")
    assert "192.0.2.0/24 is banned until" in result.output
    assert len(list((tmp_path / "store" / "ban").glob("*.json"))) == 2
    assert "no longer banned" in cletus("ban", "house", "Mallory", "--remove").output
    assert "is not banned" in cletus("ban", "house", "Mallory", "--remove").output
    assert cletus("ban", "house", "bob", "--for", "soon").exit_code == 2
    assert cletus("ban", "house", "../x").exit_code == 2


def test_an_application_without_accounts(cletus):
    """It is said what to add."""
    result = cletus("add", "echo", "Ann", "--stdin", text=PASSWORD)
    assert result.exit_code == 2
    assert "users = Users(service, User)" in result.output


def test_the_command_is_found_by_its_entry_point():
    """So ``import cletus`` needs none of contrib."""
    output = CliRunner().invoke(main, ["--help"]).output
    assert "user" in output
    assert "run" in output


def test_accounts_are_listed_renamed_and_deleted(cletus, tmp_path, log):
    for name in ("Bob", "Ann"):
        cletus("add", "house", name, "--stdin", text=PASSWORD)
    cletus("role", "house", "ann", "admin")
    assert cletus("list", "house").output == "Ann\tadmin\nBob\t\n"
    assert cletus("rename", "house", "bob", "Robert").output == "Bob is now called Robert.\n"
    assert "name is taken" in cletus("rename", "house", "robert", "Ann").output
    assert "no user called" in cletus("rename", "house", "nobody", "Somebody").output
    kept = cletus("delete", "house", "robert", text="n\n")
    assert kept.exit_code == 1
    assert "Delete the account of Robert?" in kept.output
    assert cletus("list", "house").output == "Ann\tadmin\nRobert\t\n"
    done = cletus("delete", "house", "robert", "--yes")
    assert (done.exit_code, done.output) == (0, "The account of Robert is deleted.\n")
    assert cletus("list", "house").output == "Ann\tadmin\n"
    assert not (tmp_path / "store" / "user" / "bob.json").exists()
