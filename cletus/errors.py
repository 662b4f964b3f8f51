"""Every error that Cletus raises, in one tree.

The docstring of a class says when it is raised; its attributes are the facts; its message names the
thing and says what to do. What a stranger can send over a connection never raises past its door.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Self

#: The exit code of a process that could not do what it was asked to, as for a wrong option.
USAGE: Final = 2

#: What is shown in place of a secret: in errors, in logs, wherever people may read it.
SECRET: Final = "***"  # noqa: S105 - it takes the place of one

#: ``scheme://user:password@`` and ``?password=...``; the last ``@`` before the path ends the password.
_IN_AUTHORITY = re.compile(r"(?<=://)([^/?#\s:@]*):([^/?#\s]*)@")
_IN_QUERY = re.compile(r"(?i)(?<=[?&])((?:password|passwd|pwd|secret|token)=)[^&#\s'\"]*")


def without_passwords(text: str) -> str:
    """The text with ``***`` in place of each password that a URL in it contains.

    Args:
        text: a URL, or a sentence that quotes URLs; a path is returned unchanged.
    """
    text = _IN_AUTHORITY.sub(rf"\1:{SECRET}@", text)
    return _IN_QUERY.sub(rf"\g<1>{SECRET}", text)


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
        self.reason = without_passwords(reason)
        self.source = source
        super().__init__(f"{source + ': ' if source else ''}setting {name!r} {self.reason}")


class ApplicationNotFound(StartError):
    """What ``cletus run`` was given is neither an importable module nor a Python file."""


class ServiceNotFound(StartError):
    """The application was imported, but no module of it made a ``Service()``."""


class DoorError(StartError):
    """A door cannot be opened, for instance because its port is in use."""

    def __init__(self, address: str, reason: str) -> None:
        """Name what it was to listen on, such as ``telnet 127.0.0.1:23``, and what to do about it."""
        self.address = address
        self.reason = reason
        super().__init__(f"cannot listen on {address}: {reason}")


class CertificateError(StartError):
    """The certificate of a TLS door, or its key, cannot be used."""

    def __init__(self, path: str, reason: str) -> None:
        """Name the file and what is wrong with it."""
        self.path = path
        self.reason = reason
        super().__init__(f"{path} {reason}" if path == "TLS" else f"{path}: {reason}")


class StartFailed(StartError, SystemExit):
    """A start under Twisted's ``twist`` or ``twistd`` has failed. Unless caught, it ends the process.

    As an ``Exception`` it makes ``twistd`` clear away its files and tell whoever started it.
    """

    def __init__(self, reason: str, code: int) -> None:
        """Say why, and with which code the process ends."""
        super().__init__(reason)
        self.reason = reason
        self.code = code


class ServiceStateError(CletusError):
    """The service was asked for what its state does not allow, such as being started twice."""


class OwnAttribute(CletusError, AttributeError):
    """The application has set an attribute of a service or client that is not its to set.

    Attributes:
        kind: the class's name.
        attribute: the attribute's.
    """

    def __init__(self, kind: str, attribute: str) -> None:
        """Say what to do instead."""
        super().__init__(
            f"{kind}.{attribute} is what Cletus itself works with: "
            "give your own attribute another name"
        )
        self.kind = kind
        self.attribute = attribute


class ServiceStopped(ServiceStateError):
    """The service was stopped before its start had come to its end."""


class TimerError(CletusError, ValueError):
    """A delay is negative or no number, or an interval is not more than 0 seconds."""

    def __init__(self, seconds: float, wanted: str) -> None:
        """Say what was given and what is wanted."""
        self.seconds = seconds
        super().__init__(f"{seconds!r} seconds: {wanted}")


class MeterError(CletusError, ValueError):
    """A counter or another meter was asked for under a name that it cannot have."""

    def __init__(self, name: str, reason: str) -> None:
        """Name it and say why."""
        self.name = name
        self.reason = reason
        super().__init__(f"meter {name!r}: {reason}")


class MetricsMissing(StartError):
    """``metrics_port`` is set, and what gives the figures to Prometheus is not installed."""

    def __init__(self) -> None:
        """Say what to do."""
        super().__init__(
            "figures are given by prometheus-client: pip install 'cletus-live[metrics]', or set "
            "metrics_port to 0"
        )


class TemplateError(CletusError):
    """``cletus new`` cannot write the package that it was asked for."""


# -- testing ------------------------------------------------------------------------------------


class PyteMissing(CletusError):
    """A test looks at a terminal's screen, and pyte, which draws it, is not installed."""

    def __init__(self) -> None:
        """Say what to install."""
        super().__init__(
            "screens of terminals are drawn by pyte: pip install 'cletus-live[testing]'"
        )


# -- people -------------------------------------------------------------------------------------


class ClientError(CletusError):
    """The root of what can go wrong with one connected person."""


class Disconnected(ClientError):
    """The person left while the code was waiting for their answer."""


class DialogueError(ClientError):
    """A dialogue is declared or used wrongly: it has no step, or a value is for no field of it."""


class MarkupError(CletusError, ValueError):
    """The markup given to ``cletus.text.style`` means nothing."""

    def __init__(self, markup: str, reason: str) -> None:
        """Name the markup and what is wrong with it."""
        self.markup = markup
        self.reason = reason
        super().__init__(f"{markup}: {reason}")


# -- protocol -----------------------------------------------------------------------------------


class ProtocolError(CletusError):
    """A peer sent what its protocol forbids. Doors catch this; applications never see it."""


class InflationTooLarge(ProtocolError):
    """A peer sent compressed bytes that become far more than a person could have typed."""

    def __init__(self, compressed: int, limit: int) -> None:
        """Say how many bytes came, and how many they were allowed to become."""
        self.compressed = compressed
        self.limit = limit
        super().__init__(f"{compressed} bytes inflate to more than {limit}")


# -- storage ------------------------------------------------------------------------------------


class StorageError(CletusError):
    """The root of what can go wrong with stores, fields and their files."""


# -- storage: stores, fields and keys -----------------------------------------------------------


class StoreDeclarationError(StorageError):
    """A store class is declared wrongly. It is raised while the class statement runs."""

    def __init__(self, store: str, attribute: str, reason: str) -> None:
        """Name the class, the attribute (empty where it is the class as a whole) and the reason."""
        self.store = store
        self.attribute = attribute
        self.reason = reason
        super().__init__(f"{store}{attribute and '.' + attribute}: {reason}")


class DuplicateStore(StoreDeclarationError):
    """Two store classes have one name (in lower case), so would share one folder."""

    def __init__(self, store_cls: type, other: type) -> None:
        """Name both, by module."""
        self.classes = (store_cls, other)
        super().__init__(
            store_cls.__name__,
            "",
            f"{other.__module__}.{other.__qualname__} has that name, too, and stores are known by "
            f"their lower-case class name; rename the one in {store_cls.__module__}",
        )


class AbstractStore(StorageError, TypeError):
    """An object of a store class was asked for that says ``abstract = True``."""

    def __init__(self, store: str) -> None:
        """Name the class."""
        self.store = store
        super().__init__(f"{store} is abstract: make objects of a subclass of it")


class InvalidKey(StorageError, ValueError):
    """A key has characters that keys cannot have, or is empty or too long."""

    def __init__(self, key: object, reason: str) -> None:
        """Name the key and what is wrong with it."""
        self.key = key
        self.reason = reason
        super().__init__(f"{key!r} cannot be a key: {reason}")


class KeyInUse(StorageError):
    """``Manager.create`` was given a key that an active or saved object has."""

    def __init__(self, store: str, key: str) -> None:
        """Name both."""
        self.store = store
        self.key = key
        super().__init__(f"there is a {store} {key!r} already")


class UnknownField(StorageError, TypeError):
    """A value was given for a field that the store does not declare."""

    def __init__(self, store: str, name: str, known: Iterable[str]) -> None:
        """Name the class, the field, and those that there are."""
        self.store = store
        self.name = name
        self.known = tuple(known)
        super().__init__(f"{store} has no field {name!r}; it has {', '.join(self.known) or 'none'}")


class FieldValueError(StorageError, ValueError):
    """A field holds, or a file has for it, what the field's type or JSON does not allow."""

    def __init__(
        self, store: str, key: str, field: str, path: str, expected: str, found: str
    ) -> None:
        """Name the place and the kinds of value; ``path`` is inside the value: ``[2].level``.

        ``reason`` is made of these.
        """
        self.store = store
        self.key = key
        self.field = field
        self.path = path
        self.expected = expected
        self.found = found
        self.reason = f"{field}{path}: expected {expected}, found {found}"
        super().__init__(f"{store} {key!r}, {self.reason}")


class MigrationFailed(StorageError):
    """A store's ``migrate()`` raised, or did not return the data. The cause is chained."""

    def __init__(self, store: str, version: int, reason: str) -> None:
        """Name the class, the version of the data, and the reason."""
        self.store = store
        self.version = version
        self.reason = reason
        super().__init__(f"{store}.migrate() of data of version {version}: {reason}")


class UnreadableStore(StorageError):
    """A document is there and cannot be used. It is left alone until ``save(force=True)``.

    ``path`` is the file (empty where the text came from elsewhere), ``line`` counts from 1 and is 0
    where there is none.
    """

    def __init__(self, store: str, key: str, reason: str, *, path: str = "", line: int = 0) -> None:
        """Name the object, the reason and the place."""
        self.store = store
        self.key = key
        self.reason = reason
        self.path = path
        self.line = line
        where = f"{path}:{line}: " if path and line else f"{path}: " if path else ""
        what = f" in line {line}" if line and not path else ""
        super().__init__(f"{where}{store} {key!r} cannot be read{what}: {reason}")

    def left_alone(self) -> Self:
        """The same error for who wanted to save over the document: it says what can be done."""
        advice = "it is left alone: mend it, or write over it by save(force=True)"
        self.args = (f"{self}; {advice}",)
        return self


class CorruptStore(UnreadableStore):
    """A document is not JSON, or its values do not fit the fields. Mend it and load again."""


class NewerStore(UnreadableStore):
    """A document was saved by code of a later version than this. Load it with that code."""

    def __init__(self, store: str, key: str, version: int, ours: int, *, path: str = "") -> None:
        """Name the object, the document's version and the version of the class."""
        self.version = version
        self.ours = ours
        super().__init__(
            store,
            key,
            f"it is of version {version}, and this code knows versions up to {ours}",
            path=path,
        )


class SerialiseFailed(StorageError):
    """A field's ``serialise()`` raised while many objects were saved. ``__cause__`` is what it raised."""

    def __init__(self, store: str, key: str, cause: Exception) -> None:
        """Name the object and what was raised."""
        self.store = store
        self.key = key
        self.__cause__ = cause
        super().__init__(f"{store} {key!r} cannot be serialised: {type(cause).__name__}: {cause}")


class NotSavable(StorageError):
    """An object of a store with ``TempStoreMixin`` was to be saved or loaded."""

    def __init__(self, store: str, key: str) -> None:
        """Name the object."""
        self.store = store
        self.key = key
        super().__init__(f"{store} {key!r} is temporary: TempStoreMixin has nothing saved")


# -- storage: homes (files, memory, whatever registers a URL scheme) ----------------------------


class StoreUnusable(StorageError, StartError):
    """The home of the stores cannot be created, opened, read or written, or it is not open."""

    def __init__(self, place: str, reason: str) -> None:
        """Name the folder or URL and the reason."""
        self.place = without_passwords(place)
        self.reason = without_passwords(reason)
        super().__init__(f"the store {self.place} cannot be used: {self.reason}")


class StoreLocked(StoreUnusable):
    """Another process has the store folder open; ``pid`` is its number, or 0 if it is unknown."""

    def __init__(self, place: str, pid: int) -> None:
        """Name the folder and the process."""
        self.pid = pid
        owner = f"process {pid}" if pid else "another process"
        super().__init__(place, f"{owner} has it open; stop that first, or set `store` to another")


class UnknownStoreScheme(StoreUnusable):
    """No installed package registers this URL scheme in the entry point group ``cletus.stores``."""

    def __init__(self, url: str, scheme: str, known: Iterable[str]) -> None:
        """Name the URL, its scheme and the schemes that are known."""
        self.url = without_passwords(url)
        self.scheme = scheme
        self.known = tuple(sorted(known))
        names = ", ".join(f"{name}:" for name in self.known)
        super().__init__(
            repr(self.url),
            f"nothing installed knows {scheme!r}: known are {names} "
            f"(for a folder of that name write './{self.url}')",
        )


class UnsafeName(StorageError):
    """A store name or key is no name for a file: it could leave the folder, or is too long."""

    def __init__(self, store: str, key: str) -> None:
        """Name both."""
        self.store = store
        self.key = key
        super().__init__(f"store {store!r} with key {key!r} cannot be the name of a file")


class NotSaved(StorageError):
    """There is no document of this store under this key."""

    def __init__(self, store: str, key: str) -> None:
        """Name both."""
        self.store = store
        self.key = key
        super().__init__(f"{store} {key!r} is not saved")


class StoreIOError(StorageError):
    """The home failed to read, save or delete one document; the object in memory is as it was.

    ``certain`` tells whether the version saved before is surely still there. It is false only when
    the last step failed, the flush of the folder: then it is either the old version or the new one.
    """

    def __init__(
        self,
        store: str,
        key: str,
        reason: str,
        *,
        action: str,
        place: str = "",
        certain: bool = True,
    ) -> None:
        """Name the document, its place, the action (read, list, save, delete) and the reason."""
        self.store = store
        self.key = key
        self.reason = reason
        self.action = action
        self.place = place
        self.certain = certain
        end = "" if action in {"read", "list"} else f"; {self._standing()}"
        what = f"{store} {key!r}" if key else store
        super().__init__(f"cannot {action} {what}{place and f' ({place})'}: {reason}{end}")

    def _standing(self) -> str:
        if self.certain:
            return "what was saved before is untouched"
        return "after a power cut now, either the old or the new version will be there"


class StoreFull(StoreIOError):
    """There is no space left, or a quota is used up. Make room and save again."""


class StoreDenied(StoreIOError):
    """The operating system forbids it: permissions, or a file system mounted read-only."""


# -- control: asking a running service ----------------------------------------------------------


class ControlError(CletusError):
    """A running service cannot be asked, or has not done what it was asked for."""


class NotRunning(ControlError):
    """No service answers on a store folder."""

    def __init__(self, folder: str, pid: int = 0) -> None:
        """Name the folder, and the process that had it last, if there still is one."""
        self.folder = folder
        self.pid = pid
        hint = (
            f"; process {pid}, which had it last, is alive: it may be starting or stopping, or "
            "have the setting `control` off"
        )
        super().__init__(f"no service runs on the store {folder}{hint if pid else ''}")


class SeveralRunning(ControlError):
    """An application runs several times, on stores of its own each."""

    def __init__(self, target: str, folders: Iterable[str]) -> None:
        """Name the target and the store folders."""
        self.target = target
        self.folders = tuple(sorted(folders))
        super().__init__(
            f"{target} runs on several stores; say which by --store: {', '.join(self.folders)}"
        )


class NoAnswer(ControlError):
    """A running service did not answer in time, or ended before it had answered."""


class ControlRefused(ControlError):
    """A running service answered that it will not, or could not; the message is its own."""


class BadMessage(ControlError):
    """What came over a control socket is no message of ours, or too long."""


# -- storage: moving it from one home to another ------------------------------------------------


class NotTransferable(StorageError):
    """A file of ``cletus store export``, or one line of it, makes no sense; or a document cannot be in one.

    Attributes:
        reason: what is wrong.
        line: where, from 1; 0 if it is the file as a whole.
    """

    def __init__(self, reason: str, line: int = 0) -> None:
        """Say what is wrong, and in which line."""
        self.reason = reason
        self.line = line
        super().__init__(f"line {line}: {reason}" if line else reason)


class ImportRefused(StorageError):
    """What ``cletus store import`` was given cannot be taken as it is; nothing was written."""

    def __init__(self, reasons: Sequence[str], count: int, todo: str = "") -> None:
        """Name the first reasons, say how many there are, and what to do."""
        self.reasons = tuple(reasons)
        self.count = count
        more = count - len(self.reasons)
        lines = [*self.reasons, *([f"and {more:,} more"] if more else [])]
        end = f"; {todo}" if todo else ""
        super().__init__(f"nothing was imported{end}:" + "".join(f"\n  {line}" for line in lines))


class UnknownStore(StorageError):
    """A store was asked for by name that neither the code nor the home of the documents has."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        """Name it, and those that there are."""
        self.name = name
        self.known = tuple(known)
        super().__init__(f"there is no store {name!r}; there are {', '.join(self.known) or 'none'}")


class StoreInUse(StorageError):
    """Stored data was to be changed from outside while the service runs."""

    def __init__(self, place: str, pid: int, action: str) -> None:
        """Name the folder, the process that has it, and what was to be done."""
        self.place = place
        self.pid = pid
        process = f"process {pid}" if pid else "another process"
        super().__init__(
            f"the service is running ({process} has {place} open); stop it first "
            f"(cletus shutdown TARGET), {action}, and start it again"
        )


# -- contrib: commands --------------------------------------------------------------------------


class CommandError(CletusError):
    """The root of what can go wrong with commands."""


class CommandDeclarationError(CommandError):
    """A command is declared wrongly. It is raised while its module is imported."""

    def __init__(self, command: str, reason: str) -> None:
        """Name the command and the reason."""
        self.command = command
        self.reason = reason
        super().__init__(f"command {command!r}: {reason}")


class Refused(CommandError):
    """What was asked for cannot be done; the message is a sentence for the person who asked.

    Commands, converters and the methods of contrib's stores raise it.
    """


# -- contrib: users -----------------------------------------------------------------------------


class NameRefused(Refused):
    """A name cannot be had: it breaks a rule, is reserved, or looks like somebody else's."""


class PasswordRefused(Refused):
    """A password cannot be had: it is too short, too long, or too easy. It was not hashed."""


class PasswordsBusy(Refused):
    """So many passwords wait to be hashed that one more is not taken."""


class UnknownRole(Refused):
    """A role was granted that the class of users does not declare in ``ROLES``."""

    def __init__(self, role: str, known: Iterable[str]) -> None:
        """Name the role and those that there are."""
        self.role = role
        self.known = tuple(sorted(known))
        super().__init__(f"There is no role {role!r}; there are {', '.join(self.known)}.")


class NoUsers(StartError):
    """``cletus user`` was given an application that has no accounts."""

    def __init__(self) -> None:
        """Say what to do."""
        super().__init__("the application has no accounts; add: users = Users(service, User)")


# -- contrib: orm -------------------------------------------------------------------------------


class NoDatabase(StorageError):
    """A ``ModelField`` was used, and its service was never given a session of SQLAlchemy."""

    def __init__(self, place: str) -> None:
        """Name the field, as ``User 'bob', field 'account'``."""
        self.place = place
        super().__init__(
            f"{place}: its service has no SQLAlchemy session; call orm.connect(service, url), or "
            "set service.orm_session, and declare the store with service = service"
        )


class NotInDatabase(StorageError):
    """An object in a ``ModelField`` has no primary key yet, so it cannot be saved or carried."""

    def __init__(self, place: str, model: str) -> None:
        """Name the field and the class of the object."""
        self.place = place
        self.model = model
        super().__init__(
            f"{place}: its {model} is not in the database yet; add it to the session and commit"
        )


# -- contrib: rooms -----------------------------------------------------------------------------


class RoomFileError(CletusError):
    """A file of rooms cannot be read, or does not describe rooms. It refuses the reload."""

    def __init__(self, path: Path, reason: str) -> None:
        """Name the file and the reason."""
        self.path = path
        self.reason = reason
        super().__init__(f"{path}: {reason}")


# -- contrib: socials ---------------------------------------------------------------------------


class SocialError(CletusError):
    """A data file of socials cannot be read, or a sentence in it makes no sense."""


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


class ImportFailed(ReloadError):
    """A module of the application raised while its new code was being imported."""


class ImportTimeout(ReloadError):
    """The new code did not finish importing within ``reload_timeout`` seconds."""


class CarryError(ReloadError):
    """A value of the running service cannot be carried over to the new code."""

    def __init__(self, place: str, reason: str) -> None:
        """Name the place, such as ``User 'bob', field 'pet'``, and the reason."""
        self.place = place
        self.reason = reason
        super().__init__(f"{place}: {reason}")


class CarryFailed(ReloadError):
    """Code of the application, such as a ``__hash__``, raised while a value was being carried over."""

    def __init__(self, place: str, error: Exception) -> None:
        """Name the place, as for ``CarryError``, and what was raised."""
        self.place = place
        super().__init__(f"{place}: {type(error).__name__}: {error}")


class StoreGone(CarryError):
    """A value refers to an object of a store that the new code does not define."""


class ImportDuringReload(ReloadError, ImportError):
    """A thread wanted a module of the application while it was being rebuilt, and could not wait."""

    def __init__(self, module: str, reason: str) -> None:
        """Name the module and why the thread could not wait until the reload was over."""
        self.module = module
        self.reason = reason
        super().__init__(f"{module} is just being reloaded, {reason}; import it again")
