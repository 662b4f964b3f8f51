"""The store of users."""

from typing import Any, ClassVar

from cletus.contrib.building import BuilderMixin
from cletus.contrib.commands import AliasesMixin
from cletus.contrib.moderation import JailMixin
from cletus.contrib.rooms import OccupantMixin
from cletus.contrib.things import CarrierMixin
from cletus.contrib.users import EVERYTHING, BaseAccount, UserManager
from cletus.storage import Field

from example_mud.core import service
from example_mud.fight import FighterMixin
from example_mud.world import START, Room


class User(
    AliasesMixin,
    FighterMixin,
    BuilderMixin,
    CarrierMixin,
    JailMixin,
    OccupantMixin,
    BaseAccount,
):
    """A user.

    Attributes:
        experience: one for each character that they have killed.
    """

    service = service
    manager: ClassVar[UserManager["User"]] = UserManager()
    ROLES = {"admin": EVERYTHING, "builder": {"build"}, "keeper": {"ban"}}
    experience = Field(0, type=int)

    def prompt_values(self) -> dict[str, object]:
        """What their prompt can show: preferences prompt {health}>."""
        return {"health": self.health}

    def killed(self, by: Any) -> None:
        """Wake up in the square; what they carry stays with them."""
        self.stop_fighting()
        self.room.write_all(f"{self} falls.", exclude=self)
        self.write("You fall. After a while, you wake up in the square.")
        self.health = self.health_max
        self.enter_room(Room.manager.get_or_any(START))
        self.save_when_possible()


@service.every(10)
def heal() -> None:
    """Those who do not fight get better."""
    for user in User.manager.online():
        if user.foe is None:
            user.heal(1)
