"""Commands for moderators, and one by which people report others.

register_commands(commands.group("For keepers", requires="ban"))
general.register(report, cooldown=30)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final

from cletus.contrib.commands import CommandRegistry, Group, Rest
from cletus.contrib.commands.converters import stored
from cletus.contrib.dates import local
from cletus.contrib.moderation.history import line_text
from cletus.contrib.moderation.moderation import Moderation
from cletus.contrib.moderation.record import entry_text
from cletus.contrib.pager import page
from cletus.contrib.users.admin import users_of
from cletus.errors import Refused
from cletus.events import ClientEvent
from cletus.text import gettext as _

#: How long somebody is hushed or jailed if no duration is given. Our choice.
SHORT: Final = timedelta(minutes=10)

#: The most lines of the history that are shown at once.
_LINES_MAX: Final = 200


def kick(event: ClientEvent, user: str, reason: Rest = "") -> None:
    """Disconnect somebody, who may come back: kick bob calm down."""
    target = _user(event, user)
    _moderation(event).kick(target, by=event.user, reason=reason)
    event.user.write(_("{target} is kicked.", target=target))


def hush(event: ClientEvent, user: str, duration: timedelta = SHORT, reason: Rest = "") -> None:
    """Silence somebody: hush bob 10m shouting. Guests: all of an address."""
    target = _user(event, user)
    _moderation(event).hush(target, by=event.user, duration=duration, reason=reason)
    event.user.write(_("{target} is hushed.", target=target))


def unhush(event: ClientEvent, user: str) -> None:
    """Let somebody speak again."""
    target = _user(event, user)
    if _moderation(event).unhush(target, by=event.user):
        event.user.write(_("{target} is no longer hushed.", target=target))
    else:
        event.user.write(_("{target} is not hushed.", target=target))


def jail(event: ClientEvent, user: str, duration: timedelta = SHORT, reason: Rest = "") -> None:
    """Keep somebody in jail: jail bob 1h fighting. Guests: all of an address."""
    target = _user(event, user)
    _moderation(event).jail(target, by=event.user, duration=duration, reason=reason)
    event.user.write(_("{target} is jailed.", target=target))


def release(event: ClientEvent, user: str) -> None:
    """Let somebody out of jail."""
    target = _user(event, user)
    if _moderation(event).release(target, by=event.user):
        event.user.write(_("{target} is released.", target=target))
    else:
        event.user.write(_("{target} is not in jail.", target=target))


def ban(event: ClientEvent, whom: str, duration: timedelta, reason: Rest = "") -> None:
    """Ban a name or an address: ban bob 7d shouting."""
    made = _moderation(event).ban(whom, by=event.user, duration=duration, reason=reason)
    event.user.write(_("{target} is banned.", target=made.target))


def unban(event: ClientEvent, whom: str) -> None:
    """End the ban of a name or an address."""
    if _moderation(event).unban(whom, by=event.user):
        event.user.write(_("{whom} is no longer banned.", whom=whom))
    else:
        event.user.write(_("{whom} is not banned.", whom=whom))


def record(event: ClientEvent, whom: str = "") -> None:
    """Read what moderators did, to somebody or by them: record bob."""
    moderation = _moderation(event)
    account = moderation.users.user.manager.peek(whom) if whom else None
    entries = moderation.record.about(whom.lower() if account is None else account.key)
    lines = [entry_text(entry, event.user) for entry in reversed(entries)]
    page(event.client, lines or [_("The record has nothing about that.")])


def reports(event: ClientEvent, number: int = 0) -> None:
    """List the reports that wait, or read one: reports 1."""
    waiting = _moderation(event).reports(event.user)
    if not number:
        lines = [_("{key}: {report}", key=each.key, report=_report_text(each)) for each in waiting]
        page(event.client, lines or [_("No reports wait.")])
        return
    chosen = next((each for each in waiting if each.key == str(number)), None)
    if chosen is None:
        raise Refused(_("There is no report {number}.", number=number))
    said = [line_text(line, event.user) for line in chosen.lines]
    page(
        event.client,
        [
            _(
                "Report {key}, {date}",
                key=chosen.key,
                date=f"{local(chosen.at, event.user):%Y-%m-%d %H:%M}",
            ),
            _report_text(chosen),
            *(["", _("The latest lines of the chat history:"), *said] if said else []),
        ],
    )


def settle(event: ClientEvent, number: int, result: Rest = "") -> None:
    """Delete a report that you have dealt with: settle 1 hushed for a day."""
    _moderation(event).settle(number, by=event.user, result=result)
    event.user.write(_("Report {number} is settled.", number=number))


def history(event: ClientEvent, whom: Rest = "") -> None:
    """Read what was said lately, by somebody or somewhere: history bob."""
    lines = _moderation(event).history.find(whom)[-_LINES_MAX:]
    shown = [line_text(line, event.user) for line in lines]
    page(event.client, shown or [_("The history has nothing of that.")])


def report(event: ClientEvent, user: str, text: Rest) -> None:
    """Tell the moderators about somebody: report bob He keeps shouting."""
    moderation = _moderation(event)
    moderation.report(_user(event, user), event.user, text)
    event.user.write(_("The moderators will read your report. Thank you."))


#: The commands of moderators by name.
COMMANDS: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {
        "kick": kick,
        "hush": hush,
        "unhush": unhush,
        "jail": jail,
        "release": release,
        "ban": ban,
        "unban": unban,
        "record": record,
        "reports": reports,
        "settle": settle,
        "history": history,
    }
)


def register_commands(
    registry: CommandRegistry | Group,
    *,
    requires: str = "ban",
    names: Mapping[str, str] = MappingProxyType({}),
    leave_out: tuple[str, ...] = (),
) -> None:
    """Register the commands of moderators.

    Args:
        registry: the commands, or a group of them.
        requires: the permission that they need.
        names: name of a command to another name for it.
        leave_out: names of commands that are not registered, such as ``jail`` and ``release``.
    """
    for name, function in COMMANDS.items():
        if name not in leave_out:
            registry.register(function, name=names.get(name, name), requires=requires)


# -- inside -------------------------------------------------------------------------------------


def _report_text(report: Any) -> str:
    return _("{by} about {name}: {text}", by=report.by, name=report.name, text=report.text)


def _moderation(event: ClientEvent) -> Moderation:
    moderation = getattr(users_of(event.service).user, "moderation", None)
    if not isinstance(moderation, Moderation):
        raise Refused(_("There is no moderation here."))
    return moderation


def _user(event: ClientEvent, name: str) -> Any:
    return stored(name, users_of(event.service).user, event)
