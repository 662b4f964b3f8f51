"""Fights: whoever fights strikes a blow every two seconds.

A fight is state: fields and a timer. A reload in the middle of it keeps both,
and the next blow is struck by the new code.
"""

import random
from typing import Any, ClassVar

from cletus.contrib.commands import Refused
from cletus.contrib.language import capitalised
from cletus.storage import Field

ROUND = 2.0  # seconds between two blows of a fighter


class FighterMixin:
    """Lets users and characters fight.

    Attributes:
        health: they die when it is used up.
        health_max: what it is when they are well.
        strength: the greatest damage of their bare hands.
        foe: whom they fight.
        rounds: the timer of their blows.
    """

    service: ClassVar[Any]
    room: Any
    write: Any
    health = Field(20, type=int)
    health_max = Field(20, type=int)
    strength = Field(3, type=int)
    foe: Field[Any] = Field(None, session=True)
    rounds: Field[Any] = Field(None, session=True)

    def attack(self, foe: Any) -> None:
        """Begin to fight; the other fights back."""
        if foe is self:
            raise Refused("You do not fight yourself.")
        if self.foe is foe:
            raise Refused(f"You are fighting {foe} already.")
        self.stop_fighting()
        self.foe = foe
        self.rounds = self.service.every(ROUND, self.strike)
        if foe.foe is None:
            foe.attack(self)

    def stop_fighting(self) -> None:
        """Strike no more blows."""
        if self.rounds is not None:
            self.rounds.cancel()
        self.foe = self.rounds = None

    def strike(self) -> None:
        """Strike a blow, unless the other is gone."""
        foe = self.foe
        if foe is None or self.room is None or foe.room is not self.room:
            self.stop_fighting()
            return
        damage = random.randint(0, self.strength) + self.weapon_damage()
        hits = f"hits {foe} ({damage})" if damage else f"misses {foe}"
        self.write(f"You hit {foe} ({damage})." if damage else "You miss.")
        foe.write(capitalised(f"{self} {hits.replace(str(foe), 'you')}."))
        self.room.write_all(
            capitalised(f"{self} {hits}."), exclude=(self, foe)
        )
        foe.health -= damage
        if foe.health <= 0:
            self.stop_fighting()
            foe.killed(self)

    def weapon_damage(self) -> int:
        """What the best of their weapons adds."""
        carried = getattr(self, "contents", ())
        return max((thing.damage for thing in carried), default=0)

    def heal(self, amount: int) -> None:
        """Get better, but not better than well."""
        self.health = min(self.health_max, self.health + amount)

    def killed(self, by: Any) -> None:
        """Called when their health is used up; each class has its own."""
        raise NotImplementedError
