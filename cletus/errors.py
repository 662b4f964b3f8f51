"""Every error that Cletus raises, in one tree.

The docstring of a class says when it is raised; its attributes are the facts, under the names of its
arguments; its message names what is wrong and says what to do. What a stranger can send over a
connection does not raise past its door.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Self

from cletus.renamed import with_old_names

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
    """The root: ``except CletusError`` catches every error of Cletus."""


# -- starting and settings ----------------------------------------------------------------------


class StartError(CletusError):
    """The service cannot be started as asked; ``cletus run`` prints the message and exits with 2."""


class SettingError(StartError):
    """A setting is unknown, or its value is of the wrong type."""

    def __init__(self, name: str, reason: str, *, source: str = "") -> None:
        self.name = name
        self.reason = without_passwords(reason)
        self.source = source
        super().__init__(f"{source + ': ' if source else ''}setting {name!r} {self.reason}")


class ApplicationNotFound(StartError):
    """The target of a command is neither an importable module nor a Python file."""


class ServiceNotFound(StartError):
    """The application was imported, but none of its modules made a ``Service()``."""


class DoorError(StartError):
    """A door cannot be opened, for instance because its port is in use.

    Attributes:
        address: what it was to listen on, such as ``telnet 127.0.0.1:23``.
    """

    def __init__(self, address: str, reason: str) -> None:
        self.address = address
        self.reason = reason
        super().__init__(f"cannot listen on {address}: {reason}")


class CertificateError(StartError):
    """The certificate of a TLS door, or its key, cannot be used."""

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path} {reason}" if path == "TLS" else f"{path}: {reason}")


class HostKeyError(StartError):
    """The host key of an SSH door cannot be used.

    Attributes:
        path: of its file.
        reason: why.
    """

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path}: {reason}")


class ReactorError(StartError):
    """The setting ``reactor`` names a reactor that cannot be installed.

    Attributes:
        reactor: its name.
        reason: why.
    """

    def __init__(self, reactor: str, reason: str) -> None:
        self.reactor = reactor
        self.reason = reason
        super().__init__(f"the reactor {reactor} cannot be used: {reason}")


class StartFailed(StartError, SystemExit):
    """A start under Twisted's ``twist`` or ``twistd`` failed. Unless caught, it ends the process.

    It is an ``Exception``, too, so that ``twistd`` removes its files and tells the shell.
    """

    def __init__(self, reason: str, code: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


class ServiceStateError(CletusError):
    """The state of the service does not allow this: it cannot be started twice, for instance."""


@with_old_names
class OwnAttribute(CletusError, AttributeError):
    """The application set an attribute of a service or client that Cletus uses itself."""

    def __init__(self, class_name: str, attribute: str) -> None:
        super().__init__(
            f"{class_name}.{attribute} is used by Cletus itself: "
            "give your own attribute another name"
        )
        self.class_name = class_name
        self.attribute = attribute


class ServiceStopped(ServiceStateError):
    """The service was stopped before its start had finished."""


class TimerError(CletusError, ValueError):
    """A delay is negative or not a finite number, or an interval is not more than 0 seconds."""

    def __init__(self, seconds: float, wanted: str) -> None:
        self.seconds = seconds
        super().__init__(f"{seconds!r} seconds: {wanted}")


class WaitTimedOut(CletusError, TimeoutError):
    """``service.wait_for()`` heard no such event in time.

    Attributes:
        event: the name of the class of events.
        seconds: how long it waited.
    """

    def __init__(self, event: str, seconds: float) -> None:
        self.event = event
        self.seconds = seconds
        super().__init__(f"no {event} event within {seconds:g} seconds")


class MeterError(CletusError, ValueError):
    """A counter or another meter was asked for under a name that it cannot have."""

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self.reason = reason
        super().__init__(f"meter {name!r}: {reason}")


class MetricsMissing(StartError):
    """``metrics_port`` is set, but prometheus-client is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "metrics need prometheus-client: pip install 'cletus-live[metrics]', or set "
            "metrics_port to 0"
        )


class TemplateError(CletusError):
    """``cletus new`` cannot write the package that it was asked for."""


# -- testing ------------------------------------------------------------------------------------


class PyteMissing(CletusError):
    """A test looks at a terminal's screen, but pyte, which draws it, is not installed."""

    def __init__(self) -> None:
        super().__init__("screens of terminals need pyte: pip install 'cletus-live[testing]'")


# -- clients ------------------------------------------------------------------------------------


class ClientError(CletusError):
    """The root of errors that concern one client."""


class Disconnected(ClientError):
    """The client disconnected while the code was waiting for an answer."""


class DialogueError(ClientError):
    """A dialogue is declared or used wrongly: it has no step, or no field of the given name."""


class MarkupError(CletusError, ValueError):
    """The markup given to ``cletus.text.style`` is wrong."""

    def __init__(self, markup: str, reason: str) -> None:
        self.markup = markup
        self.reason = reason
        super().__init__(f"{markup}: {reason}")


# -- protocol -----------------------------------------------------------------------------------


class ProtocolError(CletusError):
    """A peer violated its protocol. Doors catch this; applications never see it."""


class InflationTooLarge(ProtocolError):
    """Compressed bytes of a peer inflate to far more than a person could have typed."""

    def __init__(self, compressed: int, limit: int) -> None:
        self.compressed = compressed
        self.limit = limit
        super().__init__(f"{compressed} bytes inflate to more than {limit}")


# -- storage ------------------------------------------------------------------------------------


class StorageError(CletusError):
    """The root of errors of stores, fields and saved documents."""


# -- storage: stores, fields and keys -----------------------------------------------------------


class StoreDeclarationError(StorageError):
    """A store class is declared wrongly. It is raised by the class statement.

    Attributes:
        store: the name of the class.
        attribute: the attribute that is wrong; empty if it is the class as a whole.
    """

    def __init__(self, store: str, attribute: str, reason: str) -> None:
        self.store = store
        self.attribute = attribute
        self.reason = reason
        super().__init__(f"{store}{attribute and '.' + attribute}: {reason}")


class DuplicateStore(StoreDeclarationError):
    """Two store classes have the same name in lower case, so they would share one folder.

    Attributes:
        classes: both of them; the second is the one that was registered first.
    """

    def __init__(self, store_cls: type, registered: type) -> None:
        self.classes = (store_cls, registered)
        super().__init__(
            store_cls.__name__,
            "",
            f"{registered.__module__}.{registered.__qualname__} has the same name in lower case, which "
            f"names the store; rename the class in {store_cls.__module__}",
        )


class AbstractStore(StorageError, TypeError):
    """An object was to be made of a store class with ``abstract = True``."""

    def __init__(self, store: str) -> None:
        self.store = store
        super().__init__(f"{store} is abstract: make objects of a subclass of it")


class InvalidKey(StorageError, ValueError):
    """A key is empty, too long, or has characters that keys cannot have."""

    def __init__(self, key: object, reason: str) -> None:
        self.key = key
        self.reason = reason
        super().__init__(f"{key!r} cannot be a key: {reason}")


class KeyInUse(StorageError):
    """``Manager.create`` was given the key of an active or saved object."""

    def __init__(self, store: str, key: str) -> None:
        self.store = store
        self.key = key
        super().__init__(f"there is a {store} {key!r} already")


class UnknownField(StorageError, TypeError):
    """A value was given for a field that the store does not declare."""

    def __init__(self, store: str, name: str, known: Iterable[str]) -> None:
        self.store = store
        self.name = name
        self.known = tuple(known)
        super().__init__(f"{store} has no field {name!r}; it has {', '.join(self.known) or 'none'}")


@with_old_names
class FieldValueError(StorageError, ValueError):
    """A field has a value, in memory or in a document, that its type or JSON does not allow.

    Attributes:
        path: where inside the value: ``[2].level``; empty for the value itself.
        reason: path, ``expected`` and ``actual`` in one sentence.
    """

    def __init__(
        self, store: str, key: str, field: str, path: str, expected: str, actual: str
    ) -> None:
        self.store = store
        self.key = key
        self.field = field
        self.path = path
        self.expected = expected
        self.actual = actual
        self.reason = f"{field}{path}: expected {expected}, found {actual}"
        super().__init__(f"{store} {key!r}, {self.reason}")


class MigrationFailed(StorageError):
    """A store's ``migrate()`` raised, or did not return the data."""

    def __init__(self, store: str, version: int, reason: str) -> None:
        self.store = store
        self.version = version
        self.reason = reason
        super().__init__(f"{store}.migrate() of data of version {version}: {reason}")


class UnreadableStore(StorageError):
    """A document exists but cannot be used. Only ``save(force=True)`` overwrites it.

    Attributes:
        path: its file; empty if the text is not from a file.
        line: the line that is wrong, from 1; 0 if it is not known.
    """

    def __init__(self, store: str, key: str, reason: str, *, path: str = "", line: int = 0) -> None:
        self.store = store
        self.key = key
        self.reason = reason
        self.path = path
        self.line = line
        where = f"{path}:{line}: " if path and line else f"{path}: " if path else ""
        in_line = f" in line {line}" if line and not path else ""
        super().__init__(f"{where}{store} {key!r} cannot be read{in_line}: {reason}")

    def left_alone(self) -> Self:
        """Add to the message what can be done by code that wanted to save over the document."""
        advice = "it is not overwritten: correct it, or overwrite it by save(force=True)"
        self.args = (f"{self}; {advice}",)
        return self


class CorruptStore(UnreadableStore):
    """A document is not JSON, or its values do not fit the fields. Correct it and load again."""


class NewerStore(UnreadableStore):
    """A document was saved by later code. Load it with that code."""

    def __init__(self, store: str, key: str, version: int, ours: int, *, path: str = "") -> None:
        self.version = version
        self.ours = ours
        super().__init__(
            store,
            key,
            f"it is of version {version}, and this code knows versions up to {ours}",
            path=path,
        )


class SerialiseFailed(StorageError):
    """A field's ``serialise()`` raised while many objects were saved; ``__cause__`` is its error."""

    def __init__(self, store: str, key: str, cause: BaseException) -> None:
        self.store = store
        self.key = key
        self.__cause__ = cause
        super().__init__(f"{store} {key!r} cannot be serialised: {type(cause).__name__}: {cause}")


class NotSavable(StorageError):
    """An object of a store with ``TempStoreMixin`` was to be saved or loaded."""

    def __init__(self, store: str, key: str) -> None:
        self.store = store
        self.key = key
        super().__init__(f"{store} {key!r} is temporary: TempStoreMixin saves nothing")


# -- storage: backends (files, memory, whatever registers a URL scheme) --------------------------


@with_old_names
class StoreUnusable(StorageError, StartError):
    """The backend cannot be created, opened, read or written, or it is not open.

    Attributes:
        location: its folder or URL, without passwords.
    """

    def __init__(self, location: str, reason: str) -> None:
        self.location = without_passwords(location)
        self.reason = without_passwords(reason)
        super().__init__(f"the store {self.location} cannot be used: {self.reason}")


class StoreLocked(StoreUnusable):
    """Another process has the store folder open.

    Attributes:
        pid: the number of that process; 0 if it is not known.
    """

    def __init__(self, location: str, pid: int) -> None:
        self.pid = pid
        owner = f"process {pid}" if pid else "another process"
        reason = f"{owner} has it open; stop that process, or set `store` to another folder"
        super().__init__(location, reason)


class StoreClaimed(StoreUnusable):
    """A primary of a cluster that is later than this process has the store.

    Attributes:
        epoch: of that primary.
    """

    def __init__(self, location: str, epoch: int, ours: int) -> None:
        self.epoch = epoch
        super().__init__(location, f"a primary of epoch {epoch} has it, which is later than {ours}")


class UnknownStoreScheme(StoreUnusable):
    """No installed package registers this URL scheme in the entry point group ``cletus.stores``."""

    def __init__(self, url: str, scheme: str, known: Iterable[str]) -> None:
        self.url = without_passwords(url)
        self.scheme = scheme
        self.known = tuple(sorted(known))
        names = ", ".join(f"{name}:" for name in self.known)
        super().__init__(
            repr(self.url),
            f"no installed package knows {scheme!r}: known are {names} "
            f"(for a folder of that name write './{self.url}')",
        )


class UnsafeName(StorageError):
    """A store name or key cannot name a file: it could leave the folder, or is too long."""

    def __init__(self, store: str, key: str) -> None:
        self.store = store
        self.key = key
        super().__init__(f"store {store!r} with key {key!r} cannot be the name of a file")


class NotSaved(StorageError):
    """The store has no document under this key."""

    def __init__(self, store: str, key: str) -> None:
        self.store = store
        self.key = key
        super().__init__(f"{store} {key!r} is not saved")


@with_old_names
class StoreIOError(StorageError):
    """The backend could not read, save or delete a document. The object in memory is unchanged.

    Attributes:
        key: the key of the document; empty if it is the store as a whole.
        action: ``"read"``, ``"list"``, ``"save"`` or ``"delete"``.
        location: the file or its like; empty if it is not known.
        certain: whether the version saved before is certainly still there. It is false only if the
            last step failed, the flush of the folder: then it is either the old or the new version.
    """

    def __init__(
        self,
        store: str,
        key: str,
        reason: str,
        *,
        action: str,
        location: str = "",
        certain: bool = True,
    ) -> None:
        self.store = store
        self.key = key
        self.reason = reason
        self.action = action
        self.location = location
        self.certain = certain
        document = f"{store} {key!r}" if key else store
        where = f" ({location})" if location else ""
        super().__init__(f"cannot {action} {document}{where}: {reason}{self._consequence()}")

    def _consequence(self) -> str:
        if self.action in {"read", "list"}:
            return ""
        if self.certain:
            return "; the version saved before is untouched"
        return "; after a power cut now, either the old or the new version will be there"


class NotSupported(StorageError):
    """The backend cannot do what was asked: files in a folder cannot be searched."""

    def __init__(self, action: str) -> None:
        self.action = action
        super().__init__(
            f"{action} needs a database: set `store` to sqlite:///path/to/file.db or "
            "postgresql://..., and move the documents there with `cletus store copy`"
        )


class StoreFull(StoreIOError):
    """There is no space left, or a quota is used up. Free some space and save again."""


class StoreDenied(StoreIOError):
    """The operating system forbids it: by permissions, or because the file system is read-only."""


# -- control: asking a running service ----------------------------------------------------------


class ControlError(CletusError):
    """A running service cannot be asked, or did not do what it was asked to."""


class NotRunning(ControlError):
    """No service answers on a store folder.

    Attributes:
        pid: the process that had the folder open last, if it is alive; else 0.
    """

    def __init__(self, folder: str, pid: int = 0) -> None:
        self.folder = folder
        self.pid = pid
        hint = (
            f"; process {pid}, which had it last, is alive: it may be starting or stopping, or "
            "have the setting `control` off"
        )
        super().__init__(f"no service runs on the store {folder}{hint if pid else ''}")


class SeveralRunning(ControlError):
    """An application runs several times, each time on a store of its own."""

    def __init__(self, target: str, folders: Iterable[str]) -> None:
        self.target = target
        self.folders = tuple(sorted(folders))
        super().__init__(
            f"{target} runs on several stores; choose one by --store: {', '.join(self.folders)}"
        )


class NoAnswer(ControlError):
    """A running service did not answer in time, or ended before it had answered."""


class ControlRefused(ControlError):
    """A running service refused, or failed; the message is its own."""


class BadMessage(ControlError):
    """A message on a control socket is too long, or is not one of Cletus."""


# -- storage: export and import -----------------------------------------------------------------


class NotTransferable(StorageError):
    """A line of an export file is wrong, or the file as a whole; or a document cannot be exported.

    Attributes:
        line: the line, from 1; 0 for the file as a whole.
    """

    def __init__(self, reason: str, line: int = 0) -> None:
        self.reason = reason
        self.line = line
        super().__init__(f"line {line}: {reason}" if line else reason)


class ImportRefused(StorageError):
    """``cletus store import`` refuses its input; it has written nothing."""

    def __init__(self, reasons: Sequence[str], count: int, todo: str = "") -> None:
        self.reasons = tuple(reasons)
        self.count = count
        more = count - len(self.reasons)
        lines = [*self.reasons, *([f"and {more:,} more"] if more else [])]
        end = f"; {todo}" if todo else ""
        super().__init__(f"nothing was imported{end}:" + "".join(f"\n  {line}" for line in lines))


class UnknownStore(StorageError):
    """Neither the code nor the backend has a store of this name."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name = name
        self.known = tuple(known)
        super().__init__(f"there is no store {name!r}; there are {', '.join(self.known) or 'none'}")


@with_old_names
class StoreInUse(StorageError):
    """Stored data was to be changed from outside while the service runs."""

    def __init__(self, location: str, pid: int, action: str) -> None:
        self.location = location
        self.pid = pid
        process = f"process {pid}" if pid else "another process"
        super().__init__(
            f"the service is running ({process} has {location} open); stop it first "
            f"(cletus shutdown TARGET), {action}, and start it again"
        )


# -- contrib: commands --------------------------------------------------------------------------


class CommandError(CletusError):
    """The root of errors of commands."""


class CommandDeclarationError(CommandError):
    """A command is declared wrongly. It is raised while its module is imported."""

    def __init__(self, command: str, reason: str) -> None:
        self.command = command
        self.reason = reason
        super().__init__(f"command {command!r}: {reason}")


class Refused(CommandError):
    """A command cannot be done; the message is a sentence for the person who typed it.

    Commands, converters and the methods of contrib's stores raise it. ``client.write(error)`` shows it in
    the language of the reader, if it is a ``Text``; ``str(error)`` is in English.
    """


# -- contrib: users -----------------------------------------------------------------------------


class NameRefused(Refused):
    """A name is not available: it breaks a rule, is reserved, or looks like the name of another."""


class PasswordRefused(Refused):
    """A password is too short, too long, or too easy. It was not hashed."""


class PasswordsBusy(Refused):
    """Too many passwords are waiting to be hashed."""


class UnknownRole(Refused):
    """A role was granted that the class of users does not declare in ``ROLES``."""

    def __init__(self, role: str, known: Iterable[str]) -> None:
        self.role = role
        self.known = tuple(sorted(known))
        super().__init__(f"There is no role {role!r}; there are {', '.join(self.known)}.")


class NoUsers(StartError):
    """``cletus user`` was given an application that has no accounts."""

    def __init__(self) -> None:
        super().__init__("the application has no accounts; add: users = Users(service, User)")


# -- contrib: orm -------------------------------------------------------------------------------


@with_old_names
class NoDatabase(StorageError):
    """A ``ModelField`` was used whose service has no session of SQLAlchemy.

    Attributes:
        location: the field, such as ``User 'bob', field 'account'``.
    """

    def __init__(self, location: str) -> None:
        self.location = location
        super().__init__(
            f"{location}: its service has no SQLAlchemy session; call orm.connect(service, url), or "
            "set service.orm_session, and declare the store with service = service"
        )


@with_old_names
class NotInDatabase(StorageError):
    """An object in a ``ModelField`` has no primary key yet, so it cannot be saved or carried over."""

    def __init__(self, location: str, model: str) -> None:
        self.location = location
        self.model = model
        super().__init__(
            f"{location}: its {model} is not in the database yet; add it to the session and commit"
        )


# -- contrib: rooms and socials -----------------------------------------------------------------


class RoomFileError(CletusError):
    """A file of rooms or things cannot be read, or does not describe them. It refuses the reload."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path}: {reason}")


class SocialError(CletusError):
    """A data file of socials cannot be read, or a sentence in it is wrong."""


# -- reload -------------------------------------------------------------------------------------


class ReloadError(CletusError):
    """A reload was refused. The service goes on as before; the report says why."""


class SourceError(ReloadError):
    """A source file of the application cannot be read, decoded or compiled.

    Attributes:
        line: the number of the line, from 1; 0 if it is not known.
        text: that line.
    """

    def __init__(self, path: Path, reason: str, line: int = 0, text: str = "") -> None:
        self.path = path
        self.reason = reason
        self.line = line
        self.text = text
        where = f"{path}:{line}" if line else str(path)
        super().__init__(f"{where}: {reason}" + (f"\n    {text.strip()}" if text.strip() else ""))


class ImportFailed(ReloadError):
    """A module of the application raised while it was being imported."""


class ImportTimeout(ReloadError):
    """The import of the new code took longer than ``reload_timeout`` seconds."""


@with_old_names
class CarryError(ReloadError):
    """A value of the running service cannot be carried over to the new code.

    Attributes:
        location: where the value is, such as ``User 'bob', field 'pet'``.
    """

    def __init__(self, location: str, reason: str) -> None:
        self.location = location
        self.reason = reason
        super().__init__(f"{location}: {reason}")


@with_old_names
class CarryFailed(ReloadError):
    """Code of the application, such as a ``__hash__``, raised while a value was carried over."""

    def __init__(self, location: str, error: Exception) -> None:
        self.location = location
        super().__init__(f"{location}: {type(error).__name__}: {error}")


class ImportDuringReload(ReloadError, ImportError):
    """A thread imported a module of the application during a reload, and could not wait for its end."""

    def __init__(self, module: str, reason: str) -> None:
        self.module = module
        self.reason = reason
        super().__init__(f"{module} is just being reloaded, {reason}; import it again")


class RestartError(CletusError):
    """The service cannot be handed to another process; the message says why."""


class ConversationEnded(BaseException):
    """A conversation asks again although it was ended, by a reload or because the person has left.

    It has swallowed the exception that told it so. Not an ``Exception``, as ``CallTimedOut``.
    """


class CallTimedOut(BaseException):
    """A call of the application's code took longer than ``call_timeout``, and was interrupted.

    Not an ``Exception``, so that ``except Exception`` in the code that is interrupted does not catch it.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"not finished after {seconds:.1f} seconds (setting call_timeout)")


# -- cluster -------------------------------------------------------------------------------------


class ClusterError(CletusError):
    """The root of errors of a cluster."""


class BusFull(ClusterError):
    """More waits for the engine than ``cluster_backlog`` allows; the command was not accepted.

    Attributes:
        waiting: bytes that wait.
    """

    def __init__(self, waiting: int, limit: int) -> None:
        self.waiting = waiting
        self.limit = limit
        super().__init__(
            f"{waiting:,} bytes wait for the engine of the cluster; cluster_backlog is {limit:,}"
        )


class EntryTooLarge(ClusterError):
    """An entry for the bus of a cluster is too large; the command was not accepted."""

    def __init__(self, size: int, limit: int) -> None:
        self.size = size
        self.limit = limit
        super().__init__(f"an entry of {size:,} bytes is larger than {limit:,}")


class BusClosed(ClusterError):
    """The bus was closed before the engine had answered; the command may have had its effect."""


class SealBroken(ClusterError):
    """What came over the bus of a cluster was not sealed with our key, was changed, or was put back."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"{name}: not sealed with our cluster_key, changed, or put back")
