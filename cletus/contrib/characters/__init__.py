"""Characters of the game: occupants of rooms who are not people. See ``docs/contrib/characters.md``."""

from cletus.contrib.characters.character import BaseCharacter, CharacterManager
from cletus.contrib.characters.character_file import CharacterFile
from cletus.contrib.characters.events import CameBack, Died

__all__ = ["BaseCharacter", "CameBack", "CharacterFile", "CharacterManager", "Died"]
