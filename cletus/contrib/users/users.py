"""Connects accounts to the service: login on connect, cleanup on disconnect, names, bans.

    class User(BaseAccount):
        service = service

    users = Users(service, User)

That line belongs in a module body of the application, so every reload runs it again. It registers the
listeners that start the login dialogue on connect and handle disconnects, and defines the stores
``Ban`` and ``Throttle``. All state is in stores; a ``Users`` object itself has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from twisted.internet.defer import Deferred

from cletus import events
from cletus.client.client import Client
from cletus.contrib.addresses import is_within, origin_of
from cletus.contrib.audience import write_users
from cletus.contrib.developers import show_errors
from cletus.contrib.saving import save_for
from cletus.contrib.users.authenticate import authenticate
from cletus.contrib.users.bans import Bans, BaseBan, BaseHush, subject_of
from cletus.contrib.users.login import LoginDialogue
from cletus.contrib.users.manager import index_skeletons
from cletus.contrib.users.mixins import IgnoringMixin
from cletus.contrib.users.name_records import BaseAlias, BaseDeletedAccount, NameRecords
from cletus.contrib.users.names import RESERVED, check_name
from cletus.contrib.users.pending import PendingLogins
from cletus.contrib.users.permissions import PermissionsMixin
from cletus.contrib.users.throttle import BaseThrottle
from cletus.errors import NameRefused, Refused
from cletus.logs.context import subject
from cletus.service.service import Service
from cletus.text import gettext as _

#: Seconds without a word after which somebody who is logging in makes room for a neighbour.
_SILENT: Final = 10.0
TOO_MANY: Final = _("Too many people are logging in from your address. Please try again later.")


def utc_now() -> datetime:
    """The current time, with its zone."""
    return datetime.now(UTC)


class Users:
    """The users of a service.

    Args:
        service: the service.
        user: the store class of accounts, derived from ``BaseAccount``.
        login: the dialogue that starts when somebody connects; ``None`` if the application starts it
            itself, with ``client.start_dialogue(users.login_dialogue())``.
        guest: a store class derived from ``user`` and ``TempStoreMixin``; with it, guests can log in.
        reserved: names that nobody can have, beside those of ``names.RESERVED``.
        now: returns the current time, with its zone; for tests.

    Attributes:
        service, user, guest, reserved, now: as given; ``reserved`` includes ``names.RESERVED``.
        bans: names and addresses that are kept out.
        hushes: names, and addresses of guests and newcomers, that may not speak.
        names: names of users who were renamed, and of deleted accounts.
        pending_logins: connections that are logging in.
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
        self.hushes = Bans(type("Hush", (BaseHush,), {"service": service}), now)
        self.names = NameRecords(
            type("Alias", (BaseAlias,), {"service": service}),
            type("DeletedAccount", (BaseDeletedAccount,), {"service": service}),
            now,
        )
        self.pending_logins = PendingLogins(service)
        self._login = login
        self._throttle_cls: type[BaseThrottle] = type(
            "Throttle", (BaseThrottle,), {"service": service}
        )
        for store_cls in (user, guest):
            if store_cls is not None:
                store_cls.users = self
        service.listen(events.PreStart)(self._starting)
        service.listen(events.Connect)(self._connected)
        service.listen(events.Disconnect)(self._disconnected)
        service.listen(events.Authenticate)(self._authenticate)
        service.listen(events.CodeFailed)(show_errors)
        service.listen(events.Complete)(self._complete)
        service.every(60.0, self._prune)

    # -- for applications -------------------------------------------------------------------

    def online(self) -> list[Any]:
        """All users who are online, including guests and users whose link is lost."""
        online: list[Any] = self.user.manager.online()
        return online

    def write_all(
        self,
        *lines: object,
        exclude: Any = None,
        by: Any = None,
        notice: bool = False,
        filter: Callable[[Any], bool] | None = None,  # noqa: A002 - as service.write_all has it
    ) -> bool:
        """Write to everybody who is online. Arguments and result are as for ``write_users``."""
        return write_users(
            self.online(), *lines, exclude=exclude, by=by, notice=notice, filter=filter
        )

    def ban(
        self, whom: str, *, duration: timedelta | None = None, by: str = "", reason: str = ""
    ) -> BaseBan:
        """As ``bans.ban``; in addition, everybody whom the ban covers is told and disconnected.

        For an address or network, that includes connections that are still logging in.

        Raises:
            Refused: as ``bans.ban``; or as ``check_ban`` for the user whose key is ``by``.
        """
        author = self.user.manager.get_active(by) if by else None
        self.check_ban(whom, author)
        account = self.user.manager.peek(whom)
        whom = whom if account is None else account.key  # they may have been renamed
        ban = self.bans.prepare(whom, duration=duration, by=by, reason=reason)
        save_for(ban, author)
        for user in self.online():
            if user.key == ban.name or (user.client and self._covers(ban, user.client)):
                user.write(ban.text_for(user))
                user.leave("banned")
        for client in self.service.clients:
            if client.user is None and self._covers(ban, client):
                client.write("", ban.text_for(None))
                client.close("banned")
        return ban

    def hush(
        self, user: Any, *, duration: timedelta | None = None, by: str = "", reason: str = ""
    ) -> BaseBan:
        """Keep a user from speaking, for a time or permanently, and tell them. The hush is saved soon.

        Names of guests are reused, so that of a guest covers all guests and newcomers of their address.

        Args:
            user: the user, online or not.
            duration: for how long; ``None`` for good.
            by: the key of the user who does it.
            reason: shown to the user.

        Raises:
            Refused: the user is ``by``, or ranks above them; or as ``bans.ban``.
        """
        author = self.user.manager.get_active(by) if by else None
        if user is author:
            raise Refused(_("You cannot hush yourself."))
        self.check_rank(user, author)
        hush = self.hushes.prepare(subject_of(user), duration=duration, by=by, reason=reason)
        save_for(hush, author)
        user.write(hush.text_for(user))
        return hush

    def unhush(self, user: Any) -> bool:
        """Let a user speak again; whether they had been hushed."""
        hushes = [hush for hush in (self.hush_of(user),) if hush is not None]
        return any(self.hushes.unban(hush.target) for hush in hushes)

    def hush_of(self, user: Any) -> BaseBan | None:
        """The hush in force that keeps a user from speaking, or ``None``."""
        return self.hushes.of_user(user)

    def check_ban(self, whom: str, author: Any = None) -> None:
        """Whether a ban of this name, address or network may be made.

        Args:
            whom: as for ``ban``.
            author: the user who makes it; ``None`` for the console.

        Raises:
            Refused: it would cover the author, a user who ranks above them, or the only admin.
        """
        covered = [self.user.manager.peek(whom)]
        covered += [
            user
            for user in self.online()
            if user.client is not None and is_within(user.client.address, whom)
        ]
        for user in covered:
            if user is None:
                continue
            if user == author:
                raise Refused(_("That ban would include you."))
            self.check_rank(user, author)
            self.check_not_only_admin(user)

    def check_rank(self, user: Any, author: Any = None) -> None:
        """Whether a user may act against another: ban them, silence them, change their roles.

        Args:
            user: whom it is done to.
            author: who does it; ``None`` for the console, which may do anything.

        Raises:
            Refused: ``user`` has a permission that ``author`` lacks.
        """
        if isinstance(author, PermissionsMixin) and author.is_outranked_by(user):
            raise Refused(_("{user} ranks above you.", user=user))

    def check_not_only_admin(self, user: Any) -> None:
        """Raises ``Refused`` if this user is the only admin, whom nobody could replace.

        It reads all accounts, but only if they are an admin.
        """
        if not getattr(user, "is_admin", False):
            return
        accounts = self.user.manager.all().values()
        if not any(account.is_admin and account.key != user.key for account in accounts):
            raise Refused(_("{user} is the only admin.", user=user))

    def login_dialogue(self) -> LoginDialogue:
        """A new login dialogue, of the class that was given."""
        return (self._login or LoginDialogue)(store=self.user.schema.name)

    def register(self, client: Client) -> None:
        """Let a guest create an account: the login dialogue asks for a name and a password.

        The guest goes on as the new user. It is for a command, such as ``register``.
        """
        dialogue = self.login_dialogue()
        dialogue.registers_guest = True
        client.start_dialogue(dialogue)

    def new_guest(self) -> Any:
        """A new guest with a free name; ``None`` if guests are not allowed."""
        if self.guest is None:
            return None
        number = 1
        while f"guest-{number}" in self.guest.manager.active():
            number += 1
        return self.guest.manager.create(f"guest-{number}", name=f"Guest-{number}")

    def check_name(self, name: str, *, user: Any = None) -> Deferred[str]:
        """Whether a new account may have this name; fires with the name as it will be shown.

        Creating the account can still fail: somebody else may take the name first.

        Args:
            name: as it was typed.
            user: who wants to be renamed, so that they may change the capitals of their own name; by
                default the user whose line is being handled.

        Raises:
            NameRefused: through the Deferred: the name breaks a rule, is taken, or looks like the
                name of another user. The message says which.
        """
        user = getattr(subject.get(), "user", None) if user is None else user
        return Deferred.fromCoroutine(self._check_name(name, getattr(user, "key", "")))

    # -- for the login dialogue -------------------------------------------------------------

    @property
    def throttle(self) -> BaseThrottle:
        """Delays repeated login attempts."""
        active = self._throttle_cls.manager.active().get("logins")
        throttle: BaseThrottle = self._throttle_cls("logins") if active is None else active
        return throttle

    def create(self, name: str, hashed: str) -> Any:
        """A new account, active and not saved yet.

        Args:
            name: as ``check_name`` returned it.
            hashed: the hash of its password.

        Raises:
            NameRefused, KeyInUse: the name has been taken since it was checked.
        """
        self._check_unused(name)
        return self.user.manager.create(name, name=name, password=hashed)

    def note_login(self, user: Any, client: Client) -> None:
        """A user has proved who they are, and is about to ``arrive``."""
        self.pending_logins.discard(client)
        if not user.is_online:
            if isinstance(user, IgnoringMixin):
                user.forget_deleted(self.names.deleted_at)
            user.note_login(self.now(), origin_of(client.address))
            user.save_when_possible()

    def note_seen(self, user: Any) -> None:
        """Record the current time as the last time the user was seen."""
        user.last_seen = self.now()

    # -- listeners --------------------------------------------------------------------------

    def _starting(self, _: events.PreStart) -> None:
        self.bans.load()
        self.hushes.load()
        self.names.load()

    def _connected(self, event: events.Connect) -> None:
        client = event.client
        ban = self.bans.of_address(client.address)
        if ban is not None:
            client.write(ban.text_for(None))
            client.close("banned")
            return
        limit = self.service.settings.users_strangers_per_address
        if self.pending_logins.add(client) > limit > 0:
            # Who only holds a connection open must not keep a neighbour out.
            silent = self.pending_logins.longest_silent(client)
            waited = self.service.clock.seconds() - silent.last_input_at
            refused = silent if waited >= _SILENT else client
            self.pending_logins.discard(refused)
            refused.write(TOO_MANY)
            refused.close("too many logins from that address")
            if refused is client:
                return
        if self._login is not None:
            client.start_dialogue(self.login_dialogue())

    def _complete(self, event: events.Complete) -> None:
        """Tab: any word may become the name of somebody who is here."""
        if event.user is not None:
            event.words.extend(map(str, self.online()))

    def _disconnected(self, event: events.Disconnect) -> None:
        self.pending_logins.discard(event.client)
        user = event.user
        if user is None:
            return
        is_guest = self.guest is not None and isinstance(user, self.guest)
        if event.client.was_closed or is_guest:  # a guest has no password to come back with
            user.leave(event.reason)
        else:
            user.lose_link(event.reason)

    async def _authenticate(self, event: events.Authenticate) -> None:
        registration = (self._login or LoginDialogue).registration
        await authenticate(self, event, registration=registration)

    def _covers(self, ban: BaseBan, client: Client) -> bool:
        return ban.network is not None and self.bans.of_address(client.address) is not None

    def _prune(self) -> None:
        self.throttle.prune()
        for _ban in (*self.bans, *self.hushes):
            pass  # iterating removes what has expired

    # -- names ------------------------------------------------------------------------------

    async def _check_name(self, name: str, own: str) -> str:
        name = check_name(name, self.reserved)
        if self.bans.of_name(name) is not None:
            raise NameRefused(_("That name is banned."))
        manager = self.user.manager
        if not manager.has_skeletons:
            index = await self.service.run_in_thread(index_skeletons, manager.keys())
            if not manager.has_skeletons:  # another login may have set them meanwhile
                manager.set_skeletons(index)
        self._check_unused(name, own)
        return name

    def _check_unused(self, name: str, own: str = "") -> None:
        manager = self.user.manager
        owner = manager.peek(name)
        if owner is not None and owner.key != own:
            raise NameRefused(_("That name is taken."))
        reserve = self.service.settings.users_reserve_deleted
        if owner is None and reserve and self.names.deleted_at(name) is not None:
            raise NameRefused(_("That name is taken."))  # not: somebody has left
        if manager.has_skeletons and manager.lookalike_of(name, own=own) is not None:
            raise NameRefused(_("That name looks too much like the name of another user."))
