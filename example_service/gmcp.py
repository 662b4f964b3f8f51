"""What graphical clients show beside the text: room, people, channels."""

from cletus.contrib.gmcp import Gmcp

from example_service.admin import is_developer
from example_service.channels import Channel
from example_service.commands import commands
from example_service.core import service
from example_service.login import users

gmcp = Gmcp(
    service,
    users=users,
    channels=Channel,
    commands=commands,
    developer=is_developer,
)
