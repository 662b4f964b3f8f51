"""What graphical clients are told beside the text, and what they may say.

    gmcp = Gmcp(service, users=users, channels=Channel, commands=commands)

That line belongs in a module body of the application, so every reload runs it again. It listens to
events alone. State is sent when it has changed; after a login, a reconnection, a reload, and when a
program says what it supports, all of it is sent anew. A program that speaks no GMCP costs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from cletus import events
from cletus.client.client import Client
from cletus.contrib.audience import ignores
from cletus.contrib.channels.events import ChannelEvent, Joined, Parted, Said
from cletus.contrib.gmcp import messages
from cletus.contrib.rooms.events import Entered, Left
from cletus.contrib.users import LinkLost, LoggedIn, LoggedOut, Reconnected
from cletus.errors import InvalidKey
from cletus.service.service import Service

#: The attribute of a client: the messages of state that were sent, as JSON by package.
_SENT = "gmcp_sent"

#: The attribute of a client whose program has said what it supports.
_LISTED = "gmcp_listed"

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
    ) -> None:
        self._service = service
        self._users = users
        self._channels = channels
        self._commands = commands
        self._go = go
        self._say = say
        self._developer = developer
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
            (events.PostReload, self._reloaded),
            (events.ReloadFailed, self._refused),
        ):
            service.listen(event)(listener)
        service.gmcp("Core.Supports")(self._supports)
        service.gmcp("Char.Login.Credentials")(self._credentials)
        service.gmcp("Comm.Channel.Players")(self._asked_for_players)

    # -- state --------------------------------------------------------------------------------

    def send_state(self, client: Client) -> None:
        """Send everything that holds for somebody now, as far as it has changed."""
        user = client.user
        if user is None:
            return
        self._state(client, "Char.Name", messages.person(user))
        if self._commands is not None:
            self._state(client, "Cletus.Commands", self._commands_of(client))
        self._send_room(user)
        self._send_channels(user)
        self._send_players(client)

    def _send(self, client: Client, package: str, data: Any) -> None:
        """Send a message to a program that has said what it supports: some show all that they get."""
        if getattr(client, _LISTED, False):
            client.gmcp.send(package, data)

    def _state(self, client: Client, package: str, data: Any) -> None:
        sent = client.__dict__.setdefault(_SENT, {})
        text = json.dumps(data, sort_keys=True)
        if sent.get(package) != text:
            sent[package] = text
            self._send(client, package, data)

    def _send_room(self, user: Any) -> None:
        room = getattr(user, "room", None)
        if room is None or user.client is None:
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
        event = events.Receive(self._service, client, "")
        return [
            {"name": f"{self._commands.prefix}{command.name}", "help": command.summary}
            for command in self._commands
            if command.listed and command.is_for(event)
        ]

    # -- listeners -----------------------------------------------------------------------------

    def _arrived(self, event: LoggedIn | Reconnected) -> None:
        client = event.user.client
        client.__dict__.pop(_SENT, None)
        self._send(client, "Char.Login.Result", {"success": True})
        self.send_state(client)
        self._everybody()

    def _departed(self, event: LoggedOut | LinkLost) -> None:
        self._everybody()

    def _everybody(self) -> None:
        """Who is here has changed: once in a turn, however many come at once."""
        self._service.turn.at_end(self._tell_players)

    def _tell_players(self) -> None:
        for user in self._users.online():
            if user.client is not None:
                self._send_players(user.client)

    def _entered(self, event: Entered) -> None:
        self._send_room(event.user)
        data = messages.person(event.user)
        for occupant in event.room.occupants:
            if occupant is not event.user and occupant.client is not None:
                self._send(occupant.client, "Room.AddPlayer", data)

    def _left(self, event: Left) -> None:
        for occupant in event.room.occupants:
            if occupant.client is not None:
                self._send(occupant.client, "Room.RemovePlayer", str(event.user))

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
        for client in self._service.clients:
            client.__dict__.pop(_SENT, None)
            self.send_state(client)
        self._tell_developers(event.report)

    def _refused(self, event: events.ReloadFailed) -> None:
        self._tell_developers(event.report)

    def _tell_developers(self, report: Any) -> None:
        data = messages.reload_report(report)
        for client in self._service.clients:
            if self._developer(client):
                self._send(client, "Cletus.Reload", data)

    # -- what programs say -----------------------------------------------------------------------

    def _supports(self, event: events.Gmcp) -> None:
        client = event.client
        setattr(client, _LISTED, True)
        if client.user is None:
            self._send(client, "Char.Login.Default", LOGIN)
            return
        client.__dict__.pop(_SENT, None)
        self.send_state(client)

    def _asked_for_players(self, event: events.Gmcp) -> None:
        if event.client.user is not None:
            event.client.__dict__.setdefault(_SENT, {}).pop("Comm.Channel.Players", None)
            self._send_players(event.client)

    def _credentials(self, event: events.Gmcp) -> None:
        """A name and a password are the answers to the two questions of the login dialogue."""
        client, data = event.client, event.data
        if client.user is not None or not isinstance(data, dict):
            return
        account, password = data.get("account"), data.get("password")
        if not isinstance(account, str) or not isinstance(password, str) or not account:
            return  # an empty object means that they want to type it
        if not self._exists(account):
            self._send(
                client, "Char.Login.Result", {"success": False, "message": "Wrong password."}
            )
            return
        client.line_received(account)
        client.line_received(password)

    def _exists(self, account: str) -> bool:
        try:
            return self._users.user.manager.get(account) is not None
        except InvalidKey:
            return False
