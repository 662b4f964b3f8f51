"""Building in the game and from files. See ``docs/contrib/building.md``."""

from cletus.contrib.building.acts import Act, BuilderMixin
from cletus.contrib.building.area import AreaRoomMixin, BaseArea, check_build
from cletus.contrib.building.area_file import AreaFile
from cletus.contrib.building.commands import register_commands
from cletus.contrib.building.merge import merged

__all__ = [
    "Act",
    "AreaFile",
    "AreaRoomMixin",
    "BaseArea",
    "BuilderMixin",
    "check_build",
    "merged",
    "register_commands",
]
