"""Events: frozen values that listeners are called with.

``@service.listen(events.Receive)`` calls the function for each event of that class and of its
subclasses. An event says what has happened or, if its name begins with ``Pre``, what is about to
happen.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cletus.client.client import Client
    from cletus.service.report import ReloadReport
    from cletus.service.restart_report import RestartReport
    from cletus.service.service import Service


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens in a service: ``event.service``."""

    service: Service

    def log_fields(self) -> dict[str, Any]:
        """What log records say while this event is handled: ``event``, the name of its class."""
        return {"event": type(self).__name__}


# -- the service --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PreStart(Event):
    """The service is about to open its doors; nobody is connected yet.

    ``restarted`` tells whether it takes over from another process, which still serves at this moment:
    what is saved now is thrown away, and ``PostStart`` does not follow.
    """

    restarted: bool = False


@dataclass(frozen=True, slots=True)
class PostStart(Event):
    """The doors are open."""


@dataclass(frozen=True, slots=True)
class Status(Event):
    """A crawler asks what this service is (MSSP). Listeners may add to ``values``.

    ``values`` has NAME, PLAYERS, UPTIME, CODEBASE and the ports already; a list is several values.
    """

    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PreStop(Event):
    """The service is about to stop; everybody is still connected and can be told."""


@dataclass(frozen=True, slots=True)
class PostStop(Event):
    """The doors are closed, everybody is disconnected, and the stores are saved and closed."""


@dataclass(frozen=True, slots=True)
class PreReload(Event):
    """New code is about to be imported. Call ``veto(reason)`` to prevent it.

    ``changed`` names the modules whose text differs; ``vetoes`` has the reasons given so far.
    """

    changed: tuple[str, ...] = ()
    vetoes: list[str] = field(default_factory=list)

    def veto(self, reason: str) -> None:
        """Refuse this reload; the reason is shown to its author."""
        self.vetoes.append(reason)


@dataclass(frozen=True, slots=True)
class PostReload(Event):
    """The new code is in force. Its listeners are called, in the same turn as the commit.

    ``report`` is ``service.last_reload`` from now on.
    """

    report: ReloadReport


@dataclass(frozen=True, slots=True)
class ReloadFailed(Event):
    """A reload was refused, and nothing has changed. The old code's listeners are called.

    ``report`` says in which phase, and why.
    """

    report: ReloadReport


@dataclass(frozen=True, slots=True)
class EditUndone(Event):
    """The files hold the code in force again: an edit that was refused has been undone.

    ``report`` says so; nothing was imported.
    """

    report: ReloadReport


@dataclass(frozen=True, slots=True)
class BackgroundFailed(Event):
    """Code of the application has raised that handled no client: a timer, or a listener of such an event.

    It has been logged. ``code`` names the code, and ``error`` is what it has raised. For a client, see
    ``CodeFailed``. What a listener of this event raises fires none.
    """

    code: str
    error: BaseException = field(repr=False)


@dataclass(frozen=True, slots=True)
class PreRestart(Event):
    """A new process is about to be started, to take over. Call ``veto(reason)`` to prevent it.

    ``vetoes`` has the reasons given so far.
    """

    vetoes: list[str] = field(default_factory=list)

    def veto(self, reason: str) -> None:
        """Refuse this restart; the reason is shown to who asked for it."""
        self.vetoes.append(reason)


@dataclass(frozen=True, slots=True)
class PostRestart(Event):
    """This process has taken over from another. Everybody is still connected.

    ``report`` is ``service.last_restart`` from now on.
    """

    report: RestartReport


@dataclass(frozen=True, slots=True)
class RestartFailed(Event):
    """A restart was refused: this process goes on. ``report`` says in which phase, and why."""

    report: RestartReport


@dataclass(frozen=True, slots=True)
class TakenOver(Event):
    """This process goes on as the primary of a cluster, where another process was. It follows ``PostStart``.

    ``planned`` is whether that one has handed over. Otherwise it was lost: what it had not saved is gone.
    """

    planned: bool


@dataclass(frozen=True, slots=True)
class Authenticate(Event):
    """A door asks whether somebody may come in by this name, before they are a client.

    A listener that knows the name calls ``accept()`` or ``refuse()``. If no listener does, nobody has that
    name: they come in without a proof, and the application may ask them. A refusal outweighs all else.

    Attributes:
        name: as it was given, without control characters.
        method: ``"none"``, ``"password"`` or ``"publickey"``.
        secret: the password; or the public key, such as ``ssh-ed25519 AAAA...``. The door itself checks
            that they hold the private key.
        address: where they are: ``192.0.2.1:54321``.
        door: the name of the door: ``ssh``.
        answers: what the listeners have said so far: true for ``accept()``.
    """

    name: str
    method: str
    secret: str = field(repr=False)
    address: str
    door: str
    answers: list[bool] = field(default_factory=list)

    def accept(self) -> None:
        """This proves that they are who they say. For ``"none"``, it lets them in unasked."""
        self.answers.append(True)

    def refuse(self) -> None:
        """They must not come in by this name with this."""
        self.answers.append(False)

    @property
    def is_refused(self) -> bool:
        """Whether a listener has refused."""
        return False in self.answers

    @property
    def is_proven(self) -> bool:
        """Whether a listener has accepted, and none has refused."""
        return bool(self.answers) and not self.is_refused

    def log_fields(self) -> dict[str, Any]:
        """``event``, and ``client``, which names the door and the address."""
        return {"event": type(self).__name__, "client": f"<{self.door} {self.address}>"}


# -- clients ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ClientEvent(Event):
    """Something that happens to one client: ``event.client``."""

    client: Client[Service]

    @property
    def user(self) -> Any:
        """What the application has set as ``client.user``; ``None`` before a login."""
        return getattr(self.client, "user", None)

    def log_fields(self) -> dict[str, Any]:
        """``event``, and what ``client.log_fields()`` says of the client."""
        return {**self.client.log_fields(), "event": type(self).__name__}


@dataclass(frozen=True, slots=True)
class Connect(ClientEvent):
    """A person has connected."""


@dataclass(frozen=True, slots=True)
class Receive(ClientEvent):
    """A person has typed a line that no question and no dialogue was waiting for.

    ``data`` is the line without its end: decoded, without control characters, and made from no more
    than ``line_max`` bytes. ``again`` is true if a process before this one has been given it, too, and has
    ended before all was done: what it has saved for this line may be done twice.
    """

    data: str
    again: bool = False


@dataclass(frozen=True, slots=True)
class Interrupt(ClientEvent):
    """A person has pressed Ctrl-C or BREAK, and their program has sent it as telnet's IP or BRK.

    What they had typed of the line is forgotten. Nothing else happens: stop what they wait for.
    """


@dataclass(frozen=True, slots=True)
class Complete(ClientEvent):
    """A person who edits a line with us, by SSH or in character mode, has pressed Tab.

    ``text`` stands before the cursor. Listeners add to ``words`` what its last word may become; those that do
    not begin with it are left out, whatever their case.
    """

    text: str
    words: list[str]


@dataclass(frozen=True, slots=True)
class Resize(ClientEvent):
    """The size of a person's window has changed or become known: ``client.terminal``.

    ``columns`` and ``rows`` are in characters.
    """

    columns: int
    rows: int


@dataclass(frozen=True, slots=True)
class Gmcp(ClientEvent):
    """A person's program has sent a message (GMCP; a variable, if it only has MSDP).

    ``package`` is its name as they wrote it. ``data`` is the value of its JSON, ``None`` if there was
    none; its strings have no control characters other than newlines. Use ``@service.gmcp(package)``
    for a listener of one package.
    """

    package: str
    data: Any


@dataclass(frozen=True, slots=True)
class CodeFailed(ClientEvent):
    """Code of the application has raised: for a line of this client, or in a timer that such a line has begun.

    It has been logged. ``code`` names the code, and ``error`` is what it has raised. ``notice`` has the lines
    that the client is going to be sent, for a timer none; a listener may change them.
    """

    code: str
    error: BaseException = field(repr=False)
    notice: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Closing(ClientEvent):
    """The service is about to close a connection. What is written now is still sent.

    ``reason`` is a short phrase for the log, as for ``Disconnect``.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Disconnect(ClientEvent):
    """A person is gone. What is written to the client from now on is thrown away.

    ``reason`` is a short phrase for the log: ``"closed by peer"``, ``"slow reader"``, ...
    """

    reason: str
