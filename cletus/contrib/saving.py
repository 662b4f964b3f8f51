"""Save on behalf of a person, who is told when what they changed could not be saved, and when it is."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from cletus.errors import StoreIOError, StoreUnusable
from cletus.storage import Store, TempStoreMixin
from cletus.text import gettext as _

#: A logger of the module, not of a class: a log event refers to the object that its logger belongs to,
#: and would keep old code alive.
_log = Logger()

NOT_SAVED = _("What you changed could not be saved yet. It is tried again.")
SAVED_NOW = _("What you changed is saved now.")
LOST = _("What you changed could not be saved.")

#: Person to the documents that they wait for, by store and key.
_waiting: WeakKeyDictionary[Any, set[tuple[str, str]]] = WeakKeyDictionary()


def save_for(obj: Store, person: Any = None) -> Deferred[bool]:
    """Save an object soon, unless its store is temporary, because of what a person did.

    If that fails, it is logged, and the person is told: once, until it is saved after all.

    Args:
        obj: the object.
        person: has ``write``; ``None`` if nobody is to be told.

    Returns:
        A Deferred that fires with whether it is saved. It never fails.
    """
    if isinstance(obj, TempStoreMixin):
        return succeed(True)
    return obj.save_soon().addCallbacks(lambda _: True, _not_saved, errbackArgs=(obj, person))


def _not_saved(failure: Failure, obj: Store, person: Any) -> bool:
    reason = failure.getErrorMessage()
    _log.error("{what} was not saved: {reason}", what=repr(obj), reason=reason)
    if person is None:
        return False
    name = (type(obj).schema.name, obj.key)
    waiting = _waiting.setdefault(person, set())
    if failure.check(StoreIOError, StoreUnusable) is None:
        person.write(LOST)
    elif name not in waiting:
        waiting.add(name)
        person.write(NOT_SAVED)
        obj.service.session.writer.when_saved(*name).addCallback(_saved, person, name)
    return False


def _saved(_: object, person: Any, name: tuple[str, str]) -> None:
    waiting = _waiting.get(person, set())
    waiting.discard(name)
    if not waiting:
        person.write(SAVED_NOW)
