"""Your account: creating it, its password, and its SSH keys."""

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
    event.user.write(*edit_keys(event.user, text))
    event.user.save_when_possible()
