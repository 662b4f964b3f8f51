"""Whether a reload loses anything: one object, or all that a service holds."""

from __future__ import annotations

from typing import Any, TypeVar, overload

from cletus.client.client import Client
from cletus.reload import ReloadReport
from cletus.service.service import Service
from cletus.storage import Store
from cletus.testing.describe import portrait
from cletus.testing.reloading import reloaded

#: Differences that an assertion names; one would do, and a thousand are one.
_TOLD = 10

_MISSING = "nothing"

StoreObject = TypeVar("StoreObject", bound=Store)


@overload
def assert_survives_reload(service: Service) -> ReloadReport: ...
@overload
def assert_survives_reload(service: Service, obj: StoreObject) -> StoreObject: ...
def assert_survives_reload(service: Service, obj: Store | None = None) -> Any:
    """Reload a service on a ``Clock``, with its code as it is, and check that nothing is lost.

    Args:
        service: it runs.
        obj: an active store object of it; by default everything is checked: all active objects with
            all fields, who is connected, what the application has set on them and on the service,
            the step of each dialogue and what it has learnt, and what remains of each timer.

    Returns:
        The report; of one object, its successor.

    Raises:
        AssertionError: the reload was refused, or something is gone or differs; it is named.
    """
    if obj is not None:
        return _object_survives(service, obj)
    before = _everything(service)
    report = _reloaded(service)
    after = _everything(service)
    differences = [
        f"{place}: {before.get(place, _MISSING)!r} before the reload, "
        f"{after.get(place, _MISSING)!r} after it"
        for place in dict.fromkeys((*before, *after))
        if before.get(place, _MISSING) != after.get(place, _MISSING)
    ]
    if differences:
        more = [f"and {len(differences) - _TOLD} more"] if len(differences) > _TOLD else []
        raise AssertionError("\n".join(differences[:_TOLD] + more))
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
    """All that a reload carries, by where it is."""
    found: dict[str, Any] = _attachments("service", service)
    for name, store_cls in service.session.stores.items():
        for key, obj in store_cls.manager.active().items():
            found[f"{name} {key!r}"] = "active"
            for field, value in _fields(obj).items():
                found[f"{name} {key!r}, field {field!r}"] = value
    for client in service.clients:
        found |= _of_client(client)
    # Those that are over are not carried, so they take no part in the numbering either.
    for number, timer in enumerate(one for one in service.session.current.timers if one.active):
        found[f"timer {timer.place} ({number})"] = (timer.interval, round(timer.remaining, 6))
    return found


def _of_client(client: Client) -> dict[str, Any]:
    found: dict[str, Any] = {f"{client!r}": "connected" if client.connected else "closing"}
    found |= _attachments(f"{client!r}", client)
    for number, dialogue in enumerate(client.dialogues):
        place = f"{client!r}, dialogue {number}"
        found[place] = (type(dialogue).__qualname__, dialogue.step)
        for field in dialogue.fields:
            found[f"{place}, field {field!r}"] = portrait(getattr(dialogue, field, None))
    return found


def _attachments(place: str, holder: Service | Client) -> dict[str, Any]:
    return {f"{place}.{name}": portrait(value) for name, value in holder.attachments().items()}


def _fields(obj: Store) -> dict[str, Any]:
    return {name: portrait(value) for name, value in obj.to_dict(session=True).items()}
