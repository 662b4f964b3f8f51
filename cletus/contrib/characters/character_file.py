"""Characters from a file that people edit, as ``ThingFile`` reads things."""

from __future__ import annotations

from cletus.contrib.things import ThingFile


class CharacterFile(ThingFile):
    """The characters of one file. Make it after the ``RoomFile``.

        [rat-1]
        name = "rat"
        home = "room:cellar"

    All is as for ``ThingFile``: a character that does not exist is made, in its ``home``; of those that
    exist, fields are set whose value in the file has changed.
    """
