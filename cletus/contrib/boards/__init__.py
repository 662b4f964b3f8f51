"""Boards, news, a message of the day, and help written in the game. See ``docs/contrib/boards.md``."""

from cletus.contrib.boards.board import BaseBoard, BaseThread, BoardReaderMixin, Posted
from cletus.contrib.boards.commands import register_commands
from cletus.contrib.boards.pages import BaseHelpPage, BaseNotice, HelpPages

__all__ = [
    "BaseBoard",
    "BaseHelpPage",
    "BaseNotice",
    "BaseThread",
    "BoardReaderMixin",
    "HelpPages",
    "Posted",
    "register_commands",
]
