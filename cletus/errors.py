"""Every error that Cletus raises, in one tree.

The docstring of a class says when it is raised; its attributes are the facts; its message names the
thing and says what to do. What a stranger can send over a connection never raises past its door.
"""

from __future__ import annotations

from pathlib import Path


class CletusError(Exception):
    """The root: ``except CletusError`` catches whatever Cletus itself complains about."""


# -- starting and settings ----------------------------------------------------------------------


class StartError(CletusError):
    """The service cannot start as it was asked to; ``cletus run`` prints the message and exits 2."""


class SettingError(StartError):
    """A setting is unknown or its value is of the wrong type."""

    def __init__(self, name: str, reason: str, *, source: str = "") -> None:
        """Name the setting, the place it came from, and what is wrong with it."""
        self.name = name
        self.reason = reason
        self.source = source
        super().__init__(f"{source + ': ' if source else ''}setting {name!r} {reason}")


class ApplicationNotFound(StartError):
    """What ``cletus run`` was given is neither an importable module nor a Python file."""


class ServiceNotFound(StartError):
    """The application was imported, but no module of it made a ``Service()``."""


class DoorError(StartError):
    """A door cannot be opened, for instance because its port is in use."""


class ServiceStateError(CletusError):
    """The service was asked for what its state does not allow, such as being started twice."""


# -- people -------------------------------------------------------------------------------------


class ClientError(CletusError):
    """The root of what can go wrong with one connected person."""


class Disconnected(ClientError):  # noqa: N818 - a fact in the past tense reads better in `except`
    """The person left while the code was waiting for their answer."""


# -- protocol -----------------------------------------------------------------------------------


class ProtocolError(CletusError):
    """A peer sent what its protocol forbids. Doors catch this; applications never see it."""


# -- storage ------------------------------------------------------------------------------------


class StorageError(CletusError):
    """The root of what can go wrong with stores, fields and their files."""


# -- reload -------------------------------------------------------------------------------------


class ReloadError(CletusError):
    """A reload was refused. The service runs on as it was; the report tells where it failed."""


class SourceError(ReloadError):
    """A source file of the application cannot be read, decoded or compiled."""

    def __init__(self, path: Path, reason: str, line: int = 0, text: str = "") -> None:
        """Name the file, the line (from 1; 0 where there is none) and the text of that line."""
        self.path = path
        self.reason = reason
        self.line = line
        self.text = text
        place = f"{path}:{line}" if line else str(path)
        super().__init__(f"{place}: {reason}" + (f"\n    {text.strip()}" if text.strip() else ""))


class ImportFailed(ReloadError):  # noqa: N818 - what happened, in the past tense
    """A module of the application raised while its new code was being imported."""


class ImportTimeout(ReloadError):  # noqa: N818 - the established name for this kind of error
    """The new code did not finish importing within ``reload_timeout`` seconds."""


class CarryError(ReloadError):
    """A value of the running service cannot be carried over to the new code."""

    def __init__(self, place: str, reason: str) -> None:
        """Name the place, such as ``User 'bob', field 'pet'``, and the reason."""
        self.place = place
        self.reason = reason
        super().__init__(f"{place}: {reason}")


class ReloadVetoed(ReloadError):  # noqa: N818 - what happened, in the past tense
    """A listener of ``events.PreReload`` asked for this reload not to happen."""
