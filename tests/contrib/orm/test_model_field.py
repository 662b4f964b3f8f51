"""``cletus/contrib/orm``, with a real SQLite file."""

from __future__ import annotations

import datetime
import gc
import json
import uuid
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy.dialects.sqlite.pysqlite  # the tests drop modules that they caused to be imported
from sqlalchemy import create_engine, event, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, scoped_session
from sqlalchemy.orm import sessionmaker as make_sessions
from twisted.internet.task import Clock

from cletus import Service
from cletus.contrib.orm import ModelField, connect
from cletus.errors import (
    CorruptStore,
    FieldValueError,
    NoDatabase,
    NotInDatabase,
    StoreDeclarationError,
)
from cletus.storage import Field, Store, save_all
from cletus.testing import start_in_memory

assert sqlalchemy.dialects.sqlite.pysqlite


class Base(DeclarativeBase):
    pass


class Account(Base):
    __tablename__ = "account"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(default="")


class Seat(Base):
    __tablename__ = "seat"
    day: Mapped[datetime.date] = mapped_column(primary_key=True)
    row: Mapped[uuid.UUID] = mapped_column(primary_key=True)


class World:
    """A service with a database, and a store whose users have accounts in it."""

    def __init__(self, path: Path) -> None:
        self.service = Service()
        self.session = connect(self.service, f"sqlite:///{path}")
        Base.metadata.create_all(self.session.get_bind())
        self.queries: list[str] = []
        event.listen(self.session.get_bind(), "before_cursor_execute", self._query)
        self.clock: Clock = start_in_memory(self.service)

        class User(Store):
            service = self.service
            name = Field("")
            account = ModelField(Account)
            seat = ModelField(Seat)
            visiting = ModelField(Account, session=True)

        self.User = User

    def _query(self, *args: Any) -> None:
        self.queries.append(args[2].split()[0])

    def account(self, name: str) -> Account:
        account = Account(name=name)
        self.session.add(account)
        self.session.commit()
        return account

    def saved(self, key: str) -> Any:
        return json.loads(self.service.session.writer.read("user", key))

    def reloaded(self, key: str) -> Any:
        """The object as another run of the service would load it."""
        self.User.manager.remove(self.User.manager.active()[key])
        self.session.expunge_all()
        self.queries.clear()
        return self.User(key).load()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "talker.db")
    yield world
    world.service.stop()


def test_nothing_by_default(world: World) -> None:
    """A new object refers to nothing, and that is saved as null."""
    bob = world.User("bob")
    assert bob.account is None
    bob.save()
    assert world.saved("bob")["account"] is None
    assert world.reloaded("bob").account is None


def test_in_memory_the_object_on_disk_its_key(world: World) -> None:
    """What was set is what is read; the file has the primary key and nothing else of the row."""
    account = world.account("Bob")
    bob = world.User("bob", account=account)
    assert bob.account is account
    bob.save()
    assert world.saved("bob")["account"] == account.id
    assert "Bob" not in json.dumps(world.saved("bob"))


def test_fetched_on_first_use(world: World) -> None:
    """Loading asks the database nothing, the first reading once, and the next not again."""
    world.User("bob", account=world.account("Bob")).save()
    bob = world.reloaded("bob")
    assert world.queries == []
    assert bob.account.name == "Bob"
    assert bob.account is bob.account
    assert world.queries == ["SELECT"]


def test_two_fields_with_one_row_have_one_object(world: World) -> None:
    """As SQLAlchemy has it: a row is one object in a session."""
    account = world.account("Bob")
    for key in ("bob", "robert"):
        world.User(key, account=account).save()
    del account
    bob, robert = world.reloaded("bob"), world.reloaded("robert")
    assert bob.account is robert.account


def test_saving_fetches_nothing(world: World) -> None:
    """What was not read is written back by its key."""
    account = world.account("Bob")
    world.User("bob", account=account).save()
    bob = world.reloaded("bob")
    bob.name = "Bob"
    bob.save()
    assert world.queries == []
    assert world.saved("bob")["account"] == 1


def test_session_only(world: World) -> None:
    """A session field is not saved."""
    bob = world.User("bob", visiting=world.account("Alice"))
    bob.save()
    assert "visiting" not in world.saved("bob")
    assert bob.visiting.name == "Alice"


def test_keys_of_several_columns_of_any_type(world: World) -> None:
    """They are saved as JSON's forms of them, and are fetched by what they were."""
    seat = Seat(day=datetime.date(2026, 1, 2), row=uuid.uuid4())
    world.session.add(seat)
    world.session.commit()
    bob = world.User("bob", seat=seat)
    bob.save()
    assert world.saved("bob")["seat"] == ["2026-01-02", str(seat.row)]
    day, row = seat.day, seat.row
    again = world.reloaded("bob")
    again.save()
    assert (again.seat.day, again.seat.row) == (day, row)


class TestDeleted:
    """A deleted row reads as ``None``."""

    def test_by_us(self, world: World) -> None:
        """In the same session, before the commit and after it."""
        account = world.account("Bob")
        bob = world.User("bob", account=account)
        world.session.delete(account)
        world.session.flush()
        assert bob.account is None
        bob.save()
        assert world.saved("bob")["account"] is None
        world.session.commit()
        assert bob.account is None

    def test_not_after_all(self, world: World) -> None:
        """A deletion that is rolled back leaves the reference as it was."""
        account = world.account("Bob")
        bob = world.User("bob", account=account)
        world.session.delete(account)
        world.session.flush()
        assert bob.account is None
        world.session.rollback()
        assert bob.account is account

    def test_by_somebody_else(self, world: World, tmp_path: Path) -> None:
        """By another connection, while we hold the object."""
        bob = world.User("bob", account=world.account("Bob"))
        other = create_engine(f"sqlite:///{tmp_path / 'talker.db'}")
        with other.begin() as connection:
            connection.execute(text("DELETE FROM account"))
        other.dispose()
        assert bob.account is None

    def test_before_it_was_fetched(self, world: World) -> None:
        """The file has the key of a row that is gone."""
        account = world.account("Bob")
        world.User("bob", account=account).save()
        world.session.delete(account)
        world.session.commit()
        assert world.reloaded("bob").account is None

    def test_a_new_row_is_not_taken_for_it(self, world: World) -> None:
        """Databases give keys anew; a reference that was seen to be empty stays so."""
        account = world.account("Bob")
        bob = world.User("bob", account=account)
        world.session.delete(account)
        world.session.commit()
        assert bob.account is None
        assert world.account("Mallory").id == 1
        assert bob.account is None


def test_a_commit_does_not_lose_it(world: World) -> None:
    """After a commit SQLAlchemy forgets the columns, and reading fetches them again."""
    account = world.account("Bob")
    bob = world.User("bob", account=account)
    account.name = "Robert"
    world.session.commit()
    assert bob.account is account
    assert bob.account.name == "Robert"


def test_a_closed_session_does_not_lose_it(world: World) -> None:
    """A detached object is fetched anew."""
    bob = world.User("bob", account=world.account("Bob"))
    world.session.close()
    assert bob.account.name == "Bob"


class TestNotInTheDatabase:
    """An object may be set before it is added and committed; it cannot be saved before."""

    def test_it_reads_as_itself(self, world: World) -> None:
        """And once it is committed, the field can be saved."""
        account = Account(name="Bob")
        bob = world.User("bob", account=account)
        assert bob.account is account
        world.session.add(account)
        assert bob.account is account
        world.session.commit()
        bob.save()
        assert world.saved("bob")["account"] == account.id

    def test_saving_says_what_to_do(self, world: World) -> None:
        """And others of a group are saved."""
        bob, alice = world.User("bob", account=Account()), world.User("alice")
        with pytest.raises(NotInDatabase) as caught:
            bob.save()
        assert str(caught.value) == (
            "User 'bob', field 'account': its Account is not in the database yet; "
            "add it to the session and commit"
        )
        [unsaved] = save_all([bob, alice])
        assert unsaved.obj is bob
        assert world.saved("alice")


class TestMistakes:
    """Each is refused where it is made."""

    @pytest.mark.parametrize("value", [1, "Bob", object(), Seat()])
    def test_another_class(self, world: World, value: Any) -> None:
        """The message names both."""
        with pytest.raises(FieldValueError, match="account: expected an object of Account"):
            world.User("bob", account=value)

    @pytest.mark.parametrize(
        ("field", "value", "expected"),
        [
            ("account", '"one"', "account: expected int, found str"),
            ("account", "[1]", "account: expected int, found list"),
            ("seat", '["2026-01-02"]', "seat: expected a list of the 2 columns"),
            ("seat", "7", "seat: expected a list of the 2 columns of the primary key, found int"),
            ("seat", '["yesterday", "x"]', "seat: expected date, found str"),
        ],
    )
    def test_in_a_file(self, world: World, field: str, value: str, expected: str) -> None:
        """A file with an impossible key is corrupt."""
        raw = f'{{"{field}": {value}}}'.encode()
        world.service.session.writer.write("user", "bob", raw)
        with pytest.raises(CorruptStore, match=expected):
            world.User("bob").load()

    def test_not_a_model(self, world: World) -> None:
        """The declaration itself raises."""
        with pytest.raises(StoreDeclarationError, match=r"Wrong.account.*not a class that SQLAl"):

            class Wrong(Store):
                service = world.service
                account = ModelField(dict)

    def test_no_database(self, world: World) -> None:
        """Told how to give the service one."""
        world.User("bob", account=world.account("Bob")).save()
        bob = world.reloaded("bob")
        del world.service.orm_session
        with pytest.raises(NoDatabase, match=r"User 'bob', field 'account'.*orm.connect"):
            _ = bob.account


def test_the_field_itself(world: World) -> None:
    """On the class it is the field, as every field."""
    assert world.User.account is world.User.fields["account"]
    assert world.User.account.model is Account


def test_any_session_will_do(world: World) -> None:
    """A ``scoped_session``, or one with other options, is set on the service by its name."""
    world.User("bob", account=world.account("Bob")).save()
    sessions = scoped_session(make_sessions(world.session.get_bind()))
    world.service.orm_session = sessions
    assert world.reloaded("bob").account in sessions
    sessions.remove()


# -- reloads ---------------------------------------------------------------------------------------

MODELS = """
    from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

    class Base(DeclarativeBase):
        pass

    class Account(Base):
        __tablename__ = "account"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str] = mapped_column(default="")

        def greet(self):
            return "Hello, " + self.name
"""

STORES = """
    from cletus.contrib.orm import ModelField, connect
    from cletus.storage import Store
    from APP.core import service
    from APP.models import Account, Base

    session = connect(service, "sqlite:///PATH")
    Base.metadata.create_all(session.get_bind())

    class User(Store):
        service = service
        account = ModelField(Account)
        visiting = ModelField(Account, session=True)
"""


@pytest.fixture
def talker(run: Callable[..., Any], tmp_path: Path) -> Any:
    """An application with its own models, and a user with an account and a host."""
    running = run(models=MODELS, stores=STORES.replace("PATH", str(tmp_path / "talker.db")))
    account, stores = running.module("models").Account, running.module("stores")
    stores.session.add_all([account(name="Bob"), account(name="Alice")])
    stores.session.commit()
    bob = stores.User("bob", account=stores.session.get(account, 1))
    bob.visiting = stores.session.get(account, 2)
    return running


def test_models_are_reloaded_too(talker: Any) -> None:
    """The field reads objects of the new class, session fields too, and saves as before."""
    old = talker.module("models").Account
    report = talker.reload(models=lambda text: text.replace("Hello", "Good evening"))
    assert report.ok, report
    new = talker.module("models").Account
    bob = talker.active("User")["bob"]
    assert new is not old
    assert type(bob.account) is type(bob.visiting) is new
    assert (bob.account.greet(), bob.visiting.name) == ("Good evening, Bob", "Alice")
    bob.save()


def test_old_models_are_gone(talker: Any) -> None:
    """SQLAlchemy keeps compiled statements; those of old classes are forgotten (R4)."""
    old = weakref.ref(talker.module("models").Account)
    assert talker.active("User")["bob"].account.greet() == "Hello, Bob"
    for number in range(3):
        assert talker.reload(models=lambda text, n=number: f"{text}# {n}\n").ok
        assert talker.active("User")["bob"].account.name == "Bob"
    gc.collect()
    assert old() is None


def test_a_failed_reload_changes_nothing(talker: Any) -> None:
    """The object in memory is the very same, and so is the session."""
    bob, session = talker.active("User")["bob"], talker.service.orm_session
    account = bob.account
    report = talker.reload(models=lambda text: text + "\nraise RuntimeError\n")
    assert not report.ok
    assert bob.account is account
    assert talker.service.orm_session is session
    assert bob.account.greet() == "Hello, Bob"


def test_a_row_deleted_over_a_reload(talker: Any) -> None:
    """Reads as ``None`` afterwards."""
    bob, session = talker.active("User")["bob"], talker.service.orm_session
    session.delete(bob.account)
    session.commit()
    assert talker.reload().ok
    assert talker.active("User")["bob"].account is None


def test_what_is_not_committed_refuses_the_reload(talker: Any) -> None:
    """Its place is named, and nothing is lost."""
    bob = talker.active("User")["bob"]
    bob.account = talker.module("models").Account(name="New")
    report = talker.reload()
    assert not report.ok
    assert "NotInDatabase" in str(report) or "not in the database yet" in str(report)
    assert bob.account.name == "New"


def test_an_object_of_the_old_class_is_understood(talker: Any) -> None:
    """Somebody held it over a reload, in a coroutine say, and sets it now: its key is taken."""
    kept = talker.active("User")["bob"].visiting
    assert talker.reload(models=lambda text: text + "#").ok
    bob = talker.active("User")["bob"]
    bob.account = kept
    assert type(bob.account) is talker.module("models").Account
    assert bob.account.name == "Alice"


def test_the_session_persists(talker: Any) -> None:
    """``connect`` gives back the running one; what is uncommitted stays so."""
    session = talker.service.orm_session
    session.add(talker.module("models").Account(id=9, name="Uncommitted"))
    assert talker.reload(core=lambda text: text + "#").ok
    assert talker.service.orm_session is session is talker.module("stores").session
    assert len(session.new) == 1


def test_another_url_is_another_session(talker: Any, tmp_path: Path) -> None:
    """The new code's database is in force after the reload, and not before."""
    session = talker.service.orm_session
    other = f"sqlite:///{tmp_path / 'other.db'}"
    assert talker.reload(stores=lambda text: text.replace("talker.db", "other.db")).ok
    assert talker.service.orm_session is not session
    assert str(talker.service.orm_session.get_bind().url) == other
    assert talker.active("User")["bob"].account is None, "no such row there"
    session.close()
    session.get_bind().dispose()


def test_a_stop_closes_it(world: World) -> None:
    """What was not committed is rolled back, and the file is let go."""
    world.session.add(Account(name="Never"))
    world.session.flush()
    world.service.stop()
    world.clock.advance(10)
    assert not world.session.in_transaction()
    assert world.session.get_bind().pool.checkedout() == 0


def test_other_things_by_that_name_are_left_alone() -> None:
    """An application that set something of its own there gets a session in its place."""
    service = Service()
    service.orm_session = "mine"
    session = connect(service, "sqlite://")
    assert isinstance(session, Session)
    assert service.orm_session is session
    assert connect(service, "sqlite://") is session
    session.get_bind().dispose()
