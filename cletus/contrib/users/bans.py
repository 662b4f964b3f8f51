"""Who may not come in: by name and by address, for a time or for good."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import ClassVar

from twisted.logger import Logger
from twisted.python.failure import Failure

from cletus.contrib.users.addresses import Network, host_of, network_of
from cletus.errors import InvalidKey, Refused
from cletus.storage import Field, Manager, Store
from cletus.storage.keys import normalise

log = Logger()


class BaseBan(Store):
    """One ban; its key is made from whom it is about.

    Attributes:
        name: the key of the user whom it is about, or ``None``.
        network: the address or network that it is about, as text, or ``None``.
        until: when it ends; ``None`` for never.
        since: when it was made.
        by: who made it, for other admins.
        reason: told to whoever is turned away.
    """

    abstract = True
    manager: ClassVar[Manager[BaseBan]] = Manager()

    name: Field[str | None] = Field(type=str)
    network: Field[str | None] = Field(type=str)
    until: Field[datetime | None] = Field(type=datetime)
    since: Field[datetime | None] = Field(type=datetime)
    by: Field[str] = Field("")
    reason: Field[str] = Field("")

    @property
    def about(self) -> str:
        """Whom it is about, for people: a name, an address or a network."""
        return self.name or (self.network or "").removesuffix("/32").removesuffix("/128")

    def is_over(self, now: datetime) -> bool:
        """Whether its time has passed."""
        return self.until is not None and self.until <= now

    def __str__(self) -> str:
        """What whoever is turned away is told."""
        until = f" until {self.until:%Y-%m-%d %H:%M} UTC" if self.until is not None else ""
        return f"You are banned{until}{f': {self.reason}' if self.reason else ''}."


class Bans:
    """All bans of a service.

    Args:
        ban_cls: the store of them.
        now: the time, with its zone.
    """

    def __init__(self, ban_cls: type[BaseBan], now: Callable[[], datetime]) -> None:
        self._ban_cls = ban_cls
        self._now = now

    def load(self) -> None:
        """Take all saved bans into memory, so that asking for one reads no file.

        One that cannot be read is logged, and hinders no other.
        """
        manager = self._ban_cls.manager
        active = manager.active()
        for key, ban in manager.all().items():
            if key not in active:
                manager.add_active(ban)

    def __iter__(self) -> Iterator[BaseBan]:
        """Those in force, the newest last. Those that are over are removed."""
        now = self._now()
        for ban in self._ban_cls.manager.active().values():
            if ban.is_over(now):
                ban.delete()
            else:
                yield ban

    def ban(
        self, whom: str, *, duration: timedelta | None = None, by: str = "", reason: str = ""
    ) -> BaseBan:
        """Keep somebody out; an earlier ban of the same is replaced. It is saved soon.

        Args:
            whom: a user's name, there or not; or an address or network: ``192.0.2.7``,
                ``192.0.2.0/24``, ``2001:db8::/64``.
            duration: for how long; ``None`` for good.
            by: who wants it.
            reason: told to them.

        Raises:
            Refused: it is neither a name nor an address, or it would ban everybody, or for longer
                than there are dates.
        """
        network = network_of(whom)
        if network is not None and network.prefixlen == 0:
            raise Refused(f"{whom} is everybody.")
        now = self._now()
        try:
            until = None if duration is None else now + duration
        except OverflowError:
            raise Refused("That is too long; leave the time out to ban for good.") from None
        found = self._ban_cls.manager.get(self._key(whom))
        ban = self._ban_cls(self._key(whom)) if found is None else found
        ban.name = None if network is not None else normalise(whom)
        ban.network = None if network is None else str(network)
        ban.since, ban.until = now, until
        ban.by, ban.reason = by, reason
        ban.save_soon().addErrback(_not_saved, ban)
        return ban

    def unban(self, whom: str) -> bool:
        """Let somebody in again: a name, or an address or network exactly as it was banned.

        Returns:
            Whether they had been banned.

        Raises:
            Refused: it is neither a name nor an address.
        """
        ban = self._ban_cls.manager.get(self._key(whom))
        if ban is None:
            return False
        ban.delete()
        return True

    def of_name(self, name: str) -> BaseBan | None:
        """The ban in force of the user of this name or key."""
        try:
            return self._in_force(self._key_of_name(name))
        except InvalidKey:
            return None

    def of_address(self, address: str) -> BaseBan | None:
        """The ban in force of a client's address, or of a network that it is in."""
        network = network_of(host_of(address).partition("%")[0])
        if network is None:
            return None
        for length in sorted(self._lengths(network.version), reverse=True):
            ban = self._in_force(_key_of_network(_around(network, length)))
            if ban is not None:
                return ban
        return None

    # -- inside -----------------------------------------------------------------------------

    def _in_force(self, key: str) -> BaseBan | None:
        ban = self._ban_cls.manager.active().get(key)
        if ban is None or ban.is_over(self._now()):
            return None
        return ban

    def _lengths(self, version: int) -> set[int]:
        """Sizes of banned networks: there are few, however many bans there are."""
        dashes = {4: 5, 6: 9}[version]  # in a key; parsing each network would take its time
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
            raise Refused(f"{whom!r} is neither a name nor an address.") from None

    def _key_of_name(self, name: str) -> str:
        return normalise(f"name-{normalise(name.strip())}")


def _around(network: Network, length: int) -> Network:
    return network.supernet(new_prefix=length) if length <= network.prefixlen else network


def _key_of_network(network: Network) -> str:
    address = network.network_address.exploded.replace(".", "-").replace(":", "-")
    return f"net-{address}-{network.prefixlen}"


def _not_saved(failure: Failure, ban: BaseBan) -> None:
    """It is in force all the same, until the service stops."""
    log.error("the ban of {who} was not saved: {why}", who=ban.about, why=failure.getErrorMessage())
