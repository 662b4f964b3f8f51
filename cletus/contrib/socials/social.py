"""One social, such as a smile or a wave, with or without a target."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cletus.contrib.audience import ignores, may_send, write_users
from cletus.contrib.socials.template import Template, View
from cletus.errors import Refused
from cletus.text import gettext as _

#: Maximum length of an adverb; the rest is cut.
ADVERB_MAX = 60


@dataclass(frozen=True, slots=True)
class Social:
    """A social as a data file describes it.

    Attributes:
        name: what people type.
        alone: the sentence without a target, or ``None`` if it needs a target.
        at: the sentence with a target, or ``None`` if it cannot have one.
    """

    name: str
    alone: Template | None
    at: Template | None

    def perform(
        self, actor: Any, target: Any = None, how: str = "", *, others: Iterable[Any] = ()
    ) -> None:
        """Show it to everybody, in the language of each, except to those who ignore the actor.

        Args:
            actor: who does it. Like all persons here, they have ``write`` and a ``str``.
            target: to whom, or ``None``; may be the actor.
            how: an adverb, such as ``happily``.
            others: who else sees it. Actor and target may be among them.

        Raises:
            Refused: it needs a target or cannot have one, or the target ignores the actor.
        """
        template = self._template(target)
        if target is not actor and ignores(target, actor):
            raise Refused(_("{target} ignores you.", target=target))
        how = how.strip()[:ADVERB_MAX].rstrip(".")
        sentence = template.render(View(actor, target, None, how))
        if not may_send(actor, sentence, room=getattr(actor, "room", None)):
            return
        involved = [actor] if target is None or target is actor else [actor, target]
        for reader in involved:
            reader.write(template.render(View(actor, target, reader, how)))
        write_users(
            others,
            sentence,
            exclude=involved,
            filter=lambda reader: not ignores(reader, actor),
        )

    def _template(self, target: Any) -> Template:
        template = self.alone if target is None else self.at
        if template is not None:
            return template
        if target is None:
            raise Refused(_("Whom do you want to {name}?", name=self.name))
        raise Refused(
            _(
                "{capital_name} has no target. Type just {name}.",
                capital_name=self.name.capitalize(),
                name=self.name,
            )
        )
