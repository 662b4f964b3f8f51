"""The users of a service: what stands between a connection and somebody with a name.

    class User(BaseAccount):
        service = service

    users = Users(service, User)

That line stands in a module body of the application, so it is run again by every reload. It registers
the listeners that greet whoever connects with a login dialogue and see to whoever disconnects, and
defines the stores ``Ban`` and ``Throttle``. What has to be remembered is in stores; a ``Users`` itself
remembers nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from twisted.internet.defer import Deferred

from cletus import events
from cletus.client.client import Client, write_all
from cletus.contrib.users.addresses import is_within, origin_of
from cletus.contrib.users.bans import Bans, BaseBan
from cletus.contrib.users.login import LoginDialogue
from cletus.contrib.users.manager import looks_of
from cletus.contrib.users.names import RESERVED, check_name
from cletus.contrib.users.pending import Strangers
from cletus.contrib.users.throttle import BaseThrottle
from cletus.errors import NameRefused, Refused
from cletus.service.service import Service

TOO_MANY: Final = "Too many people of your address are logging in. Please try again later."


def utc_now() -> datetime:
    """The time of day, with its zone."""
    return datetime.now(UTC)


class Users:
    """The users of a service.

    Args:
        service: whose.
        user: the store class of accounts, derived from ``BaseAccount``.
        login: the dialogue that whoever connects is asked by; ``None`` begins none, for who does that
            themself with ``client.begin(users.login_dialogue())``.
        guest: a store class derived from ``user`` and ``TempStoreMixin``; with it, guests may come in.
        reserved: names that nobody can have, beside those of ``names.RESERVED``.
        now: the time of day, with its zone; for tests.

    Attributes:
        service, user, guest, reserved, now: as given; ``reserved`` with ``names.RESERVED``.
        bans: who may not come in.
        strangers: who is logging in.
    """

    def __init__(
        self,
        service: Service,
        user: type[Any],
        *,
        login: type[LoginDialogue] | None = LoginDialogue,
        guest: type[Any] | None = None,
        reserved: Iterable[str] = (),
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.service = service
        self.user = user
        self.guest = guest
        self.reserved = RESERVED | frozenset(reserved)
        self.now = now
        self.bans = Bans(type("Ban", (BaseBan,), {"service": service}), now)
        self.strangers = Strangers(service)
        self._login = login
        self._throttle_cls: type[BaseThrottle] = type(
            "Throttle", (BaseThrottle,), {"service": service}
        )
        for kind in (user, guest):
            if kind is not None:
                kind.users = self
        service.listen(events.PreStart)(self._starting)
        service.listen(events.Connect)(self._connected)
        service.listen(events.Disconnect)(self._disconnected)
        service.every(60.0, self._prune)

    # -- for applications -------------------------------------------------------------------

    def online(self) -> list[Any]:
        """Everybody who is online, guests among them, and those whose link is lost."""
        online: list[Any] = self.user.manager.online()
        return online

    def write_all(
        self,
        *lines: object,
        exclude: Any = None,
        filter: Callable[[Any], bool] | None = None,  # noqa: A002 - as service.write_all has it
    ) -> None:
        """Send whole lines to everybody who is online; those whose link is lost will see them later.

        Args:
            lines: each becomes a line; without any, an empty one.
            exclude: a user, or several, who do not get it.
            filter: called with each user; those for whom it is false do not get it.
        """
        write_users(self.online(), *lines, exclude=exclude, filter=filter)

    def ban(
        self, whom: str, *, duration: timedelta | None = None, by: str = "", reason: str = ""
    ) -> BaseBan:
        """As ``bans.ban``; whoever it is about and is here is told, and has to go at once.

        People of a banned address or network go with it, also those who are still logging in.

        Raises:
            Refused: as ``bans.ban``; or whoever wants it (``by``, a key) would have to go themself.
        """
        judge = self.user.manager.active().get(by)
        if judge is not None and (
            self.user.manager.peek(whom) is judge
            or (judge.client and is_within(judge.client.address, whom))
        ):
            raise Refused("That would put you out yourself.")
        ban = self.bans.ban(whom, duration=duration, by=by, reason=reason)
        for user in self.online():
            if user.key == ban.name or (user.client and self._is_of(user.client, ban)):
                user.write(str(ban))
                user.leave("banned")
        for client in self.service.clients:
            if client.user is None and self._is_of(client, ban):
                client.write("", str(ban))
                client.close("banned")
        return ban

    def login_dialogue(self) -> LoginDialogue:
        """A new login dialogue for somebody, of the class that was given."""
        return (self._login or LoginDialogue)(store=self.user.schema.name)

    def new_guest(self) -> Any:
        """A new guest, with a name of their own; ``None`` if guests may not come in."""
        if self.guest is None:
            return None
        number = 1
        while f"guest-{number}" in self.guest.manager.active():
            number += 1
        return self.guest.manager.create(f"guest-{number}", name=f"Guest-{number}")

    def check_name(self, name: str) -> Deferred[str]:
        """Whether a new account may have this name; fires with the name as it will be shown.

        Whether the account can be made is only known when it is made: somebody else may be quicker.

        Raises:
            NameRefused: through the Deferred, with the reason: a rule, or it is taken, or it looks
                like the name of somebody else.
        """
        return Deferred.fromCoroutine(self._check_name(name))

    # -- for the login dialogue -------------------------------------------------------------

    @property
    def throttle(self) -> BaseThrottle:
        """What makes guessing slow."""
        found = self._throttle_cls.manager.active().get("logins")
        throttle: BaseThrottle = self._throttle_cls("logins") if found is None else found
        return throttle

    def create(self, name: str, hashed: str) -> Any:
        """A new account; it is active and not saved yet.

        Args:
            name: as ``check_name`` gave it.
            hashed: of its password.

        Raises:
            NameRefused: somebody has been quicker.
            KeyInUse: the same.
        """
        self._check_unlike(name)
        return self.user.manager.create(name, name=name, password=hashed)

    def recognise(self, user: Any, client: Client) -> None:
        """Somebody has shown who they are, and is about to ``arrive``."""
        self.strangers.discard(client)
        if not user.is_online:
            user.note_login(self.now(), origin_of(client.address))
            user.save_when_possible()

    def note_seen(self, user: Any) -> None:
        """They are here at this moment."""
        user.last_seen = self.now()

    # -- listeners --------------------------------------------------------------------------

    def _starting(self, _: events.PreStart) -> None:
        self.bans.load()

    def _connected(self, event: events.Connect) -> None:
        client = event.client
        ban = self.bans.of_address(client.address)
        if ban is not None:
            client.write(str(ban))
            client.close("banned")
            return
        most = self.service.settings.users_strangers_per_address
        if self.strangers.add(client) > most > 0:
            client.write(TOO_MANY)
            client.close("too many strangers of that address")
            return
        if self._login is not None:
            client.begin(self.login_dialogue())

    def _disconnected(self, event: events.Disconnect) -> None:
        self.strangers.discard(event.client)
        user = event.user
        if user is None:
            return
        is_guest = self.guest is not None and isinstance(user, self.guest)
        if event.client.was_closed or is_guest:  # without a password nobody can come back
            user.leave(event.reason)
        else:
            user.lose_link(event.reason)

    def _is_of(self, client: Client, ban: BaseBan) -> bool:
        return ban.network is not None and self.bans.of_address(client.address) is not None

    def _prune(self) -> None:
        self.throttle.prune()
        for _ in self.bans:
            pass  # looking at them removes those that are over

    # -- names ------------------------------------------------------------------------------

    async def _check_name(self, name: str) -> str:
        name = check_name(name, self.reserved)
        if self.bans.of_name(name) is not None:
            raise NameRefused("That name is banned.")
        manager = self.user.manager
        if not manager.knows_looks:
            looks = await self.service.run_in_thread(looks_of, manager.keys())
            if not manager.knows_looks:  # somebody else could have asked meanwhile
                manager.learn_looks(looks)
        self._check_unlike(name)
        return name

    def _check_unlike(self, name: str) -> None:
        manager = self.user.manager
        if manager.peek(name) is not None:
            raise NameRefused("Somebody has that name already.")
        if manager.knows_looks and manager.like(name) is not None:
            raise NameRefused("That looks too much like the name of somebody else.")


def write_users(
    users: Iterable[Any],
    *lines: object,
    exclude: Any = None,
    filter: Callable[[Any], bool] | None = None,  # noqa: A002 - as service.write_all has it
) -> None:
    """Send whole lines to these users: at once and encoded once to those who are connected.

    Those whose link is lost see them when they come back. Arguments are as for ``Users.write_all``.
    """
    excluded = set(exclude) if isinstance(exclude, (list, tuple, set, frozenset)) else {exclude}
    heard = [one for one in users if one not in excluded and (filter is None or filter(one))]
    write_all((one.client for one in heard if one.client is not None), *lines)
    for one in heard:
        if one.client is None:
            one.write(*lines)
