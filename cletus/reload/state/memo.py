"""What is known, in the course of one reload, of what becomes of the old code's objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cletus.errors import CarryError

#: How much was known at some moment; see ``Known.forget_since``.
Mark = tuple[int, int, int]


class Known:
    """What each object has been carried to, by its identity.

    Attributes:
        memo: ``id()`` of an old object to its successor. Whoever adds to it keeps the old one alive.
        aliases: pairs (old store object or dialogue, its successor) in the order of finding.
        updates: lists and dicts that stay what they are, with the content that the commit gives them.
    """

    def __init__(self) -> None:
        self.memo: dict[int, Any] = {}
        self.aliases: list[tuple[Any, Any]] = []
        self.updates: list[tuple[Any, Any]] = []
        self._staying: list[Sequence[Any]] = []
        # By the identity of an object's __dict__, which its older aliases share; made from so many
        # of the aliases, and of the lists of those that stay, when it is asked for.
        self._by_attributes: dict[int, Any] = {}
        self._indexed = 0
        self._by_attributes_staying: dict[int, Any] = {}

    def succeed(self, old: Any, new: Any) -> None:
        """Wherever the old store object (or dialogue) is referred to, refer to the new one from now on."""
        self.memo[id(old)] = new
        self.aliases.append((old, new))

    def stay(self, objects: Sequence[Any]) -> None:
        """These store objects are their own successors."""
        self.memo.update(zip(map(id, objects), objects, strict=True))
        self._staying.append(objects)

    def find_again(self, alias: Any) -> None:
        """What has been an alias of an object that goes on, sharing its attributes, stays one."""
        new = self.sharing_attributes_with(alias)
        if new is not None and id(alias) not in self.memo:
            self.succeed(alias, new)

    def sharing_attributes_with(self, old: Any) -> Any:
        """The successor of the object whose older alias this is; ``None`` if it is no alias."""
        while self._staying:
            self._by_attributes_staying.update((id(vars(one)), one) for one in self._staying.pop())
        for one, new in self.aliases[self._indexed :]:
            self._by_attributes[id(vars(one))] = new
        self._indexed = len(self.aliases)
        key = id(vars(old))
        return self._by_attributes.get(key, self._by_attributes_staying.get(key))

    def mark(self) -> Mark:
        """How much is known by now."""
        return len(self.memo), len(self.aliases), len(self.updates)

    def forget_since(self, mark: Mark) -> None:
        """What was built halfway when something failed is not for the next who meets it."""
        while len(self.memo) > mark[0]:
            self.memo.popitem()
        del self.aliases[mark[1] :]
        del self.updates[mark[2] :]
        self._by_attributes.clear()
        self._indexed = 0


def check_layout(old: object, new_class: type, place: str) -> None:
    """Find out whether an object can be given this class. Its class is the same afterwards.

    Args:
        old: one of those that the commit will give it.
        new_class: the class.
        place: what the objects are, for the message.

    Raises:
        CarryError: Python will not let it.
    """
    old_class = type(old)
    try:
        # Past a __setattr__ of the application. Nothing else runs before it is taken back.
        object.__setattr__(old, "__class__", new_class)
    except TypeError as error:
        raise CarryError(
            place, f"its objects' layout has changed in a way that needs a restart: {error}"
        ) from None
    object.__setattr__(old, "__class__", old_class)


def become(old: Any, new: Any) -> None:
    """Make the old object an alias of the new one. Plain assignments."""
    object.__setattr__(old, "__class__", type(new))
    object.__setattr__(old, "__dict__", new.__dict__)
