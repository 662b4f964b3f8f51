"""Your account: creating it, its password, SSH keys, and preferences."""

from cletus.contrib.commands import Rest, edit_aliases
from cletus.contrib.users import (
    ChangePassword,
    edit_keys,
    edit_preferences,
)
from cletus.events import Receive
from cletus.text import gettext as _

from example_service.commands import commands, people
from example_service.login import users
from example_service.users import has_account, is_guest


@people.register(requires=is_guest)
def register(event: Receive) -> None:
    """Create an account, and go on as its user."""
    users.register(event.client)


@people.register(requires=has_account)
def password(event: Receive) -> None:
    """Change your password."""
    event.client.start_dialogue(ChangePassword())


@people.register(requires=has_account)
def keys(event: Receive, text: Rest = "") -> None:
    """Your SSH keys: .keys, .keys add ssh-ed25519 AAAA..., .keys remove 1."""
    for line in edit_keys(event.user, text):
        event.user.write(line)
    event.user.save_when_possible()


@people.register
def preferences(event: Receive, name: str = "", value: Rest = "") -> None:
    """Width, colours, time zone: .preferences width 60; - is the default."""
    event.user.write(*edit_preferences(event.user, name, value))
    event.user.save_when_possible()


@people.register
def charset(event: Receive, name: str = "") -> None:
    """If letters look wrong: .charset latin-1, or auto."""
    set_terminal(event, "charset", name)


@people.register
def screenreader(event: Receive, on: str = "") -> None:
    """If your screen is read aloud: .screenreader on."""
    set_terminal(event, "screen_reader", on)


@people.register
def width(event: Receive, columns: str = "") -> None:
    """If lines break badly: .width 60; 0 is automatic."""
    set_terminal(event, "width", columns)


def set_terminal(event: Receive, name: str, value: str) -> None:
    """Set a preference, and show what holds."""
    preferences(event, name, value)
    if not value:
        terminal = event.user.terminal_text()
        event.user.write(_("Your terminal: {terminal}.", terminal=terminal))


@people.register
def alias(event: Receive, text: Rest = "") -> None:
    """Short words for commands: .alias hi = say Hello, $1! Then: .hi ann."""
    event.user.write(*edit_aliases(commands, event.user, text))
    event.user.save_when_possible()
