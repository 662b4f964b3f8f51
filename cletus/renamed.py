"""Names that have changed: the old ones work for one release, and warn.

All old names are listed here. A class with renamed attributes or methods is decorated with
``with_old_names``; a function that takes a keyword under an old name calls ``new_keywords``; a module with
renamed functions or classes has the ``__getattr__`` that ``names_of`` makes. Modules that have moved are
found by ``OldModules``, which ``cletus/__init__.py`` installs.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from operator import attrgetter
from types import ModuleType
from typing import Any, Final, TypeVar

#: Settings, in ``cletus.toml``, the environment, ``configure()``, as options and as attributes.
SETTINGS: Final[Mapping[str, str]] = {
    "reload_quiet": "reload_debounce",
    "reload_quiet_max": "reload_debounce_max",
    "users_grace": "linkdead_timeout",
}

#: Attributes and methods: name of the class to old name to new name, which may have dots.
ATTRIBUTES: Final[Mapping[str, Mapping[str, str]]] = {
    "Backend": {"place": "location", "strays": "unknown_documents"},
    "BaseBan": {"about": "target", "is_over": "has_expired"},
    "CarryError": {"place": "location"},
    "CarryFailed": {"place": "location"},
    "Client": {
        "begin": "start_dialogue",
        "came_at": "connected_at",
        "conversations": "input.tasks",
        "dialogue": "run_dialogue",
        "heard_at": "last_input_at",
        "outbox": "output",
    },
    "Field": {"was": "renamed_from"},
    "FieldValueError": {"found": "actual"},
    "Terminal": {"look": "profile"},
    "Timer": {"place": "target_name"},
    "JsonFiles": {"place": "location", "strays": "unknown_documents"},
    "Memory": {"place": "location", "strays": "unknown_documents"},
    "NoDatabase": {"place": "location"},
    "NotInDatabase": {"place": "location"},
    "OwnAttribute": {"kind": "class_name"},
    "Service": {
        "connected": "connections.connected",
        "disconnected": "connections.disconnected",
        "in_thread": "run_in_thread",
        "later": "call_later",
        "message_received": "connections.message_received",
        "received": "connections.received",
        "resized": "connections.resized",
    },
    "Settings": SETTINGS,
    "StoreIOError": {"place": "location"},
    "StoreInUse": {"place": "location"},
    "StoreUnusable": {"place": "location"},
    "Target": {"home": "backend", "texts": "source_map"},
    "Writer": {"place": "location"},
}

#: Keyword arguments: what is called to old name to new name.
ARGUMENTS: Final[Mapping[str, Mapping[str, str]]] = {
    "Field": {"was": "renamed_from"},
    "from_dict": {"data": "dict"},
    "CommandRegistry.register": {"can": "requires"},
    "Service": {"kind": "settings_class"},
}

#: Functions that go, to what is written instead.
FUNCTIONS: Final[Mapping[str, str]] = {
    "if_admin": 'requires="admin"',
    "if_can": 'requires="permission"',
    "requires": 'requires="permission" of a command, or has_permission()',
}

#: Functions and classes: module to old name to new name.
NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    "cletus.client.listener_task": {"Conversation": "ListenerTask", "current": "current_task"},
    "cletus.contrib.commands": {"Can": "Requirement"},
    "cletus.contrib.users": {"TerminalMixin": "PreferencesMixin", "may": "has_permission"},
    "cletus.check": {
        "Intake": "Importer",
        "Place": "Location",
        "Subject": "Target",
        "Texts": "SourceMap",
    },
    "cletus.protocol.terminal": {"Look": "RenderProfile"},
    "cletus.reload.load": {"load_target": "load"},
    "cletus.settings": {"about": "setting"},
    "cletus.settings.settings": {"about": "setting"},
    "cletus.testing": {"Stage": "App"},
}

#: Modules: old path to new path.
MODULES: Final[Mapping[str, str]] = {
    "cletus.application": "cletus.service.application",
    "cletus.broadcast": "cletus.client.client",
    "cletus.check.checks": "cletus.check.run",
    "cletus.check.intake": "cletus.check.load",
    "cletus.check.left_behind": "cletus.check.side_effects",
    "cletus.check.lost": "cletus.check.module_state",
    "cletus.check.patches": "cletus.check.monkeypatches",
    "cletus.check.places": "cletus.check.source_map",
    "cletus.check.saved": "cletus.check.stored_data",
    "cletus.check.steps": "cletus.check.dialogue_steps",
    "cletus.check.subject": "cletus.check.target",
    "cletus.check.trial": "cletus.check.trial_reload",
    "cletus.cli.facts": "cletus.cli.display",
    "cletus.cli.finding": "cletus.ops.control.running",
    "cletus.cli.group": "cletus.cli.main",
    "cletus.cli.hangup": "cletus.ops.sighup",
    "cletus.cli.presets": "cletus.cli.options",
    "cletus.cli.refusing": "cletus.cli.main",
    "cletus.cli.running": "cletus.cli.remote",
    "cletus.cli.target": "cletus.reload.load",
    "cletus.clock": "cletus.reactor.clock",
    "cletus.colours": "cletus.text.colours",
    "cletus.contrib.commands.cooldowns": "cletus.contrib.commands.command",
    "cletus.contrib.commands.name_table": "cletus.contrib.commands.prefix_table",
    "cletus.contrib.commands.words": "cletus.contrib.commands.signature",
    "cletus.contrib.hearers": "cletus.contrib.audience",
    "cletus.contrib.language.lists": "cletus.contrib.language.articles",
    "cletus.contrib.mail.manager": "cletus.contrib.mail.mailbox",
    "cletus.contrib.rooms.manager": "cletus.contrib.rooms.room",
    "cletus.contrib.users.addresses": "cletus.contrib.addresses",
    "cletus.contrib.users.away": "cletus.contrib.users.mixins",
    "cletus.contrib.users.client_field": "cletus.contrib.users.user",
    "cletus.contrib.users.command": "cletus.contrib.users.cli",
    "cletus.contrib.users.gender": "cletus.contrib.users.pronouns",
    "cletus.contrib.users.ignoring": "cletus.contrib.users.mixins",
    "cletus.contrib.users.missed": "cletus.contrib.users.presence",
    "cletus.contrib.users.seen": "cletus.contrib.users.mixins",
    "cletus.contrib.users.skeleton": "cletus.contrib.users.confusables",
    "cletus.contrib.users.strangers": "cletus.contrib.users.pending",
    "cletus.contrib.users.terminal": "cletus.contrib.users.preferences",
    "cletus.control": "cletus.ops.control",
    "cletus.control.attachment": "cletus.ops.control.server",
    "cletus.control.caller": "cletus.ops.control.protocol",
    "cletus.control.commands": "cletus.ops.control.commands",
    "cletus.control.messages": "cletus.ops.control.messages",
    "cletus.control.notes": "cletus.ops.control.discovery",
    "cletus.control.place": "cletus.ops.control.socket_path",
    "cletus.control.remote": "cletus.ops.control.client",
    "cletus.control.script_shell": "cletus.ops.control.shell",
    "cletus.control.shell": "cletus.ops.control.shell",
    "cletus.control.terminal_shell": "cletus.ops.control.shell",
    "cletus.conversation": "cletus.client.listener_task",
    "cletus.dialogue": "cletus.client.dialogue",
    "cletus.dialogues": "cletus.client.input",
    "cletus.dispatch": "cletus.service.dispatch",
    "cletus.doors.accepting": "cletus.doors.accept_limit",
    "cletus.doors.addresses": "cletus.doors.address",
    "cletus.doors.certificate": "cletus.doors.tls",
    "cletus.doors.direct": "cletus.doors.fast_send",
    "cletus.doors.doorkeeper": "cletus.doors.admission",
    "cletus.doors.inherited": "cletus.doors.systemd_socket",
    "cletus.doors.opening": "cletus.doors.configured",
    "cletus.doors.proxied": "cletus.doors.proxy_protocol",
    "cletus.doors.status": "cletus.doors.telnet.protocol",
    "cletus.doors.telnet.handshake": "cletus.protocol.negotiator",
    "cletus.generation": "cletus.service.session",
    "cletus.gmcp": "cletus.client.output",
    "cletus.hiding": "cletus.client.output",
    "cletus.inbox": "cletus.client.input",
    "cletus.life": "cletus.service.lifecycle",
    "cletus.listeners": "cletus.service.listeners",
    "cletus.logs.unseen": "cletus.logs.redaction",
    "cletus.metrics": "cletus.ops.prometheus",
    "cletus.outbox": "cletus.client.output",
    "cletus.parts": "cletus.service.interfaces",
    "cletus.persistent": "cletus.client.attributes",
    "cletus.prompt": "cletus.client.output",
    "cletus.protocol.http": "cletus.protocol.lines",
    "cletus.protocol.sga": "cletus.protocol.eor",
    "cletus.protocol.subnegotiations": "cletus.protocol.telnet",
    "cletus.questions": "cletus.client.input",
    "cletus.readiness": "cletus.ops.systemd",
    "cletus.redaction": "cletus.errors",
    "cletus.reload.aliases": "cletus.reload.state.exchange",
    "cletus.reload.carried_dialogues": "cletus.reload.state.dialogues",
    "cletus.reload.carried_timers": "cletus.reload.state.timers",
    "cletus.reload.carrier": "cletus.reload.state.exchange",
    "cletus.reload.checkpoint": "cletus.reload.state.checkpoint",
    "cletus.reload.deadline": "cletus.reload.code.timeout",
    "cletus.reload.extensions": "cletus.reload.code.c_extensions",
    "cletus.reload.file_events": "cletus.reload.watch.watchdog_events",
    "cletus.reload.history": "cletus.reload.code.sources",
    "cletus.reload.holder_words": "cletus.reload.leaks.describe",
    "cletus.reload.holders": "cletus.reload.leaks.search",
    "cletus.reload.import_guard": "cletus.reload.code.import_guard",
    "cletus.reload.imports": "cletus.reload.code.import_names",
    "cletus.reload.kinds": "cletus.reload.state.plain_types",
    "cletus.reload.known": "cletus.reload.state.exchange",
    "cletus.reload.ledger": "cletus.reload.effects.ledger",
    "cletus.reload.loading": "cletus.reload.load",
    "cletus.reload.modules": "cletus.reload.code.modules",
    "cletus.reload.parking": "cletus.reload.state.parking",
    "cletus.reload.plan": "cletus.reload.code.diff",
    "cletus.reload.process_state": "cletus.reload.effects.process",
    "cletus.reload.quiet": "cletus.reload.watch.debounce",
    "cletus.reload.registrations": "cletus.reload.effects.registrations",
    "cletus.reload.report": "cletus.service.report",
    "cletus.reload.requests": "cletus.reload.queue",
    "cletus.reload.retirement": "cletus.reload.leaks.retire",
    "cletus.reload.scope": "cletus.reload.watch.file_tree",
    "cletus.reload.side_effects": "cletus.reload.effects.resources",
    "cletus.reload.snapshot": "cletus.reload.state.convert",
    "cletus.reload.sources": "cletus.reload.code.sources",
    "cletus.reload.stale": "cletus.reload.leaks.old_code",
    "cletus.reload.staying": "cletus.reload.state.convert",
    "cletus.reload.survey": "cletus.reload.watch.survey",
    "cletus.reload.taken_apart": "cletus.reload.state.records",
    "cletus.reload.watcher": "cletus.reload.watch.watcher",
    "cletus.rendering": "cletus.client.rendering",
    "cletus.session": "cletus.service.session",
    "cletus.setting_files": "cletus.settings.files",
    "cletus.storage.backend": "cletus.storage.interfaces",
    "cletus.storage.batches": "cletus.storage.tools.batch",
    "cletus.storage.browsing": "cletus.storage.tools.browse",
    "cletus.storage.calls": "cletus.storage.backends.syscalls",
    "cletus.storage.contents": "cletus.storage.tools.statistics",
    "cletus.storage.declaration": "cletus.storage.declare",
    "cletus.storage.exporting": "cletus.storage.tools.export",
    "cletus.storage.folder_lock": "cletus.storage.backends.folder_lock",
    "cletus.storage.group_save": "cletus.storage.backends.group_save",
    "cletus.storage.home": "cletus.storage.interfaces",
    "cletus.storage.importing": "cletus.storage.tools.import_",
    "cletus.storage.json_files": "cletus.storage.backends.json_files",
    "cletus.storage.kept": "cletus.storage.versions",
    "cletus.storage.layout": "cletus.storage.schema",
    "cletus.storage.masking": "cletus.storage.tools.mask",
    "cletus.storage.memory": "cletus.storage.backends.memory",
    "cletus.storage.migration": "cletus.storage.tools.migrate",
    "cletus.storage.mistake": "cletus.storage.value_errors",
    "cletus.storage.opening": "cletus.storage.backends.urls",
    "cletus.storage.overlay": "cletus.storage.backends.read_only",
    "cletus.storage.reference_collections": "cletus.storage.collections",
    "cletus.storage.store_folder": "cletus.storage.backends.store_folder",
    "cletus.storage.temp": "cletus.storage.store",
    "cletus.storage.transfer": "cletus.storage.tools.dump_format",
    "cletus.storage.urls": "cletus.storage.backends.urls",
    "cletus.storage.verification": "cletus.storage.tools.verify",
    "cletus.storage.whole_file": "cletus.storage.backends.atomic_file",
    "cletus.storage.writer": "cletus.storage.backends.writer",
    "cletus.subject": "cletus.logs.context",
    "cletus.terminal": "cletus.protocol.terminal",
    "cletus.testing.person": "cletus.testing.transport",
    "cletus.testing.portrait": "cletus.testing.describe",
    "cletus.testing.stage": "cletus.testing.app",
    "cletus.testing.telnet_peer": "cletus.testing.wire",
    "cletus.threads": "cletus.reactor.threads",
    "cletus.timers": "cletus.service.timers",
    "cletus.transport": "cletus.client.interfaces",
}

_Class = TypeVar("_Class", bound=type)


def warn(old: str, new: str, *, stacklevel: int = 3) -> None:
    """Warn that a name has changed; Python shows it once for each line that uses the name.

    Args:
        old: the name that was used.
        new: the name to use.
        stacklevel: as for ``warnings.warn``; 3 is the caller of the function that calls this.
    """
    message = f"{old} is now called {new}; the old name goes with the next release"
    warnings.warn(message, DeprecationWarning, stacklevel=stacklevel)


def new_name(names: Mapping[str, str], name: str, *, stacklevel: int = 4) -> str:
    """The name that is in use now, for one that may be old; warns if it is."""
    new = names.get(name)
    if new is None:
        return name
    warn(name, new, stacklevel=stacklevel)
    return new


def new_keywords(callee: str, keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Keyword arguments under their present names; warns about each old name.

    Args:
        callee: what was called, as ``ARGUMENTS`` has it.
        keywords: those that its signature does not have.

    Raises:
        TypeError: one is not an old name either.
    """
    names = ARGUMENTS[callee]
    renamed = {}
    for keyword, value in keywords.items():  # not a comprehension, which may be a frame of its own
        if keyword not in names:
            raise TypeError(f"{callee}() got an unexpected keyword argument {keyword!r}")
        renamed[new_name(names, keyword, stacklevel=5)] = value
    return renamed


def names_of(module: str) -> Callable[[str], Any]:
    """The ``__getattr__`` of a module that finds its functions and classes by their old names."""

    def getattribute(name: str) -> Any:
        new = NAMES[module].get(name)
        if new is None:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        warn(f"{module}.{name}", f"{module}.{new}")
        return getattr(sys.modules[module], new)

    return getattribute


def with_old_names(cls: _Class) -> _Class:
    """Class decorator: attributes can be used by the old names that ``ATTRIBUTES`` lists for the class."""
    for old, new in ATTRIBUTES.get(cls.__name__, {}).items():
        setattr(cls, old, _OldName(cls.__name__, old, new))
    return cls


def adopt_old_names(obj: Any, interface: str) -> None:
    """Give an object whose class implements an interface under old names the new ones as well.

    Args:
        obj: of a class that is not ours.
        interface: its name in ``ATTRIBUTES``.
    """
    for old, new in ATTRIBUTES[interface].items():
        if not hasattr(obj, new) and hasattr(obj, old):
            warn(f"{type(obj).__name__}.{old}", new)
            setattr(obj, new, getattr(obj, old))


class _OldName:
    """A descriptor that reads and sets an attribute by its old name."""

    def __init__(self, owner: str, old: str, new: str) -> None:
        self._old, self._new, self._owner = old, new, owner
        self.__doc__ = f"The old name of ``{new}``."

    def __get__(self, instance: Any, owner: type) -> Any:
        self._warn()
        return attrgetter(self._new)(owner if instance is None else instance)

    def __set__(self, instance: Any, value: Any) -> None:
        self._warn()
        holder, _, name = self._new.rpartition(".")
        setattr(attrgetter(holder)(instance) if holder else instance, name, value)

    def _warn(self) -> None:
        warn(f"{self._owner}.{self._old}", f"{self._owner}.{self._new}", stacklevel=4)


class OldModules(MetaPathFinder, Loader):
    """Finds modules by their old paths: ``import cletus.dialogue``."""

    def __init__(self) -> None:
        self._specs: dict[str, ModuleSpec | None] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A spec for an old path; ``None`` for everything else."""
        return ModuleSpec(fullname, self) if fullname in MODULES else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module itself, under its new path."""
        new = MODULES[spec.name]
        warn(spec.name, new, stacklevel=3)  # frames of importlib are not counted
        module = importlib.import_module(new)
        self._specs[spec.name] = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Restore the module's spec, which the import system has replaced; the module does not run again."""
        spec = module.__spec__
        if spec is not None and spec.name in self._specs:
            module.__spec__ = self._specs.pop(spec.name)


def install() -> None:
    """Make old module paths importable. Called once, by ``cletus/__init__.py``."""
    if not any(isinstance(finder, OldModules) for finder in sys.meta_path):
        # First: an old package is the new one, in whose folder Python's own finder would import the
        # modules a second time.
        sys.meta_path.insert(0, OldModules())
