"""Bans: names and addresses that are kept out, for a time or permanently."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, ClassVar

from cletus.contrib.addresses import Network, host_of, network_of
from cletus.contrib.budgets import is_newcomer
from cletus.contrib.dates import local, not_after, with_zone
from cletus.contrib.saving import save_for
from cletus.contrib.users.events import Moderated
from cletus.errors import InvalidKey, Refused
from cletus.logs.audit import audit
from cletus.renamed import with_old_names
from cletus.storage import Field, Manager, Store, TempStoreMixin
from cletus.storage.keys import normalise
from cletus.text import gettext as _
from cletus.text import gettext_noop as N_  # noqa: N812 - as gettext's manual calls it

#: The widest networks that can be banned, by IP version: half of the internet is nobody's ban. Our choice.
WIDEST = {4: 8, 6: 16}


@with_old_names
class BaseBan(Store):
    """One ban. Its key is made from the name or network that it covers.

    Attributes:
        name: the key of the user, or ``None`` if the ban is of a network.
        network: the address or network as text, or ``None`` if the ban is of a name.
        until: when it ends; ``None`` if it is permanent.
        since: when it began.
        ahead: seconds by which the clock was ahead of the time that had passed, when it became active.
        by: who made it, for admins to see.
        reason: shown to those who are turned away.
    """

    abstract = True
    manager: ClassVar[Manager[BaseBan]] = Manager()
    #: What those are whom it covers, in sentences.
    word: ClassVar[str] = N_("banned")
    #: What they are when it is ended early, in the audit log.
    ended: ClassVar[str] = N_("unbanned")

    name: Field[str | None] = Field(type=str)
    network: Field[str | None] = Field(type=str)
    until: Field[datetime | None] = Field(type=datetime)
    since: Field[datetime | None] = Field(type=datetime)
    ahead: Field[float] = Field(0.0, session=True)
    by: Field[str] = Field("")
    reason: Field[str] = Field("")

    @property
    def target(self) -> str:
        """The name, address or network that is banned, as people write it."""
        return self.name or (self.network or "").removesuffix("/32").removesuffix("/128")

    @property
    def ends(self) -> datetime | None:
        """When it ends, by the machine's clock as it is now; ``None`` if it does not end by itself.

        That is ``until``, unless the clock was set since: a ban takes as long as it was made for.
        A date without a zone, written into the file by hand, is in UTC.
        """
        if self.until is None:
            return None
        clock_was_set = round(_ahead(self.service) - self.ahead)
        try:
            return with_zone(self.until) + timedelta(seconds=clock_was_set)
        except OverflowError:
            return with_zone(self.until)

    def has_expired(self, now: datetime) -> bool:
        """Whether it has ended."""
        return self.ends is not None and self.ends <= now

    def begin_by(self, now: datetime) -> None:
        """Begin now, if it would begin in the future: it was made while the clock was ahead."""
        if self.since is None:
            return
        ahead = with_zone(self.since) - not_after(self.since, now)
        if not ahead:
            return
        self.since = now
        if self.until is not None:
            try:
                self.until -= ahead
            except (
                OverflowError
            ):  # before the first year: a file says that it ends before it begins
                self.until = now

    def __str__(self) -> str:
        """The sentence shown to those whom it covers."""
        return self.text_for(None)

    def text_for(self, reader: Any) -> str:
        """As ``str``, with the date in the time zone of a user."""
        until: str = ""
        if self.ends is not None:
            until = _(" until {time}", time=f"{local(self.ends, reader):%Y-%m-%d %H:%M %Z}")
        reason = f": {self.reason}" if self.reason else ""
        return _("You are {word}{until}{reason}.", word=_(self.word), until=until, reason=reason)


class BaseHush(BaseBan):
    """As a ban, but those whom it covers are not kept out: they may not speak.

    Its key is made as that of a ban. Of a network it covers the guests and newcomers.
    """

    abstract = True
    manager: ClassVar[Manager[BaseBan]] = Manager()
    word = N_("hushed")
    ended = N_("unhushed")

    @classmethod
    def forget_user(cls, key: str) -> None:
        """Called when an account is deleted: the next account of its name may speak."""
        for hush in cls.manager.active().values():
            if hush.name == key:
                hush.delete()


class Bans:
    """All bans of a service.

    Args:
        ban_cls: the store class of bans.
        now: returns the current time, with its zone.
    """

    def __init__(self, ban_cls: type[BaseBan], now: Callable[[], datetime]) -> None:
        self._ban_cls = ban_cls
        self._now = now

    def load(self) -> None:
        """Make all saved bans active, so that looking one up reads no file.

        A ban that cannot be read is logged, and the others are loaded.
        """
        manager = self._ban_cls.manager
        active = manager.active()
        for key, ban in manager.all().items():
            if key not in active:
                ban.begin_by(self._now())
                ban.ahead = _ahead(ban.service)
                manager.add_active(ban)

    def __iter__(self) -> Iterator[BaseBan]:
        """The bans in force, the newest last. Expired bans are deleted."""
        now = self._now()
        for ban in self._ban_cls.manager.active().values():
            if ban.has_expired(now):
                ban.delete()
            else:
                yield ban

    def ban(
        self, whom: str, *, duration: timedelta | None = None, by: str = "", reason: str = ""
    ) -> BaseBan:
        """Keep somebody out. An earlier ban of the same target is replaced. The ban is saved soon.

        Args:
            whom: a name, which need not be a user's; or an address or network: ``192.0.2.7``,
                ``192.0.2.0/24``, ``2001:db8::/64``.
            duration: for how long; ``None`` for a permanent ban.
            by: who makes it.
            reason: shown to those who are turned away.

        Raises:
            Refused: ``whom`` is neither a name nor an address, or is a network wider than ``WIDEST``;
                or the ban would end after the last date that Python knows.
        """
        ban = self.prepare(whom, duration=duration, by=by, reason=reason)
        save_for(ban)
        return ban

    def prepare(
        self, whom: str, *, duration: timedelta | None = None, by: str = "", reason: str = ""
    ) -> BaseBan:
        """As ``ban``, but the caller saves."""
        whom = whom.strip()
        network = network_of(whom)
        if network is not None and network.prefixlen < WIDEST[network.version]:
            raise Refused(
                _(
                    "{whom} would ban too many addresses. The prefix must be at least /{widest}.",
                    whom=whom,
                    widest=WIDEST[network.version],
                )
            )
        now = self._now()
        try:
            until = None if duration is None else now + duration
        except OverflowError:
            raise Refused(
                _("That is too long. Leave the duration out for a permanent ban.")
            ) from None
        key = self._key(whom)
        name = None if network is not None else normalise(whom)
        ban = self._ban_cls.manager.get(key)
        if ban is None:  # nothing is refused from here on: half a ban would stay
            ban = self._ban_cls(key)
        ban.name = name
        ban.network = None if network is None else str(network)
        ban.since, ban.until, ban.ahead = now, until, _ahead(ban.service)
        ban.by, ban.reason = by, reason
        audit(ban.word, ban.name or ban.network, actor=by, outcome=_terms(ban))
        ends = None if until is None else until.timestamp()
        self._fire(ban.word, ban.target, by, ends, reason)
        return ban

    def find(self, whom: str) -> BaseBan | None:
        """The ban of a name, or of an address or network exactly as it was banned.

        Raises:
            Refused: ``whom`` is neither a name nor an address.
        """
        ban: BaseBan | None = self._ban_cls.manager.get(self._key(whom))
        return ban

    def unban(self, whom: str, *, by: str = "") -> bool:
        """End a ban.

        Args:
            whom: a name, or an address or network exactly as it was banned.
            by: who ends it.

        Returns:
            Whether there was such a ban.

        Raises:
            Refused: ``whom`` is neither a name nor an address.
        """
        ban = self.find(whom)
        if ban is None:
            return False
        ban.delete()
        audit(ban.ended, ban.target, actor=by)
        self._fire(ban.ended, ban.target, by)
        return True

    def of_name(self, name: str) -> BaseBan | None:
        """The ban in force of this name, or ``None``."""
        try:
            return self._in_force(self._key_of_name(name))
        except InvalidKey:
            return None

    def of_address(self, address: str) -> BaseBan | None:
        """The ban in force of ``client.address`` or of a network that contains it, or ``None``."""
        network = network_of(host_of(address).partition("%")[0])
        if network is None:
            return None
        for length in sorted(self._lengths(network.version), reverse=True):
            ban = self._in_force(_key_of_network(_supernet(network, length)))
            if ban is not None:
                return ban
        return None

    def of_user(self, user: Any) -> BaseBan | None:
        """The ban in force of this user: of their key, or of the address of a guest or newcomer."""
        ban = self.of_name(user.key)
        return self.of_address(user.origin) if ban is None and is_newcomer(user) else ban

    # -- inside -----------------------------------------------------------------------------

    def _fire(
        self, action: str, target: str, by: str, until: float | None = None, reason: str = ""
    ) -> None:
        service = self._ban_cls.service
        service.fire(Moderated(service, action, target, by, until, reason))

    def _in_force(self, key: str) -> BaseBan | None:
        ban = self._ban_cls.manager.active().get(key)
        if ban is None or ban.has_expired(self._now()):
            return None
        return ban

    def _lengths(self, version: int) -> set[int]:
        """The prefix lengths of banned networks: there are few, however many bans there are."""
        # Counting the dashes of a key tells IPv4 from IPv6 faster than parsing each network.
        dashes = {4: 5, 6: 9}[version]
        return {
            int(key.rpartition("-")[2])
            for key in self._ban_cls.manager.active()
            if key.startswith("net-") and key.count("-") == dashes
        }

    def _key(self, whom: str) -> str:
        network = network_of(whom)
        if network is not None:
            return _key_of_network(network)
        try:
            return self._key_of_name(whom)
        except InvalidKey:
            raise Refused(_("{whom!r} is neither a name nor an address.", whom=whom)) from None

    def _key_of_name(self, name: str) -> str:
        return normalise(f"name-{normalise(name.strip())}")


def subject_of(user: Any) -> str:
    """What a ban of this user covers: the key of an account; of a guest, whose name is reused, the address."""
    is_guest = isinstance(user, TempStoreMixin)
    return str(user.origin if is_guest and network_of(user.origin) is not None else user.key)


def _ahead(service: Any) -> float:
    """Seconds by which the machine's clock is ahead of the time that has passed, from any start."""
    return float(service.clock.now() - service.clock.seconds())


def _supernet(network: Network, length: int) -> Network:
    return network.supernet(new_prefix=length) if length <= network.prefixlen else network


def _key_of_network(network: Network) -> str:
    address = network.network_address.exploded.replace(".", "-").replace(":", "-")
    return f"net-{address}-{network.prefixlen}"


def _terms(ban: BaseBan) -> str:
    until = "permanently" if ban.until is None else f"until {local(ban.until):%Y-%m-%d %H:%M %Z}"
    return f"{until} ({ban.reason})" if ban.reason else until
