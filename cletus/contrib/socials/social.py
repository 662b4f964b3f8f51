"""One social: a smile, a wave. Done alone, or to somebody."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cletus.contrib.audience import ignores
from cletus.contrib.socials.template import Template, View
from cletus.errors import Refused

#: Letters of an adverb; the rest is cut.
HOW_MAX = 60


@dataclass(frozen=True, slots=True)
class Social:
    """What a data file says of it.

    Attributes:
        name: what is typed.
        alone: the sentence without a target, or ``None`` if it needs one.
        at: the sentence with one, or ``None`` if it takes none.
    """

    name: str
    alone: Template | None
    at: Template | None

    def perform(
        self, actor: Any, target: Any = None, how: str = "", *, others: Iterable[Any] = ()
    ) -> None:
        """Have everybody see it, but for those who ignore the actor.

        Args:
            actor: who does it; like all persons here, has ``write`` and a ``str``.
            target: to whom, or ``None``; it may be the actor.
            how: an adverb: ``happily``.
            others: who else is there; actor and target among them are not told twice.

        Raises:
            Refused: it cannot be done alone, or not to somebody, or the target ignores the actor.
        """
        template = self._template(target)
        if target is not actor and ignores(target, actor):
            raise Refused(f"{target} does not listen to you.")
        how = how.strip()[:HOW_MAX].rstrip(".")
        told = [actor] if target is None or target is actor else [actor, target]
        for reader in told:
            reader.write(template.render(View(actor, target, reader, how)))
        seen = template.render(View(actor, target, None, how))
        for one in others:
            if one not in told and not ignores(one, actor):
                one.write(seen)

    def _template(self, target: Any) -> Template:
        template = self.alone if target is None else self.at
        if template is not None:
            return template
        if target is None:
            raise Refused(f"Whom do you want to {self.name}?")
        raise Refused(f"You cannot {self.name} somebody; just {self.name}.")
