"""Settings: typed, documented field by field, and what follows from all their sources together.

A file beside the application, ``CLETUS_*`` variables of the environment, ``service.configure(...)``,
``service.run(...)`` and the command line all end here; a setting ``line_rate`` is the option
``--line-rate`` and the variable ``CLETUS_LINE_RATE``. An unknown name or a value of the wrong type
stops the start, naming its source and the nearest known name.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints
from weakref import WeakKeyDictionary

import msgspec
from msgspec import Meta

from cletus.errors import SECRET, SettingError, without_passwords
from cletus.settings.files import from_folder

Count = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float, Meta(ge=0)]
StoreSync = Literal["full", "rename"]
Port = Annotated[int, Meta(ge=0, le=65535)]
LogFormat = Literal["text", "colour", "json"]
LevelRule = Annotated[str, Meta(pattern=r"^([\w.-]+=)?(debug|info|warn|error|critical)$")]


def about(text: str, *, restart: bool = False, secret: bool = False, takes: str = "") -> Meta:
    """What is said of a setting beside its type, for ``Annotated``.

    Args:
        text: the description in one line, which is also its ``--help``.
        restart: whether a change while the service runs waits for a restart.
        secret: whether its value is shown nowhere: not in logs, errors, ``status`` or ``repr``.
        takes: what it takes, for the error, where the words of its type say too little.
    """
    return Meta(description=text, extra={"restart": restart, "secret": secret, "takes": takes})


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about a service that can be set from outside. In budgets, 0 means no limit."""

    host: Annotated[str, about("address to listen on", restart=True)] = "127.0.0.1"
    port: Annotated[Port, about("telnet port; 0 takes any free one", restart=True)] = 9000
    name: Annotated[str, about("what the service calls itself to crawlers (MSSP)")] = ""
    listen: Annotated[
        tuple[str, ...],
        about(
            "doors in place of host and port, as DOOR:ENDPOINT: telnet:tcp:9000, telnet:unix:/x",
            restart=True,
        ),
    ] = ()
    tls_port: Annotated[
        Port, about("port of telnet over TLS, once there is a certificate", restart=True)
    ] = 9443
    tls_certificate: Annotated[
        str,
        about(
            "PEM file of the certificate and its chain; read again when it changes", restart=True
        ),
    ] = ""
    tls_key: Annotated[
        str, about("PEM file of its key; by default the same file", restart=True)
    ] = ""
    tls_self_signed: Annotated[
        bool, about("make a certificate that nobody has signed, for trying out", restart=True)
    ] = False
    proxy_from: Annotated[
        tuple[str, ...],
        about(
            "addresses or networks of proxies that tell by the PROXY protocol who connects",
            restart=True,
        ),
    ] = ()
    store: Annotated[
        Annotated[str, Meta(min_length=1)],
        about("folder (or URL) in which stores are saved", restart=True, takes="a folder or URL"),
    ] = "store"
    store_sync: Annotated[
        StoreSync,
        about(
            "full: a save is flushed to the disk; rename: it is atomic, not flushed", restart=True
        ),
    ] = "full"
    store_interval: Annotated[
        Seconds, about("seconds between the groups that save_soon writes", restart=True)
    ] = 0.02
    store_group_max: Annotated[Count, about("objects in one such group", restart=True)] = 1000

    line_max: Annotated[Count, about("bytes of a line; the rest of it is thrown away")] = 4096
    subnegotiation_max: Annotated[Count, about("bytes of a telnet subnegotiation")] = 8192
    inflated_max: Annotated[
        Count,
        about("bytes that one read of compressed input may become; who exceeds it is dropped"),
    ] = 1024 * 1024
    connections_max: Annotated[Count, about("people connected at once")] = 10_000
    connections_per_address: Annotated[
        Count, about("people connected at once from one address (IPv6: one /64)")
    ] = 100
    keep_alive: Annotated[
        Seconds, about("seconds between two signs of life on a silent connection; 0 sends none")
    ] = 60.0
    compression: Annotated[bool, about("offer MCCP to those who connect without TLS")] = False
    output_max: Annotated[Count, about("bytes waiting for a slow reader, who is then dropped")] = (
        1024 * 1024
    )
    line_rate: Annotated[
        Seconds, about("lines a second taken from one client, in the long run")
    ] = 20.0
    line_burst: Annotated[Count, about("lines taken from one client at once")] = 40

    reload: Annotated[
        bool, about("watch the application's files and reload when they change", restart=True)
    ] = True
    reload_modules: Annotated[
        tuple[str, ...],
        about("packages or modules to rebuild besides the application's own", restart=True),
    ] = ()
    reload_quiet: Annotated[
        Seconds, about("seconds without a further save before a reload", restart=True)
    ] = 0.2
    reload_quiet_max: Annotated[
        Seconds,
        about(
            "seconds of saving without a pause after which is reloaded all the same", restart=True
        ),
    ] = 5.0
    reload_retries: Annotated[
        Count, about("times that files which change while they are read are read again")
    ] = 20
    reload_patterns: Annotated[
        tuple[str, ...],
        about("data files of the application that are watched, too: *.toml", restart=True),
    ] = ()
    reload_poll: Annotated[
        bool,
        about(
            "look for changes from time to time, and do not rely on the system's events",
            restart=True,
        ),
    ] = False
    reload_poll_interval: Annotated[
        Annotated[float, Meta(gt=0)], about("seconds between two such looks", restart=True)
    ] = 1.0
    reload_rescan: Annotated[
        Seconds,
        about("seconds between two looks for changes of which no event told", restart=True),
    ] = 10.0
    reload_timeout: Annotated[
        Seconds, about("seconds after which an endless import is cut off")
    ] = 10.0
    reload_keep: Annotated[
        Count, about("earlier generations whose sources are kept for service.rollback()")
    ] = 5
    reload_restart_notice: Annotated[
        str, about("told to a person whose conversation a reload starts again from its top")
    ] = "(The code has just changed. Let us start that again.)"

    control: Annotated[
        bool,
        about(
            "let `cletus status`, `shell` and so on in, by a socket in the store folder",
            restart=True,
        ),
    ] = True

    error_notice: Annotated[str, about("told to a person whose line met a mistake in the code")] = (
        "Something went wrong here. It has been logged."
    )
    stop_notice: Annotated[str, about("told to everybody when the service stops")] = (
        "The service is going down. Goodbye!"
    )
    close_timeout: Annotated[
        Seconds,
        about(
            "seconds that the last output of a closed client, or their unfinished listener, may take"
        ),
    ] = 2.0

    log_format: Annotated[
        LogFormat,
        about("how the log is written: text, colour (for a terminal), or json (an object a line)"),
    ] = "text"
    log_levels: Annotated[
        tuple[LevelRule, ...],
        about(
            "the least level that is logged, of all (debug) or of a part (cletus.reload=debug)",
            takes="LEVEL or NAMESPACE=LEVEL, where LEVEL is debug, info, warn, error or critical",
        ),
    ] = ()
    metrics_port: Annotated[
        Port, about("port of the figures for Prometheus; 0 has none", restart=True)
    ] = 0
    metrics_host: Annotated[str, about("address that those figures are given on", restart=True)] = (
        "127.0.0.1"
    )

    # Of contrib.users; 0 means no limit, and no grace.
    users_login_time: Annotated[
        Seconds, about("seconds in which a stranger has to log in, or is told and closed")
    ] = 120.0
    users_strangers_per_address: Annotated[
        Count, about("people of one address who may be logging in at once")
    ] = 20
    users_accounts_per_hour: Annotated[Count, about("new accounts from one address in an hour")] = (
        10
    )
    users_grace: Annotated[
        Seconds, about("seconds for which somebody whose connection broke is kept")
    ] = 120.0

    def __repr__(self) -> str:
        """As Python writes it, with ``***`` for what is secret."""
        shown = ", ".join(f"{name}={value!r}" for name, value in shown_of(self).items())
        return f"{type(self).__name__}({shown})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """As ``repr()``, for rich."""
        return list(shown_of(self).items())


def describe(kind: type[Settings] = Settings) -> Iterator[tuple[str, Any, Any, str]]:
    """Each setting as (name, type, default, description), in the order of declaration.

    The default of one that is secret is ``"***"``, unless it is empty.
    """
    hints = get_type_hints(kind, include_extras=True)
    for field in msgspec.structs.fields(kind):
        metas = getattr(hints[field.name], "__metadata__", ())
        text = next((meta.description for meta in reversed(metas) if meta.description), "")
        default = (
            SECRET if field.default and _said_of(hints[field.name], "secret") else field.default
        )
        yield field.name, hints[field.name], default, text


def needs_restart(kind: type[Settings] = Settings) -> frozenset[str]:
    """The names of the settings whose change waits for a restart."""
    return frozenset(name for name, hint in _hints_of(kind).items() if _said_of(hint, "restart"))


def shown_of(settings: Settings) -> dict[str, Any]:
    """The settings as they may be shown to people and logged: secrets, and passwords in URLs, as ``***``."""
    hints = _hints_of(type(settings))
    return {
        name: _shown(value, hints[name]) for name, value in msgspec.structs.asdict(settings).items()
    }


def _shown(value: Any, hint: Any) -> Any:
    if value and _said_of(hint, "secret"):
        return SECRET
    return without_passwords(value) if isinstance(value, str) else value


def _said_of(hint: Any, word: str) -> Any:
    """What ``about()`` says of a setting, or nothing."""
    metas = getattr(hint, "__metadata__", ())
    return next((meta.extra[word] for meta in metas if (meta.extra or {}).get(word)), None)


#: Where settings come from; what stands further down wins.
SOURCES = (
    "preset",  # --dev or --production: other defaults
    "file",
    "environment",
    "module body",  # service.configure() there; a reload runs it again
    "service.configure()",
    "service.run()",
    "command line",
)


class Sources:
    """What each source says about the settings, and what follows from all of them together.

    Args:
        kind: the class of the settings; an application may have its own.

    Attributes:
        folder: where the settings file is, or ``None`` before ``read_file()``.
    """

    def __init__(self, kind: type[Settings] = Settings) -> None:
        self.kind = kind
        self.folder: Path | None = None
        self._said: dict[str, dict[str, Any]] = {source: {} for source in SOURCES}

    def update(self, source: str, changes: Mapping[str, Any]) -> Settings:
        """Add what one of the ``SOURCES`` says; the settings as they then are.

        Raises:
            SettingError: a name is unknown, or a value is not of the setting's type; nothing is added.
        """
        merge(self.kind(), changes, source)
        self._said[source].update(changes)
        return self.settings()

    def settings(self) -> Settings:
        """All sources taken together."""
        settings = self.kind()
        for source, changes in self._said.items():
            settings = merge(settings, changes, source)
        return settings

    def replace(self, source: str, changes: Mapping[str, Any]) -> None:
        """Have one of the ``SOURCES`` say just this. Raises as ``update`` does."""
        merge(self.kind(), changes, source)
        self._said[source] = dict(changes)

    def read_file(self, folder: Path | None) -> None:
        """Read the settings file in this folder, if there is one; ``None`` reads nothing.

        Raises:
            SettingError: the file cannot be read, a name is unknown, or a value is of the wrong type.
        """
        self.folder = folder
        if folder is not None:
            self.replace("file", from_folder(folder))

    def copy(self) -> Sources:
        """The same, to be changed on trial."""
        other = Sources(self.kind)
        other.folder = self.folder
        other._said = {source: dict(changes) for source, changes in self._said.items()}
        return other


def merge(settings: Settings, changes: Mapping[str, Any], source: str) -> Settings:
    """These settings with the changes made and checked.

    Args:
        settings: what holds so far; it is not changed.
        changes: name to value; strings are converted, as they come from command lines.
        source: where the changes come from, for the message: ``"service.run()"``.

    Raises:
        SettingError: a name is unknown, or a value is not of the setting's type.
    """
    if not changes:
        return settings
    known = _hints_of(type(settings))
    checked = {}
    for name, value in changes.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"is unknown; did you mean {near[0]!r}?" if near else "is unknown"
            raise SettingError(name, hint, source=source)
        checked[name] = _convert(name, value, known[name], source)
    return msgspec.structs.replace(settings, **checked)


#: Each reload merges settings again, in its pause; to look all these types up takes milliseconds.
_HINTS: WeakKeyDictionary[type[Settings], dict[str, Any]] = WeakKeyDictionary()


def _hints_of(kind: type[Settings]) -> dict[str, Any]:
    hints = _HINTS.get(kind)
    if hints is None:
        hints = _HINTS[kind] = {name: hint for name, hint, _, _ in describe(kind)}
    return hints


def _choices(kind: Any) -> tuple[str, ...]:
    """The values of a setting that takes one of a few."""
    bare = kind.__origin__ if hasattr(kind, "__metadata__") else kind
    return get_args(bare) if get_origin(bare) is Literal else ()


def _convert(name: str, value: Any, kind: Any, source: str) -> Any:
    if isinstance(value, str) and "tuple" in str(kind):
        # A variable of the environment is one text.
        value = [one.strip() for one in value.split(",") if one.strip()]
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as error:
        takes = _said_of(kind, "takes") or " or ".join(_choices(kind))
        reason = f"it takes {takes}" if takes else str(error)
        shown = _shown(value, kind)
        if shown is SECRET:  # what msgspec says may quote it
            reason = "its value is of the wrong type"
        words = f"cannot be {shown if shown is SECRET else repr(shown)}: {reason}"
        raise SettingError(name, words, source=source) from None
