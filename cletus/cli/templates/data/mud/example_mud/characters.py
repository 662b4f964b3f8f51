"""Characters. ``areas/`` says which there are; this is what they do."""

from typing import Any, ClassVar

from cletus.contrib.characters import BaseCharacter, CharacterFile
from cletus.contrib.things import CarrierMixin

from example_mud.core import service
from example_mud.fight import FighterMixin
from example_mud.people import User
from example_mud.world import AREAS


class Beast(FighterMixin, CarrierMixin, BaseCharacter):
    """Something of the marsh that bites, and goes where it likes."""

    service = service
    tick_interval = 30.0
    return_delay = 120.0

    def tick(self) -> None:
        """Move on, unless it fights."""
        if self.foe is None:
            self.wander()

    def killed(self, by: Any) -> None:
        """Die, and be well again when it comes back."""
        self.stop_fighting()
        self.health = self.health_max
        if isinstance(by, User):
            by.experience += 1
            by.save_when_possible()
        self.die(by=by)


class Villager(CarrierMixin, BaseCharacter):
    """Somebody who greets people, and tells them what they ask for."""

    service = service
    ANSWERS: ClassVar[dict[str, str]] = {
        "sword": "They say that it lies in the ruin, behind the marsh.",
        "marsh": "Go north. Take something to eat.",
        "eel": "Kill it, and it is back before you are dry.",
    }

    def met(self, user: Any) -> None:
        """Greet them, a moment later."""
        service.call_later(1, self.greet, user)

    def greet(self, user: Any) -> None:
        """Greet somebody who is still here."""
        if user.room is self.room:
            self.say(f"Welcome, {user}! Ask me about the marsh.")

    def heard(self, user: Any, text: str) -> None:
        """Answer the first word that they know."""
        for word, answer in self.ANSWERS.items():
            if word in text.lower():
                service.call_later(1, self.say, answer)
                return


CharacterFile(Beast, AREAS / "beasts.toml")
CharacterFile(Villager, AREAS / "villagers.toml")
