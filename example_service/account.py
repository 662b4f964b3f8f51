"""Your account: creating it, its password, SSH keys, and your terminal."""

from cletus.contrib.commands import Rest
from cletus.contrib.users import ChangePassword, edit_keys
from cletus.events import Receive

from example_service.commands import people
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
def charset(event: Receive, name: str = "") -> None:
    """If letters look wrong: .charset latin-1, or auto."""
    if name:
        event.user.choose_charset(name)
    show_terminal(event)


@people.register
def screenreader(event: Receive, on: bool) -> None:
    """If your screen is read aloud: .screenreader on."""
    event.user.choose_screen_reader(on)
    show_terminal(event)


@people.register
def width(event: Receive, columns: int) -> None:
    """If lines break badly: .width 60; 0 is automatic."""
    event.user.choose_width(columns)
    show_terminal(event)


def show_terminal(event: Receive) -> None:
    """Save what was chosen, and show what holds."""
    event.user.save_when_possible()
    event.user.write(f"Your terminal: {event.user.terminal_text()}.")
