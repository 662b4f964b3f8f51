"""Old names work for one release, and each use says what the new one is."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Iterator
from functools import partial
from operator import attrgetter
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.task import Clock

from cletus import Service, Settings, events, renamed
from cletus.contrib.commands import CommandRegistry
from cletus.contrib.users import EVERYTHING, PermissionsMixin, has_permission, permissions
from cletus.errors import Refused
from cletus.storage import Field, Store, StoreField, StoreListField
from cletus.testing import Person
from tests.storage.rig import make_service


@pytest.fixture
def forgotten() -> Iterator[None]:
    """No module is loaded under an old path."""
    for old in renamed.MODULES:
        sys.modules.pop(old, None)
    yield
    for old in renamed.MODULES:
        sys.modules.pop(old, None)


@pytest.mark.usefixtures("forgotten")
@pytest.mark.parametrize("old", renamed.MODULES)
def test_an_old_path_leads_to_the_module_itself(old: str) -> None:
    new = importlib.import_module(renamed.MODULES[old])
    spec = new.__spec__
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert importlib.import_module(old) is new
    assert f"{old} is now called {renamed.MODULES[old]};" in str(caught[-1].message)
    assert new.__spec__ is spec


@pytest.mark.usefixtures("forgotten")
def test_the_warning_names_the_line_that_imports() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        from cletus.dialogue import Dialogue  # noqa: F401 - what importing does is under test
    assert caught[0].filename == __file__


def test_an_old_keyword_of_a_field() -> None:
    """``Field(was=)`` is ``Field(renamed_from=)``; a keyword that never was is still an error."""
    field: Any = Field
    with pytest.warns(DeprecationWarning, match="was is now called renamed_from") as caught:
        old = field(0, was="points")
    assert caught[0].filename == __file__
    assert old.renamed_from == ("points",)
    with pytest.warns(DeprecationWarning, match="Field.was is now called Field.renamed_from"):
        assert old.was == ("points",)
    with pytest.raises(TypeError, match="unexpected keyword argument 'wos'"):
        field(0, wos="points")


@pytest.mark.parametrize("make", [partial(StoreField, "user"), partial(StoreListField, "user")])
def test_an_old_keyword_of_a_reference(make: Any) -> None:
    """Fields with a constructor of their own take the old keyword, too."""
    with pytest.warns(DeprecationWarning, match="was is now called renamed_from"):
        assert make(was="room").renamed_from == ("room",)


def test_an_old_method_of_a_service() -> None:
    """``later`` is ``call_later``, ``in_thread`` is ``run_in_thread``."""
    service: Any = Service()
    with pytest.warns(DeprecationWarning, match="later is now called Service.call_later") as caught:
        timer = service.later(5, print, "hello")
    assert caught[0].filename == __file__
    assert timer.args == ("hello",)
    with pytest.warns(DeprecationWarning, match="is now called Service.run_in_thread"):
        service.in_thread = lambda *_: "replaced"
    assert service.run_in_thread(print) == "replaced"


def test_an_old_keyword_of_a_service() -> None:
    """``Service(kind=)`` is ``Service(settings_class=)``."""

    class Ours(Settings, frozen=True, kw_only=True):
        motto: str = "be kind"

    service: Any = Service
    with pytest.warns(DeprecationWarning, match="kind is now called settings_class") as caught:
        assert service(kind=Ours, motto="be brave").settings.motto == "be brave"
    assert caught[0].filename == __file__


def test_the_old_keyword_of_from_dict() -> None:
    """``from_dict(data=)`` is ``from_dict(dict=)``, as the storage document writes it."""
    user: Any = type("User", (Store,), {"service": make_service(), "score": Field(0)})
    bob = user("bob")
    bob.from_dict(dict={"score": 1})
    assert bob.score == 1
    with pytest.warns(DeprecationWarning, match="data is now called dict"):
        bob.from_dict(data={"score": 2})
    assert bob.score == 2
    with pytest.raises(TypeError, match="missing its argument: dict"):
        bob.from_dict()


def test_a_path_that_never_was_is_still_an_error() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'cletus\.nothing'"):
        importlib.import_module("cletus.nothing")


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [(module, old, new) for module, names in renamed.NAMES.items() for old, new in names.items()],
)
def test_an_old_name_in_a_module_is_the_new_one(module: str, old: str, new: str) -> None:
    namespace = importlib.import_module(module)
    with pytest.warns(DeprecationWarning, match=f"{module}.{old} is now called {module}.{new};"):
        assert getattr(namespace, old) is getattr(namespace, new)


def test_a_name_that_never_was_is_still_an_error() -> None:
    with pytest.raises(AttributeError, match=r"module 'cletus\.contrib\.users' has no attribute"):
        importlib.import_module("cletus.contrib.users").nothing  # noqa: B018 - reading it is under test


class Someone(PermissionsMixin):
    """A user who is not in a store."""

    ROLES = {"admin": EVERYTHING, "keeper": {"ban"}}

    def __init__(self, *roles: str) -> None:
        self.roles = set(roles)


def event_of(user: object) -> events.ClientEvent:
    return SimpleNamespace(user=user)  # type: ignore[return-value]  # all that is needed of one


def test_permissions_by_their_old_names() -> None:
    keeper, admin = event_of(Someone("keeper")), event_of(Someone("admin"))
    with pytest.warns(DeprecationWarning, match="PermissionsMixin.has_permission;"):
        assert keeper.user.can("ban")
    with pytest.warns(DeprecationWarning, match='is now called requires="admin"'):
        assert not permissions.if_admin(keeper)
    with pytest.warns(DeprecationWarning, match="if_admin"):
        assert permissions.if_admin(admin)
    with pytest.warns(DeprecationWarning, match="if_can"):
        assert permissions.if_can("ban")(keeper)


def test_a_user_of_ones_own_is_asked_by_the_old_name() -> None:
    user = SimpleNamespace(can=lambda permission: permission == "ban")
    with pytest.warns(DeprecationWarning, match=r"can\(\) of a user is now called has_permission"):
        assert has_permission(user, "ban")


def test_the_old_decorator_guards_a_function() -> None:
    with pytest.warns(DeprecationWarning, match="requires is now called"):

        @permissions.requires("ban")
        def ban(event: events.ClientEvent, whom: str) -> str:
            """Ban somebody."""
            return whom

    assert ban(event_of(Someone("keeper")), "ann") == "ann"
    with pytest.raises(Refused, match="do not have permission"):
        ban(event_of(Someone()), "ann")
    assert (ban.__name__, ban.__doc__) == ("ban", "Ban somebody.")


def test_a_class_that_overrides_the_old_name_is_still_asked() -> None:
    with pytest.warns(DeprecationWarning, match="PermissionsMixin.can"):

        class Strict(Someone):
            def can(self, permission: str) -> bool:
                return permission != "ban" and super().can(permission)

    assert not Strict("admin").has_permission("ban")
    with pytest.warns(DeprecationWarning, match="PermissionsMixin.can"):
        assert Strict("admin").has_permission("shutdown")


def test_commands_take_their_old_argument() -> None:
    commands = CommandRegistry(service=Service())
    for register in (commands.register, commands.group("Old", requires="rule").register):
        with pytest.warns(DeprecationWarning, match="can is now called requires;") as caught:

            @register(name=f"ban{len(list(commands))}", can="ban")  # type: ignore[call-overload]
            def ban(event: events.ClientEvent) -> None: ...

        assert caught[0].filename == __file__
    with pytest.warns(DeprecationWarning, match="can is now called requires;"):
        group = commands.group("Older", can="rule")
    group.register(ban)
    assert {command.requires for command in commands} == {("ban",), ("rule", "ban"), ("rule", None)}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("came_at", "connected_at"),
        ("heard_at", "last_input_at"),
        ("outbox", "output"),
        ("conversations", "input.tasks"),
        ("begin", "start_dialogue"),
        ("dialogue", "run_dialogue"),
    ],
)
def test_an_old_name_of_a_client(service: Service, clock: Clock, old: str, new: str) -> None:
    client = Person(service, clock).client
    message = rf"Client\.{old} is now called Client\.{new};"
    with pytest.warns(DeprecationWarning, match=message) as caught:
        value = getattr(client, old)
    assert caught[0].filename == __file__
    assert value == attrgetter(new)(client)


@pytest.mark.parametrize(
    "name", ["connected", "message_received", "resized", "received", "disconnected"]
)
def test_what_doors_and_clients_report_is_a_method_of_the_connections(name: str) -> None:
    service = Service()
    message = rf"Service\.{name} is now called Service\.connections\.{name};"
    with pytest.warns(DeprecationWarning, match=message):
        assert getattr(service, name) == getattr(service.connections, name)
    with pytest.warns(DeprecationWarning, match=message):
        setattr(service, name, print)
    assert getattr(service.connections, name) is print


def test_the_old_name_of_what_a_terminal_renders_by(service: Service, clock: Clock) -> None:
    terminal: Any = Person(service, clock).client.terminal
    with pytest.warns(DeprecationWarning, match="Terminal.look is now called Terminal.profile;"):
        assert terminal.look is terminal.profile


def test_the_old_name_of_what_a_timer_calls(service: Service) -> None:
    timer: Any = service.call_later(1, print)
    with pytest.warns(DeprecationWarning, match="Timer.place is now called Timer.target_name;"):
        assert timer.place == timer.target_name == "builtins.print"
