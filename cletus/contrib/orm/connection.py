"""The SQLAlchemy session of a service. It persists across reloads, as the service does."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, create_engine, make_url
from sqlalchemy.orm import Session

from cletus import events
from cletus.contrib.commands import CommandFailed
from cletus.service.service import Service

#: The attribute of the service that holds the session, or another object with ``Session.get``.
ATTRIBUTE = "orm_session"


def connect(service: Service, url: str, **options: Any) -> Session:
    """The service's session with this database, also available as ``service.orm_session``.

    Called again by a reload, it returns the existing session, as ``Service()`` returns the running
    service; with another URL it makes a new one. The session is closed when the service has stopped.
    It works in the reactor's thread, so everybody waits while a query runs.

    All people share this session, so commit before a listener or command ends, and before it awaits
    anything: otherwise the next commit, which may be somebody else's, includes what it has changed. What
    a listener, a timer, a dialogue or a command has changed when it raises is rolled back; so is what a
    command has changed when it refuses.

    Args:
        service: the service whose stores have a ``ModelField``.
        url: of the database, such as ``sqlite:///talker.db``.
        options: passed to ``sqlalchemy.create_engine``.
    """
    session = _existing(service, url)
    if session is None:
        session = Session(create_engine(url, **options))
        setattr(service, ATTRIBUTE, session)
    service.listen(events.PostReload)(forget_old_models)
    service.listen(CommandFailed)(roll_back)
    service.listen(events.CodeFailed)(roll_back)
    service.listen(events.BackgroundFailed)(roll_back)
    service.listen(events.PostStop)(disconnect)
    return session


def _existing(service: Service, url: str) -> Session | None:
    session = session_of(service)
    engine = _engine(session)
    if not isinstance(session, Session) or engine is None or engine.url != make_url(url):
        return None
    return session


def session_of(service: Any) -> Any:
    """The session of the service, or ``None``."""
    return getattr(service, ATTRIBUTE, None)


def _engine(session: Any) -> Engine | None:
    engine = session.get_bind() if isinstance(session, Session) else None
    return engine if isinstance(engine, Engine) else None


def forget_old_models(event: events.PostReload) -> None:
    """Clear SQLAlchemy's cache of compiled statements, which keeps old model classes alive."""
    engine = _engine(session_of(event.service))
    if engine is not None:
        engine.clear_compiled_cache()


def roll_back(event: CommandFailed | events.CodeFailed | events.BackgroundFailed) -> None:
    """Undo what failed code has changed and not committed: the next commit is somebody else's."""
    session = session_of(event.service)
    if isinstance(session, Session):
        session.rollback()


def usable_session_of(service: Any) -> Any:
    """The session, rolled back if a failed flush or commit has left it unusable."""
    session = session_of(service)
    if isinstance(session, Session) and not session.is_active:
        session.rollback()
    return session


def disconnect(event: events.PostStop) -> None:
    """Close the session and its connections. Changes that were not committed are rolled back."""
    session = session_of(event.service)
    engine = _engine(session)
    if engine is not None:
        session.close()
        engine.dispose()
