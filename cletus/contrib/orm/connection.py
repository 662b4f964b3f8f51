"""The SQLAlchemy session of a service: it persists across reloads, as the service does."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, create_engine, make_url
from sqlalchemy.orm import Session

from cletus import events
from cletus.service.service import Service

ATTRIBUTE = "orm_session"
"""Where the session is on the service: anything that has SQLAlchemy's ``Session.get`` will do."""


def connect(service: Service, url: str, **options: Any) -> Session:
    """The service's session with this database; it is ``service.orm_session`` as well.

    Run again while the code is reloaded, it gives back the running session, as ``Service()`` gives
    back the running service; with another URL it makes a new one. It is closed when the service has
    stopped. It works in the reactor's thread: a query holds up everybody for as long as it takes.

    Args:
        service: whose stores have a ``ModelField``.
        url: of the database, such as ``sqlite:///talker.db``.
        options: of ``sqlalchemy.create_engine``.
    """
    session = _running(service, url)
    if session is None:
        session = Session(create_engine(url, **options))
        setattr(service, ATTRIBUTE, session)
    service.listen(events.PostReload)(forget_old_models)
    service.listen(events.PostStop)(disconnect)
    return session


def _running(service: Service, url: str) -> Session | None:
    session = session_of(service)
    engine = _engine(session)
    if not isinstance(session, Session) or engine is None or engine.url != make_url(url):
        return None
    return session


def session_of(service: Any) -> Any:
    """The session that the service was given, or ``None``."""
    return getattr(service, ATTRIBUTE, None)


def _engine(session: Any) -> Engine | None:
    engine = session.get_bind() if isinstance(session, Session) else None
    return engine if isinstance(engine, Engine) else None


def forget_old_models(event: events.PostReload) -> None:
    """Compiled statements are kept by SQLAlchemy, and keep the model classes of the old code."""
    engine = _engine(session_of(event.service))
    if engine is not None:
        engine.clear_compiled_cache()


def disconnect(event: events.PostStop) -> None:
    """Close the session, and the connections below it. What was not committed is rolled back."""
    session = session_of(event.service)
    engine = _engine(session)
    if engine is not None:
        session.close()
        engine.dispose()
