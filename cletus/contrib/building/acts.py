"""What a builder has done, so that it can be undone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from cletus.contrib.building.area import check_build
from cletus.contrib.building.area_file import leave_to
from cletus.contrib.saving import save_for
from cletus.errors import Refused
from cletus.logs.audit import audit
from cletus.storage import Field
from cletus.text import gettext as _

#: Store and key of an object.
_Name = tuple[str, str]


class BuilderMixin:
    """Keeps the acts of a builder, for this run of the service.

    Attributes:
        acts: the latest acts, each with the documents of the objects before and after it.
    """

    #: How many acts are kept. Our choice.
    acts_max: ClassVar[int] = 20

    acts: Field[list[dict[str, Any]]] = Field(list, session=True)


class Act:
    """One act of a builder: ``with Act(user, "rename", room): room.name = name``.

    At its end, the objects are saved soon, the act goes to the audit log, and it can be undone.

    Args:
        user: the builder; without ``BuilderMixin``, they cannot undo.
        action: such as ``dig``.
        objects: the store objects that it will change or delete; ``add`` names others.

    Attributes:
        target: what the audit log says that it was done to.
    """

    def __init__(self, user: Any, action: str, *objects: Any, target: str = "") -> None:
        self._user = user
        self._action = action
        self._objects: dict[_Name, Any] = {}
        self._before: dict[_Name, str | None] = {}
        self.target = target or ", ".join(obj.key for obj in objects)
        self.add(objects)

    def add(self, objects: Iterable[Any], *, are_new: bool = False) -> None:
        """Note further objects, before they are changed; new ones did not exist before the act."""
        for obj in objects:
            name = (type(obj).schema.name, obj.key)
            if name not in self._objects:
                self._objects[name] = obj
                self._before[name] = None if are_new else obj.to_json()

    def __enter__(self) -> Act:
        return self

    def __exit__(self, error: object, *_: object) -> None:
        if error is not None:
            self._take_back()
            return
        session = self._user.service.session
        after = {name: _document(session, name) for name in self._objects}
        for name, document in after.items():
            if document is not None:
                save_for(self._objects[name], self._user)
        audit(f"building: {self._action}", self.target)
        acts = getattr(self._user, "acts", None)
        if acts is not None:
            changes = [
                [*name, self._before[name], after[name]]
                for name in self._objects
                if self._before[name] != after[name]
            ]
            acts.append({"action": f"{self._action} {self.target}", "changes": changes})
            del acts[: -self._user.acts_max]

    def _take_back(self) -> None:
        """Leave the objects as they were: the act has failed."""
        for name, obj in self._objects.items():
            before = self._before[name]
            if before is None:
                obj.delete()
            else:
                _restore(obj, before)


def undo(user: Any) -> str:
    """Undo the last act of a builder that was not undone; returns what it was.

    Raises:
        Refused: there is none, what it has changed was changed by somebody since, or they may not build there
            any more.
    """
    if not getattr(user, "acts", None):
        raise Refused(_("There is nothing to undo."))
    session = user.service.session
    action, changes = user.acts[-1]["action"], user.acts[-1]["changes"]
    for store, key, before, after in changes:
        if _document(session, (store, key)) != after:
            raise Refused(_("{key} has been changed since.", key=key))
        _check_area(user, session.find(store), key, before, after)
    user.acts.pop()
    for store, key, before, _after in changes:
        manager = session.find(store).manager
        if before is None:
            obj = manager.get(key)
            if hasattr(obj, "occupants"):
                leave_to(obj, _neighbour(manager, store, changes))
            obj.delete()
            continue
        obj = manager.get(key)
        obj = session.find(store)(key) if obj is None else obj
        _restore(obj, before)
        save_for(obj, user)
    audit("building: undo", action)
    return str(action)


def _restore(obj: Any, document: str) -> None:
    """Give an object the values that it had; a character that was destroyed is in its room again."""
    obj.from_json(document)
    if not hasattr(obj, "enter_room"):
        return
    room = obj.room
    if room is None:
        obj.go_home()
    elif obj not in room.occupants:
        obj.enter_room(room, quietly=True)


def _check_area(user: Any, store_cls: Any, key: str, *documents: str | None) -> None:
    """Whether somebody may build in a room as it is and as it was; things have no area."""
    for document in documents if "area" in store_cls.fields else ():
        if document is not None:
            room = store_cls.schema.detached(key)
            room.from_json(document)
            check_build(user, room)


def _neighbour(manager: Any, store: str, changes: list[list[Any]]) -> Any:
    """The room that existed before a room was dug from it."""
    keys = (key for name, key, before, _after in changes if name == store and before is not None)
    return next(map(manager.get, keys), None)


def _document(session: Any, name: _Name) -> str | None:
    store_cls = session.find(name[0])
    obj = None if store_cls is None else store_cls.manager.get_active(name[1])
    return None if obj is None else obj.to_json()
