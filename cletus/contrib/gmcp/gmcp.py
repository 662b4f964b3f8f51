"""What graphical clients are told beside the text, and what they may say.

    gmcp = Gmcp(service, users=users, channels=Channel, commands=commands)

That line belongs in a module body of the application, so every reload runs it again. It listens to
events alone. State is sent when it has changed; after a login, a reconnection, a reload, and when a
program says what it supports, all of it is sent anew. A program that speaks no GMCP costs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cletus import events
from cletus.client.client import Client
from cletus.contrib.audience import client_of, ignores
from cletus.contrib.channels.events import ChannelEvent, Joined, Parted, Said
from cletus.contrib.gmcp import messages
from cletus.contrib.rooms.events import Entered, Left
from cletus.contrib.users import (
    LinkLost,
    LoggedIn,
    LoggedOut,
    LoginDialogue,
    LoginFailed,
    Reconnected,
    TokensMixin,
    is_private,
)
from cletus.contrib.users.tokens import DEVICE_MAX
from cletus.errors import InvalidKey
from cletus.service.service import Service
from cletus.text import Text
from cletus.text import gettext as _

#: The attribute of a client: the messages of state that were sent, as JSON by package.
_SENT = "gmcp_sent"

#: The attribute of a client whose program has said what it supports.
_LISTED = "gmcp_listed"

#: The attribute of a client that wants a token: the name of its device; after the login the token itself.
_DEVICE = "gmcp_device"
_TOKEN = "gmcp_token"  # noqa: S105 - the name of an attribute

#: Reloads that a developer who comes later is still told of.
_RELOADS_MAX = 12

#: The attribute of the service: the reports of the latest reloads. Old code must not stay alive by it.
_RELOADS = "_gmcp_reloads"  # an underscore: not of the application's state

LOGIN = {"type": ["password-credentials"], "version": 2}


class Gmcp:
    """Sends GMCP to everybody whose program takes it.

    Args:
        service: the service.
        users: what the application made with ``Users(service, User)``.
        channels: its store of channels, if it has some.
        commands: its registry of commands: those that a person may use are told.
        go: how an exit is taken; ``{exit}`` is the direction.
        say: how something is said on a channel; ``{channel}`` is its key.
        developer: whether somebody is told of reloads.
        gui: a package for Mudlet, ``{"version": "1", "url": "https://..."}``; none by default.
    """

    def __init__(
        self,
        service: Service,
        *,
        users: Any,
        channels: Any = None,
        commands: Any = None,
        go: str = ".go {exit}",
        say: str = ".on {channel}",
        developer: Callable[[Client], bool] = lambda _client: False,
        gui: Mapping[str, str] | None = None,
    ) -> None:
        self._service = service
        self._users = users
        self._channels = channels
        self._commands = commands
        self._go = go
        self._say = say
        self._developer = developer
        self._gui = gui
        for event, listener in (
            (LoggedIn, self._arrived),
            (Reconnected, self._arrived),
            (LoggedOut, self._departed),
            (LinkLost, self._departed),
            (Entered, self._entered),
            (Left, self._left),
            (Joined, self._membership),
            (Parted, self._membership),
            (Said, self._spoken),
            (LoginFailed, self._not_let_in),
            (events.Closing, self._closing),
            (events.PostReload, self._reloaded),
            (events.PostRestart, self._send_all),
            (events.ReloadFailed, self._not_reloaded),
            (events.EditUndone, self._not_reloaded),
        ):
            service.listen(event)(listener)
        service.gmcp("Core.Supports")(self._supports)
        service.gmcp("Char.Login.Credentials")(self._credentials)
        service.gmcp("Char.Login.Reconnect")(self._reconnect)
        service.gmcp("Comm.Channel.Players")(self._asked_for_players)

    # -- for the application ----------------------------------------------------------------------

    def tell(self, sender: Any, to: Any, text: str) -> None:
        """Something was said to one person: both programs get it as channel ``tell``.

        Args:
            sender: the user who says it.
            to: the user who hears it.
            text: their words.
        """
        lines = (
            (to, _("{sender} tells you: {text}", sender=sender, text=text)),
            (sender, _("You tell {to}: {text}", to=to, text=text)),
        )
        for user, line in lines:
            if user.client is not None:
                data = {"channel": "tell", "talker": str(sender), "text": line}
                self._send(user.client, "Comm.Channel.Text", data)

    def play(self, clients: Iterable[Client], name: str, **options: Any) -> None:
        """Play a sound (``Client.Media.Play``).

        Args:
            clients: whose programs play it.
            name: the file: ``"bell.mp3"``. The page plays what is in ``web_folder``.
            options: others of the message, such as ``volume`` (0 to 100), ``loops`` (-1 is for ever),
                ``key`` (the next sound with this key ends it) and ``url``.
        """
        for client in clients:
            self._send(client, "Client.Media.Play", {"name": name, **options})

    def stop(self, clients: Iterable[Client], **options: Any) -> None:
        """Stop sounds (``Client.Media.Stop``): all, or those with this ``name`` or ``key``."""
        for client in clients:
            self._send(client, "Client.Media.Stop", options)

    # -- state --------------------------------------------------------------------------------

    def send_state(self, client: Client) -> None:
        """Send everything that holds for somebody now, as far as it has changed."""
        user = client.user
        if user is None:
            return
        self._state(client, "Char.Name", messages.person(user))
        if self._commands is not None:
            self._state(client, "Cletus.Commands", self._commands_of(client))
        if self._developer(client):
            self._state(client, "Cletus.Generation", self._generation())
        self._send_room(user)
        self._send_channels(user)
        self._send_players(client)

    def _send(self, client: Client, package: str, data: Any) -> None:
        """Send a message to a program that has said what it supports: some show all that they get."""
        if getattr(client, _LISTED, False):
            if isinstance(data, dict):
                language = client.terminal.language
                data = {
                    key: value.in_language(language) if isinstance(value, Text) else value
                    for key, value in data.items()
                }
            client.gmcp.send(package, data)

    def _state(self, client: Client, package: str, data: Any) -> None:
        sent = client.__dict__.setdefault(_SENT, {})
        text = json.dumps(data, sort_keys=True)
        if sent.get(package) != text:
            sent[package] = text
            self._send(client, package, data)

    def _send_room(self, user: Any) -> None:
        room = getattr(user, "room", None)
        if room is None or client_of(user) is None:
            return
        self._state(user.client, "Room.Info", messages.room_info(room, self._go))
        user.client.__dict__.setdefault(_SENT, {}).pop(
            "Room.Players", None
        )  # changed by others since
        self._state(user.client, "Room.Players", messages.players(room.occupants))

    def _send_channels(self, user: Any) -> None:
        if self._channels is None or user.client is None:
            return
        joined = [channel for channel in self._all_channels() if channel.has(user)]
        self._state(user.client, "Comm.Channel.List", messages.channel_list(joined, self._say))

    def _send_players(self, client: Client) -> None:
        visible = [
            channel for channel in self._all_channels() if channel.is_visible_to(client.user)
        ]
        data = messages.channel_players(self._users.online(), visible)
        self._state(client, "Comm.Channel.Players", data)

    def _all_channels(self) -> Iterable[Any]:
        return () if self._channels is None else self._channels.manager.active().values()

    def _commands_of(self, client: Client) -> list[dict[str, str]]:
        event, language = events.Receive(self._service, client, ""), client.terminal.language
        return [
            {"name": f"{self._commands.prefix}{command.name}", "help": command.summary_in(language)}
            for command in self._commands
            if command.listed and command.is_for(event)
        ]

    # -- listeners -----------------------------------------------------------------------------

    def _arrived(self, event: LoggedIn | Reconnected) -> None:
        client = event.user.client
        client.__dict__.pop(_SENT, None)
        self._send(client, "Char.Login.Result", {"success": True})
        self._send_token(event.user)
        self.send_state(client)
        self._everybody()

    def _departed(self, event: LoggedOut | LinkLost) -> None:
        self._everybody()

    def _everybody(self) -> None:
        """Who is here has changed: once in a turn, however many come at once."""
        self._service.turn.at_end(self._tell_players)

    def _tell_players(self) -> None:
        for user in self._users.online():
            # A list of all for each who takes none would make the arrival of many take their number squared.
            if user.client is not None and getattr(user.client, _LISTED, False):
                self._send_players(user.client)

    def _entered(self, event: Entered) -> None:
        self._send_room(event.user)
        data = messages.person(event.user)
        for occupant in event.room.occupants:
            client = client_of(occupant)
            if occupant is not event.user and client is not None:
                self._send(client, "Room.AddPlayer", data)

    def _left(self, event: Left) -> None:
        for occupant in event.room.occupants:
            client = client_of(occupant)
            if client is not None:
                self._send(client, "Room.RemovePlayer", str(event.user))

    def _membership(self, event: ChannelEvent) -> None:
        self._send_channels(event.user)
        self._everybody()

    def _spoken(self, event: Said) -> None:
        data = {
            "channel": event.channel.key,
            "talker": str(event.user),
            "text": f"{event.user}: {event.text}",
        }
        for user in event.channel.online():
            if user.client is not None and not ignores(user, event.user):
                self._send(user.client, "Comm.Channel.Text", data)

    def _reloaded(self, event: events.PostReload) -> None:
        self._tell_developers(event.report)
        self._remember(event.report)
        self._send_all(event)

    def _send_all(self, _event: events.PostReload | events.PostRestart) -> None:
        """Send everybody what they have been sent: new code may say it in another way."""
        for client in self._service.clients:
            client.__dict__.pop(_SENT, None)
            self.send_state(client)

    def _not_reloaded(self, event: events.ReloadFailed | events.EditUndone) -> None:
        self._remember(event.report)
        self._tell_developers(event.report)

    def _tell_developers(self, report: Any) -> None:
        data = messages.reload_report(report)
        for client in self._service.clients:
            if client.user is not None and self._developer(client):
                self._send(client, "Cletus.Reload", data)

    def _remember(self, report: Any) -> None:
        reloads = self._service.__dict__.setdefault(_RELOADS, [])
        reloads.append(messages.reload_report(report))
        del reloads[:-_RELOADS_MAX]

    def _generation(self) -> dict[str, Any]:
        reloads = self._service.__dict__.get(_RELOADS, [])
        return {"generation": self._service.session.generation, "reloads": list(reversed(reloads))}

    def _not_let_in(self, event: LoginFailed) -> None:
        self._send(event.client, "Char.Login.Result", {"success": False, "message": event.message})

    def _closing(self, event: events.Closing) -> None:
        self._send(event.client, "Core.Goodbye", event.reason)

    def _send_token(self, user: Any) -> None:
        """Give a program that wants to stay signed in a token, in place of the one that it had."""
        client = user.client
        device = getattr(client, _DEVICE, None)
        if device is None or not isinstance(user, TokensMixin) or not is_private(client):
            return
        old = getattr(client, _TOKEN, "")
        if old:
            user.revoke_token(old)
        token = user.issue_token(self._users.now(), device)
        setattr(client, _TOKEN, token)
        user.save_when_possible()  # type: ignore[attr-defined]  # every account is a store
        self._send(client, "Char.Login.Token", {"account": str(user), "token": token})

    # -- what programs say -----------------------------------------------------------------------

    def _supports(self, event: events.Gmcp) -> None:
        client = event.client
        setattr(client, _LISTED, True)
        if self._gui is not None:
            self._send(client, "Client.GUI", dict(self._gui))
        if client.user is None:
            names = event.data if isinstance(event.data, list) else []
            if any(str(name).lower().startswith("char.login") for name in names):
                self._send(client, "Char.Login.Default", LOGIN)
            return
        client.__dict__.pop(_SENT, None)
        self.send_state(client)

    def _asked_for_players(self, event: events.Gmcp) -> None:
        if event.client.user is not None:
            event.client.__dict__.setdefault(_SENT, {}).pop("Comm.Channel.Players", None)
            self._send_players(event.client)

    def _credentials(self, event: events.Gmcp) -> None:
        """A name and a password are the answers to the two questions of the login dialogue.

        ``token_storage`` asks for a token with which the program can log in the next time; false gives
        the one that it has back.
        """
        client, data = event.client, event.data
        if not isinstance(data, dict):
            return
        self._note_storage(client, data)
        self._answer(client, data.get("account"), data.get("password"))

    def _note_storage(self, client: Client, data: dict[str, Any]) -> None:
        wanted = data.get("token_storage")
        if wanted is True and not hasattr(client, _DEVICE):
            setattr(client, _DEVICE, _device_in(data))
            if client.user is not None:
                self._send_token(client.user)
        elif wanted is False:
            client.__dict__.pop(_DEVICE, None)
            token = client.__dict__.pop(_TOKEN, "")
            if token and client.user is not None:
                client.user.revoke_token(token)
                client.user.save_when_possible()

    def _reconnect(self, event: events.Gmcp) -> None:
        """A token is the answer to the question for the password, under the same limits."""
        client, data = event.client, event.data
        if not isinstance(data, dict) or not is_private(client):
            return
        setattr(client, _DEVICE, _device_in(data))
        self._answer(client, data.get("account"), data.get("token"))

    def _answer(self, client: Client, account: Any, secret: Any) -> None:
        if not isinstance(account, str) or not isinstance(secret, str) or not account:
            return  # an empty object means that they want to type it
        dialogue = client.dialogues[-1] if client.dialogues else None
        if not isinstance(dialogue, LoginDialogue) or dialogue.step != dialogue.steps[0]:
            return
        if not self._exists(account):
            message = {"success": False, "message": _("Wrong password.")}
            self._send(client, "Char.Login.Result", message)
            return
        client.line_received(account)
        client.line_received(secret)

    def _exists(self, account: str) -> bool:
        try:
            return self._users.user.manager.peek(account) is not None
        except InvalidKey:
            return False


def _device_in(data: dict[str, Any]) -> str:
    return str(data.get("device", ""))[:DEVICE_MAX]
