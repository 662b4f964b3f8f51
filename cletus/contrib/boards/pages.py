"""Texts that keepers write in the game: a message of the day, and pages of help."""

from __future__ import annotations

from typing import Any, ClassVar

from wcwidth import wrap

from cletus.contrib.commands import CommandRegistry
from cletus.contrib.loading import load_at_start
from cletus.contrib.saving import save_for
from cletus.errors import InvalidKey, Refused
from cletus.events import ClientEvent
from cletus.storage import Field, Store
from cletus.storage.keys import normalise
from cletus.text import gettext as _
from cletus.text.translation import in_language

#: Columns of a text. Our choice: it fits any terminal.
WIDTH = 79


class BaseText(Store):
    """A text with its author.

    Attributes:
        text: paragraphs; may have several lines.
        author: the name of the last who has written it.
    """

    abstract = True
    #: Maximum number of characters.
    text_max: ClassVar[int] = 10_000

    text: Field[str] = Field("")
    author: Field[str] = Field("")

    def write(self, user: Any, text: str) -> None:
        """Set the text, and save it soon.

        Raises:
            Refused: it is too long.
        """
        if len(text) > self.text_max:
            raise Refused(
                _("The text can have at most {text_max} characters.", text_max=self.text_max)
            )
        self.text, self.author = text.strip("\n"), str(user)
        save_for(self, user)

    def lines(self) -> list[str]:
        """The text as lines of at most 79 columns; nothing if it is empty."""
        if not self.text.strip():
            return []
        return [row for line in self.text.split("\n") for row in (wrap(line, WIDTH) or [""])]


class BaseNotice(BaseText):
    """The base of an application's ``Notice`` store: ``Notice.of("motd")`` is the message of the day."""

    abstract = True

    @classmethod
    def of(cls, key: str) -> Any:
        """The notice of this key; a new and empty one if there is none."""
        notice = cls.manager.get(key)
        return cls(key) if notice is None else notice


class BaseHelpPage(BaseText):
    """The base of an application's ``HelpPage`` store. The key is the word that people look up.

    All pages are active while the service runs.
    """

    abstract = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not cls.abstract:
            load_at_start(cls)


class HelpPages:
    """Help of a registry of commands, with pages that are written in the game.

    Args:
        registry: the commands.
        page_cls: the store class of the pages.
    """

    def __init__(self, registry: CommandRegistry, page_cls: type[BaseHelpPage]) -> None:
        self._registry = registry
        self._page_cls = page_cls

    def help(self, event: ClientEvent, about: str = "") -> list[str]:
        """As ``CommandRegistry.help``. A page comes below the docstring of a command of its name.

        Args:
            event: only commands that its user may use are shown.
            about: a command, a topic, a page, or a word to search for; empty for the overview.
        """
        if not about:
            pages = ", ".join(sorted({*self._page_cls.manager.active()}))
            text = in_language(_("Pages: {names}.", names=pages), event.client.terminal.language)
            more = wrap(text, WIDTH) if pages else []
            return [*self._registry.help(event), *more]
        word = about.lower().removeprefix(self._registry.prefix).strip()
        page = self._page(word)
        lines = [] if page is None else page.lines()
        if not lines:
            return self._registry.help(event, about)
        names = {
            name
            for command in self._registry
            if command.is_for(event)
            for name in (command.name, *command.aliases)
        }
        if word in names or word in self._registry.topics:
            return [*self._registry.help(event, about), "", *lines]
        return lines

    def page(self, word: str) -> BaseHelpPage:
        """The page about a word, for writing; a new one if there is none.

        Raises:
            Refused: no page can be about that.
        """
        try:
            key = normalise("-".join(word.split()))
        except InvalidKey:
            raise Refused(_("No page can be about {word!r}.", word=word)) from None
        page = self._page(key)
        return self._page_cls(key) if page is None else page

    def _page(self, word: str) -> BaseHelpPage | None:
        page: BaseHelpPage | None = self._page_cls.manager.get("-".join(word.split()))
        return page
