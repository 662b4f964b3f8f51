"""Things that people carry, wear, and put into one another. See ``docs/contrib/things.md``."""

from cletus.contrib.things.choose import choose_object, choose_objects
from cletus.contrib.things.commands import register_commands
from cletus.contrib.things.events import Moved
from cletus.contrib.things.holder import CarrierMixin, HolderMixin
from cletus.contrib.things.nouns import NounMixin, named
from cletus.contrib.things.place import PlaceField
from cletus.contrib.things.thing import BaseThing, ThingManager
from cletus.contrib.things.thing_file import ThingFile

__all__ = [
    "BaseThing",
    "CarrierMixin",
    "HolderMixin",
    "Moved",
    "NounMixin",
    "PlaceField",
    "ThingFile",
    "ThingManager",
    "choose_object",
    "choose_objects",
    "named",
    "register_commands",
]
