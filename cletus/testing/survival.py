"""Check that a reload loses nothing: of one object, or of everything that a service holds."""

from __future__ import annotations

from typing import Any, TypeVar, overload

from cletus.client.client import Client
from cletus.reload import ReloadReport
from cletus.service.service import Service
from cletus.storage import Store
from cletus.testing.describe import describe
from cletus.testing.reloading import reloaded

#: Differences that the message of an assertion shows.
_SHOWN = 10

_MISSING = "nothing"

StoreObject = TypeVar("StoreObject", bound=Store)


@overload
def assert_survives_reload(service: Service) -> ReloadReport: ...
@overload
def assert_survives_reload(service: Service, obj: StoreObject) -> StoreObject: ...
def assert_survives_reload(service: Service, obj: Store | None = None) -> Any:
    """Reload a service on a ``Clock``, with its code unchanged, and check that nothing is lost.

    Args:
        service: a running service.
        obj: an active store object, to check only its fields. By default everything is checked: all
            active objects with all fields, the connected clients, the attributes that the
            application has set on them and on the service, the step and the fields of each
            dialogue, and the remaining time of each timer.

    Returns:
        The report; for one object, its successor.

    Raises:
        AssertionError: the reload was refused, or something is lost or differs; the message names it.
    """
    if obj is not None:
        return _object_survives(service, obj)
    before = _everything(service)
    report = _reloaded(service)
    after = _everything(service)
    differences = [
        f"{name}: {before.get(name, _MISSING)!r} before the reload, "
        f"{after.get(name, _MISSING)!r} after it"
        for name in dict.fromkeys((*before, *after))
        if before.get(name, _MISSING) != after.get(name, _MISSING)
    ]
    if differences:
        more = [f"and {len(differences) - _SHOWN} more"] if len(differences) > _SHOWN else []
        raise AssertionError("\n".join(differences[:_SHOWN] + more))
    return report


def _object_survives(service: Service, obj: Store) -> Store:
    name, key, before = type(obj).__name__.lower(), obj.key, _fields(obj)
    _reloaded(service)
    store_cls = service.session.find(name)
    new: Store | None = None if store_cls is None else store_cls.manager.active().get(key)
    if new is None:
        raise AssertionError(f"{name} {key!r} is gone after the reload")
    after = _fields(new)
    for field, value in before.items():
        if after.get(field, _MISSING) != value:
            raise AssertionError(
                f"{name} {key!r}, field {field!r}: {value!r} before the reload, "
                f"{after.get(field, _MISSING)!r} after it"
            )
    return new


def _reloaded(service: Service) -> ReloadReport:
    report = reloaded(service)
    if not report.ok:
        raise AssertionError(str(report))
    return report


def _everything(service: Service) -> dict[str, Any]:
    """Everything that a reload carries over, by a name that says where it is."""
    state: dict[str, Any] = _attachments("service", service)
    for name, store_cls in service.session.stores.items():
        for key, obj in store_cls.manager.active().items():
            state[f"{name} {key!r}"] = "active"
            for field, value in _fields(obj).items():
                state[f"{name} {key!r}, field {field!r}"] = value
    for client in service.clients:
        state |= _of_client(client)
    # Timers that have ended are not carried over, so they are not numbered either.
    active = (timer for timer in service.session.current.timers if timer.active)
    for number, timer in enumerate(active):
        state[f"timer {timer.target_name} ({number})"] = (timer.interval, round(timer.remaining, 6))
    return state


def _of_client(client: Client) -> dict[str, Any]:
    state: dict[str, Any] = {f"{client!r}": "connected" if client.connected else "closing"}
    state |= _attachments(f"{client!r}", client)
    for number, dialogue in enumerate(client.dialogues):
        name = f"{client!r}, dialogue {number}"
        state[name] = (type(dialogue).__qualname__, dialogue.step)
        for field in dialogue.fields:
            state[f"{name}, field {field!r}"] = describe(getattr(dialogue, field, None))
    return state


def _attachments(owner: str, holder: Service | Client) -> dict[str, Any]:
    return {
        f"{owner}.{name}": describe(value)
        for name, value in holder.attachments().items()
        if not name.startswith("_")  # a library's own: contrib.gmcp counts reloads there
    }


def _fields(obj: Store) -> dict[str, Any]:
    return {name: describe(value) for name, value in obj.to_dict(session=True).items()}
