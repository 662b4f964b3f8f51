"""One database session for all: what one person's command leaves unfinished is nobody else's."""

from __future__ import annotations

import pytest

APP = """
    from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
    from cletus import events
    from cletus.contrib.commands import CommandRegistry, Refused
    from cletus.contrib.orm import ModelField, connect
    from cletus.contrib.users import BaseUser
    from APP.core import service

    commands = CommandRegistry(service)

    class Base(DeclarativeBase):
        pass

    class Account(Base):
        __tablename__ = "account"
        id: Mapped[int] = mapped_column(primary_key=True)
        nick: Mapped[str] = mapped_column(unique=True)
        credit: Mapped[int] = mapped_column(default=100)

    db = connect(service, "sqlite://")
    Base.metadata.create_all(db.get_bind())

    class User(BaseUser):
        service = service
        account = ModelField(Account)

    @service.listen(events.Receive)
    def receive(event):
        if event.user is None:
            row = Account(nick=event.data)
            db.add(row)
            db.commit()
            User(event.data, account=row).log_in(event.client)
            return None
        if event.data.startswith("fail"):
            event.user.account.credit -= 30
            if event.data == "fail later":
                service.call_later(1, fail)
                event.user.account.credit += 30
                return None
            if event.data == "fail async":
                return fail_after_a_while(event.user)
            fail()
        return commands.run(event, event.data)

    def fail():
        for account in db.query(Account):
            account.credit -= 30
        raise ValueError("a mistake")

    async def fail_after_a_while(user):
        db.rollback()
        await service.sleep(1)
        fail()

    @commands.register
    def credit(event):
        event.client.write(event.user.account.credit)

    @commands.register
    def nick(event, name: str):
        event.user.account.nick = name
        db.commit()
        event.client.write("Done.")

    @commands.register
    def pay(event, amount: int, trouble: str = ""):
        event.user.account.credit -= amount
        if trouble == "refuses":
            raise Refused("Not today.")
        if trouble == "fails":
            raise ValueError("a mistake")
        db.commit()
"""


@pytest.fixture
def bank(run):
    app = run(bank=APP)
    app.ann, app.bob = app.person(), app.person()
    app.ann.types("ann")
    app.bob.types("bob")
    return app


def test_a_failed_commit_ends_reading_for_nobody(bank):
    assert "went wrong" in bank.bob.types("nick ann")
    assert bank.ann.types("credit") == "100\n"
    assert bank.bob.types("credit") == "100\n"
    assert bank.bob.types("nick rob") == "Done.\n"


@pytest.mark.parametrize("trouble", ["refuses", "fails"])
def test_what_a_failed_command_has_changed_is_not_committed_by_the_next(bank, trouble):
    bank.bob.types(f"pay 30 {trouble}")
    bank.ann.types("pay 1")
    assert bank.bob.types("credit") == "100\n"
    assert bank.ann.types("credit") == "99\n"


@pytest.mark.parametrize("line", ["fail", "fail later", "fail async"])
def test_what_a_failed_listener_or_timer_has_changed_is_not_committed_by_the_next(bank, line):
    """Also without contrib.commands."""
    bank.bob.types(line)
    bank.clock.advance(2)
    bank.ann.types("pay 1")
    assert bank.bob.types("credit") == "100\n"
    assert bank.ann.types("credit") == "99\n"
