"""What moderators can do to people, and what is known of it.

    users = Users(service, User)
    moderation = Moderation(users, jail="cell")

That line belongs in a module body of the application, so every reload runs it again. It defines the
stores ``Record``, ``Report``, ``History`` and ``Jail``. All state is in stores.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from cletus import events
from cletus.contrib import channels, rooms
from cletus.contrib.addresses import customer_of
from cletus.contrib.budgets import is_newcomer
from cletus.contrib.moderation.history import BaseHistory
from cletus.contrib.moderation.jail import BaseJail, JailMixin
from cletus.contrib.moderation.record import BaseRecord
from cletus.contrib.moderation.reports import BaseReport
from cletus.contrib.permissions import has_permission
from cletus.contrib.saving import save_for
from cletus.contrib.users import LoggedIn, Users
from cletus.contrib.users.admin import CONSOLE
from cletus.contrib.users.bans import Bans, BaseBan, subject_of
from cletus.contrib.users.events import Moderated
from cletus.contrib.users.mixins import digest_of
from cletus.errors import Refused
from cletus.logs.audit import audit
from cletus.text import gettext as _
from cletus.text import gettext_noop as N_  # noqa: N812 - as gettext's manual calls it

#: Seconds between two looks at which jails have ended.
_INTERVAL: Final = 60.0


class Moderation:
    """Moderates the users of a service.

    A method that takes ``by`` raises ``Refused`` if the user ranks above that moderator, that is, has a
    permission that the moderator lacks. Each act is an event (``Moderated``), an entry of the record and a line
    of the audit log.

    Args:
        users: of the service.
        jail: the key of the room that is the jail, in the store ``Room``; empty for none. The class of users
            then has ``JailMixin``.
        start: the key of the room that people go to after jail if the room where they were is gone.
        permission: of moderators: they are told of reports.

    Raises:
        ValueError: there is a jail, and the class of users lacks ``JailMixin``.

    Attributes:
        users, permission: as given.
        jails: who is in jail.
    """

    def __init__(
        self, users: Users, *, jail: str = "", start: str = "", permission: str = "ban"
    ) -> None:
        if jail and not issubclass(users.user, JailMixin):
            raise ValueError(f"{users.user.__name__} needs JailMixin, since there is a jail")
        self.users = users
        self.permission = permission
        self.service = service = users.service
        self._jail, self._start = jail, start
        self._record_cls: type[BaseRecord] = type("Record", (BaseRecord,), {"service": service})
        self._report_cls: type[BaseReport] = type("Report", (BaseReport,), {"service": service})
        self._history_cls: type[BaseHistory] = type("History", (BaseHistory,), {"service": service})
        self.jails = Bans(type("Jail", (BaseJail,), {"service": service}), users.now)
        for store_cls in (users.user, users.guest):
            if store_cls is not None:
                store_cls.moderation = self
        listeners: tuple[tuple[type[events.Event], Callable[[Any], None]], ...] = (
            (events.PreStart, self._starting),
            (LoggedIn, self._logged_in),
            (Moderated, self._moderated),
            (rooms.Said, self._said_in_room),
            (channels.Said, self._said_on_channel),
        )
        for event, listener in listeners:
            service.listen(event)(listener)
        service.every(_INTERVAL, self._prune)

    @property
    def history(self) -> BaseHistory:
        """The chat history."""
        history: BaseHistory | None = self._history_cls.manager.active().get("history")
        return self._history_cls("history") if history is None else history

    @property
    def record(self) -> BaseRecord:
        """What moderators have done."""
        record: BaseRecord | None = self._record_cls.manager.get("record")
        return self._record_cls("record") if record is None else record

    # -- what moderators do -----------------------------------------------------------------

    def kick(self, user: Any, *, by: Any = None, reason: str = "") -> None:
        """Disconnect a user, who may come back.

        Args:
            user: who is online.
            by: the moderator, a user; ``None`` for the console. The same for the other methods.
            reason: shown to the user.

        Raises:
            Refused: they are not online, are ``by``, or rank above them.
        """
        self._check(user, by, "kick")
        if not user.is_online:
            raise Refused(_("{user} is not here.", user=user))
        key = user.key
        why = f": {reason}" if reason else ""
        user.write(_("You are kicked{reason}.", reason=why))
        user.leave("kicked")
        audit("kicked", key, actor=_name(by), outcome=reason)
        self._fire(N_("kicked"), key, by, reason)

    def hush(
        self, user: Any, *, by: Any = None, duration: timedelta | None = None, reason: str = ""
    ) -> BaseBan:
        """As ``Users.hush``."""
        self._check(user, by, "hush")
        self._check_author(self.users.hushes.find(subject_of(user)), by)
        return self.users.hush(user, duration=duration, by=_name(by), reason=reason)

    def unhush(self, user: Any, *, by: Any = None) -> bool:
        """Let a user speak again; whether they had been hushed. It refuses what ``unban`` refuses."""
        hush = self.users.hush_of(user)
        self._check_author(hush, by)
        return hush is not None and self.users.hushes.unban(hush.target, by=_name(by))

    def ban(
        self, whom: str, *, by: Any = None, duration: timedelta | None = None, reason: str = ""
    ) -> BaseBan:
        """As ``Users.ban``, of a name or an address. It refuses to replace what ``unban`` refuses to end."""
        account = self.users.user.manager.peek(whom)
        self._check_author(self.users.bans.find(whom if account is None else account.key), by)
        return self.users.ban(whom, duration=duration, by=_name(by), reason=reason)

    def unban(self, whom: str, *, by: Any = None) -> bool:
        """End a ban; whether there was one.

        Raises:
            Refused: ``whom`` is neither a name nor an address, or the ban was made by somebody who ranks above
                ``by``.
        """
        self._check_author(self.users.bans.find(whom), by)
        return self.users.bans.unban(whom, by=_name(by))

    def jail(
        self, user: Any, *, by: Any = None, duration: timedelta | None = None, reason: str = ""
    ) -> BaseBan:
        """Keep a user in the jail, for a time or until somebody releases them. It is saved soon.

        A user who is offline is in jail from their next login on. That of a guest covers all guests and
        newcomers of their address.

        Raises:
            Refused: there is no jail, or the user is ``by``, or ranks above them.
        """
        self._check(user, by, "jail")
        self._check_author(self.jails.find(subject_of(user)), by)
        cell = self.jail_room
        if cell is None:
            raise Refused(_("There is no jail."))
        jail = self.jails.ban(subject_of(user), duration=duration, by=_name(by), reason=reason)
        if user.is_online:
            user.write(jail.text_for(user))
            if user.room is not cell or user not in cell.occupants:
                user.enter_room(cell)
            save_for(user)
        return jail

    def release(self, user: Any, *, by: Any = None) -> bool:
        """Let a user out of the jail, back to where they were; whether they were in jail."""
        jail = self.jail_of(user)
        self._check_author(jail, by)
        released = jail is not None and self.jails.unban(jail.target, by=_name(by))
        self._let_out(user)
        return released

    def jail_of(self, user: Any) -> BaseBan | None:
        """Why a user is in jail, or ``None``."""
        return None if self.jail_room is None else self.jails.of_user(user)

    @property
    def jail_room(self) -> Any:
        """The room that is the jail, or ``None``."""
        return self._room(self._jail)

    def room_after_jail(self, user: Any) -> Any:
        """Where a user goes who leaves the jail; the jail itself if no other room is left."""
        before = self._room(user.room_before_jail)
        if before is None or before is self.jail_room:
            before = self._room(self._start)
        return self.jail_room if before is None else before

    # -- reports ----------------------------------------------------------------------------

    def report(self, user: Any, by: Any, text: str) -> BaseReport:
        """Tell moderators about a user. The report keeps the latest lines that the user has said.

        Args:
            user: whom it is about.
            by: who reports them.
            text: what has happened.

        Raises:
            Refused: the text is empty or too long, or too many reports wait: in all, of this user, or of the
                guests and newcomers of their address.
        """
        report_cls = self._report_cls
        if not text.strip() or len(text) > report_cls.text_max:
            raise Refused(
                _(
                    "Say what has happened, in up to {length} characters.",
                    length=report_cls.text_max,
                )
            )
        active = report_cls.manager.active()
        # A guest is another one at each visit, and an address has several accounts an hour.
        origin = digest_of(customer_of(by.origin)) if is_newcomer(by) else ""
        own = sum(each.by == by.key or each.origin == origin != "" for each in active.values())
        if own >= report_cls.own_max:
            raise Refused(_("Your earlier reports have not been read yet."))
        if len(active) >= report_cls.reports_max // (2 if origin else 1):
            raise Refused(_("Too many reports wait. Please tell a moderator."))
        number = max((int(key) for key in active if key.isdigit()), default=0) + 1
        report = report_cls(
            str(number),
            about=user.key,
            name=str(user),
            by=by.key,
            origin=origin,
            text=text.strip(),
            at=self.service.clock.now(),
            lines=[line for line in self.history.find(user.key) if line["user"] == user.key][
                -report_cls.lines_max :
            ],
        )
        save_for(report, by)
        audit("reported", user.key, actor=by.key, outcome=text.strip())
        for moderator in self.users.online():
            if moderator is not user and has_permission(moderator, self.permission):
                moderator.write(
                    _(
                        "Report {number}: {by} about {user}: {text}",
                        number=number,
                        by=by,
                        user=user,
                        text=report.text,
                    )
                )
        return report

    def reports(self, reader: Any = None) -> list[BaseReport]:
        """The reports that wait, oldest first, without those about the moderator who reads them."""
        active = self._report_cls.manager.active().values()
        key = getattr(reader, "key", None)
        return sorted(
            (report for report in active if key is None or report.about != key),
            key=lambda report: (report.at, len(report.key), report.key),
        )

    def settle(self, number: int, *, by: Any = None, result: str = "") -> None:
        """Delete a report that was dealt with. The record keeps who has done so, and with which result.

        Raises:
            Refused: there is no such report for them.
        """
        report = next((each for each in self.reports(by) if each.key == str(number)), None)
        if report is None:
            raise Refused(_("There is no report {number}.", number=number))
        report.delete()
        audit("report settled", report.about, actor=_name(by), outcome=result)
        reason = f"{report.by}: {report.text}"
        self._fire(N_("settled"), report.about, by, f"{reason}; {result}" if result else reason)

    # -- inside -----------------------------------------------------------------------------

    def _check(self, user: Any, by: Any, action: str) -> None:
        if by is not None and user.key == by.key:
            raise Refused(_("You cannot {action} yourself.", action=action))
        self.users.check_rank(user, by)

    def _check_author(self, ban: BaseBan | None, by: Any) -> None:
        """What somebody of a higher rank has decided, a moderator does not undo, nor replace by less."""
        if ban is None or not ban.by or ban.has_expired(self.users.now()):
            return
        author = self.users.user.manager.peek(ban.by)
        if author is not None and by is not None and author.key != by.key:
            self.users.check_rank(author, by)

    def _fire(self, action: str, target: str, by: Any, reason: str) -> None:
        self.service.fire(Moderated(self.service, action, target, _name(by), None, reason))

    def _room(self, key: str) -> Any:
        store_cls = self.service.session.find("room") if key else None
        return None if store_cls is None else store_cls.manager.get(key)

    def _let_out(self, user: Any) -> None:
        if user.is_online and getattr(user, "room_before_jail", "") and self.jail_room is not None:
            user.write(_("You are released."))
            user.enter_room(self.room_after_jail(user))
            save_for(user)

    def _starting(self, _: events.PreStart) -> None:
        self.jails.load()

    def _logged_in(self, event: LoggedIn) -> None:
        notice = self.history.notice_text()
        if notice:
            event.user.write(notice)

    def _moderated(self, event: Moderated) -> None:
        self.record.note(event, self.users.now().timestamp())

    def _said_in_room(self, event: rooms.Said) -> None:
        self._note(event.user, event.room, event.text)

    def _said_on_channel(self, event: channels.Said) -> None:
        self._note(event.user, event.channel, event.text)

    def _note(self, user: Any, where: object, text: str) -> None:
        if isinstance(user, self.users.user):  # not a character
            self.history.note(user, where, text)

    def _prune(self) -> None:
        self.history.prune()
        for _jail in self.jails:
            pass  # iterating removes what has ended
        for user in self.users.online():
            if self.jail_of(user) is None:
                self._let_out(user)


def _name(by: Any) -> str:
    return CONSOLE if by is None else str(by.key)
