"""The settings of a service: their types, defaults and help, and how their sources are merged.

A file beside the application, ``CLETUS_*`` variables of the environment, ``service.configure(...)``,
``service.run(...)`` and the command line are such sources; a setting ``line_rate`` is the option
``--line-rate`` and the variable ``CLETUS_LINE_RATE``. An unknown name or a value of the wrong type
is an error that names its source and the nearest known name, and the service does not start.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints
from urllib.parse import quote, unquote
from weakref import WeakKeyDictionary

import msgspec
from msgspec import Meta
from twisted.logger import Logger

from cletus.errors import SECRET, SettingError, without_passwords
from cletus.renamed import SETTINGS, names_of, warn, with_old_names
from cletus.settings.files import from_folder, position_in

_log = Logger()

Count = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float, Meta(ge=0)]
StoreSync = Literal["full", "rename"]
Port = Annotated[int, Meta(ge=0, le=65535)]
Reactor = Literal["default", "asyncio", "epoll", "kqueue", "poll", "select"]
LogFormat = Literal["text", "colour", "json"]
LevelRule = Annotated[str, Meta(pattern=r"^([\w.-]+=)?(debug|info|warn|error|critical)$")]


def setting(help: str, *, restart: bool = False, secret: bool = False, takes: str = "") -> Meta:  # noqa: A002 - as argparse and click call it
    """Describe a setting, in ``Annotated``.

    Args:
        help: one line, which is also its ``--help``.
        restart: whether a change while the service runs waits for a restart.
        secret: whether its value is hidden in logs, errors, ``status`` and ``repr``.
        takes: which values it takes, for errors, where its type does not say it well enough.
    """
    return Meta(description=help, extra={"restart": restart, "secret": secret, "takes": takes})


@with_old_names
class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of a service. In limits, 0 means no limit."""

    host: Annotated[str, setting("address to listen on", restart=True)] = "127.0.0.1"
    port: Annotated[Port, setting("telnet port; 0 picks a free one", restart=True)] = 9000
    name: Annotated[
        str, setting("name of the service, for its page and for MUD crawlers (MSSP)")
    ] = ""
    listen: Annotated[
        tuple[str, ...],
        setting(
            "doors instead of host and port, as DOOR:ENDPOINT: telnet:tcp:9000, telnet:unix:/x",
            restart=True,
        ),
    ] = ()
    tls_port: Annotated[
        Port, setting("port of telnet over TLS, if there is a certificate", restart=True)
    ] = 9443
    tls_public_port: Annotated[
        Port, setting("port at which a proxy offers telnet over TLS, for MUD crawlers; 0: none")
    ] = 0
    tls_certificate: Annotated[
        str,
        setting(
            "PEM file with the certificate and its chain; read again when it changes", restart=True
        ),
    ] = ""
    tls_key: Annotated[
        str, setting("PEM file with the private key, if it is a file of its own", restart=True)
    ] = ""
    tls_self_signed: Annotated[
        bool, setting("create a self-signed certificate, for development", restart=True)
    ] = False
    proxy_from: Annotated[
        tuple[str, ...],
        setting("addresses or networks of proxies that use the PROXY protocol", restart=True),
    ] = ()
    msdp_variables: Annotated[
        tuple[str, ...],
        setting(
            "GMCP messages that clients with MSDP see listed before they are sent: Char.Vitals"
        ),
    ] = ()
    web_port: Annotated[Port, setting("port of the web page; 0 has none", restart=True)] = 9080
    web_folder: Annotated[
        str, setting("folder of files in place of the page's own, or beside them", restart=True)
    ] = ""
    web_origins: Annotated[
        tuple[str, ...],
        setting("addresses under which the page is known: https://talk.example.org; * for all"),
    ] = ()
    web_proxies: Annotated[
        tuple[str, ...],
        setting(
            "addresses or networks of proxies that say by HTTP headers who comes, and how: 127.0.0.1",
            restart=True,
        ),
    ] = ()
    resume_grace: Annotated[
        Seconds, setting("seconds for which a page whose connection broke is waited for")
    ] = 180.0
    resume_max: Annotated[
        Count, setting("bytes that are kept for each page, to be sent again after a cut")
    ] = 64 * 1024
    ssh_port: Annotated[
        Port, setting("port of SSH; 0 has none (needs the extra ssh)", restart=True)
    ] = 0
    ssh_host_key: Annotated[
        str,
        setting("file of the SSH host key; by default one in the store folder", restart=True),
    ] = ""
    ssh_login_time: Annotated[
        Seconds, setting("seconds from connecting by SSH until the terminal opens")
    ] = 60.0
    store: Annotated[
        Annotated[str, Meta(min_length=1)],
        setting("folder or URL where stores are saved", restart=True, takes="a folder or URL"),
    ] = "store"
    store_sync: Annotated[
        StoreSync,
        setting(
            "full: each save is flushed to the disk; rename: saves are atomic, but not flushed",
            restart=True,
        ),
    ] = "full"
    store_interval: Annotated[
        Seconds, setting("seconds between the groups of saves that save_soon() makes", restart=True)
    ] = 0.02
    store_group_max: Annotated[Count, setting("maximum objects in such a group", restart=True)] = (
        1000
    )

    line_max: Annotated[Count, setting("maximum bytes of a line; the rest is discarded")] = 4096
    subnegotiation_max: Annotated[Count, setting("maximum bytes of a telnet subnegotiation")] = 8192
    inflated_max: Annotated[
        Count,
        setting(
            "maximum bytes that one read of compressed input expands to; beyond, the client is dropped"
        ),
    ] = 1024 * 1024
    input_max: Annotated[
        Count,
        setting("maximum bytes of memory for lines of one client that wait; then reading pauses"),
    ] = 64 * 1024
    stranger_cpu: Annotated[
        Seconds,
        setting("seconds a second for handling what one address sends; what is beyond waits"),
    ] = 0.25
    stranger_memory: Annotated[
        Count,
        setting("maximum bytes held for all strangers, in and out; then the largest is closed"),
    ] = 64 * 1024 * 1024
    connections_max: Annotated[Count, setting("maximum simultaneous connections")] = 10_000
    connections_per_address: Annotated[
        Count,
        setting(
            "maximum simultaneous connections from one address (IPv6: one /64; 4 times as many of a /48)"
        ),
    ] = 100
    connections_per_minute: Annotated[
        Count,
        setting(
            "maximum new connections from one address in a minute (IPv6: one /64; 4 times of a /48)"
        ),
    ] = 6000
    detect_delay: Annotated[
        Seconds,
        setting(
            "seconds in which a browser, TLS client or health check shows itself, before a greeting"
        ),
    ] = 0.02
    tls_detect: Annotated[
        bool,
        setting(
            "serve TLS at the plain telnet port as well, if a peer begins with it", restart=True
        ),
    ] = False
    keep_alive: Annotated[
        Seconds, setting("seconds between keep-alives on a silent connection; 0 sends none")
    ] = 60.0
    compression: Annotated[
        bool, setting("offer compression (MCCP) to clients that connect without TLS")
    ] = False
    output_max: Annotated[
        Count, setting("maximum bytes that wait for a slow client; beyond, it is dropped")
    ] = 1024 * 1024
    prompt_again: Annotated[
        Seconds,
        setting(
            "seconds without output after which a prompt that others' words have followed is sent again"
        ),
    ] = 0.25
    character_mode: Annotated[
        bool,
        setting("edit the line that is typed, for terminals that are not MUD clients"),
    ] = True
    line_rate: Annotated[
        Seconds, setting("lines a second accepted from one client, on average")
    ] = 20.0
    line_burst: Annotated[Count, setting("lines accepted from one client at once")] = 40

    reload: Annotated[
        bool, setting("watch the application's files, and reload when they change", restart=True)
    ] = True
    reload_modules: Annotated[
        tuple[str, ...],
        setting("packages or modules to reload besides the application's own", restart=True),
    ] = ()
    reload_debounce: Annotated[
        Seconds, setting("seconds without a further save before a reload starts", restart=True)
    ] = 0.2
    reload_debounce_max: Annotated[
        Seconds,
        setting("reload at the latest after this many seconds of continuous saving", restart=True),
    ] = 5.0
    reload_retries: Annotated[
        Count, setting("retries when files change while they are being read")
    ] = 20
    reload_patterns: Annotated[
        tuple[str, ...],
        setting("data files of the application to watch as well, such as *.toml", restart=True),
    ] = ()
    reload_poll: Annotated[
        bool,
        setting("look for changes periodically, without the events of the system", restart=True),
    ] = False
    reload_poll_interval: Annotated[
        Annotated[float, Meta(gt=0)], setting("seconds between such looks", restart=True)
    ] = 1.0
    reload_rescan: Annotated[
        Seconds,
        setting("seconds between scans for changes that caused no event", restart=True),
    ] = 10.0
    reload_timeout: Annotated[
        Seconds, setting("seconds after which an import that does not finish is cut off")
    ] = 10.0
    reload_trial: Annotated[
        bool,
        setting(
            "import an edit in a process of its own first, and refuse it if that fails or hangs"
        ),
    ] = False
    reload_keep: Annotated[
        Count, setting("earlier generations of the code kept for service.rollback()")
    ] = 5
    reload_strict: Annotated[
        bool,
        setting(
            "refuse a reload if a value, such as a lambda in a field, cannot be found in the new code"
        ),
    ] = False
    reload_restart_notice: Annotated[
        str, setting("text for a person whose conversation is restarted by a reload")
    ] = "(The code has just changed. Let us start that again.)"

    restart_import_timeout: Annotated[
        Seconds, setting("seconds in which a new process has to import everything at a restart")
    ] = 60.0
    restart_timeout: Annotated[
        Seconds, setting("seconds in which a new process has to take over; bounds the pause")
    ] = 5.0
    restart_drain: Annotated[
        Seconds,
        setting("seconds that a restart waits for code that is at work, before it is refused"),
    ] = 5.0
    restart_rehearsal: Annotated[
        bool, setting("try each restart first with a process that is thrown away")
    ] = True
    restart_notice: Annotated[
        str, setting("text for a person whose conversation is started again by a restart")
    ] = "(The service has just been renewed. Let us start that again.)"
    restart_goodbye: Annotated[
        str, setting("text for a person whose connection cannot be kept at a restart")
    ] = "The service is renewed. Please connect again: you are still logged in."

    control: Annotated[
        bool,
        setting(
            "accept `cletus status`, `shell` and so on, through a socket in the store folder",
            restart=True,
        ),
    ] = True

    cluster: Annotated[
        str,
        setting(
            "URL of Valkey or Redis, for one service on several processes: valkey://host, unix:///path",
            restart=True,
        ),
    ] = ""
    cluster_name: Annotated[
        str,
        setting("name of this service there; by default that of the application", restart=True),
    ] = ""
    cluster_key: Annotated[
        str,
        setting(
            "key that seals what is sent there, 32 bytes in base64; needed unless it is on this machine",
            restart=True,
            secret=True,
        ),
    ] = ""
    cluster_ca: Annotated[
        str,
        setting(
            "PEM file of the certificates to trust there, for valkeys://; by default the system's",
            restart=True,
        ),
    ] = ""
    gateway_name: Annotated[
        str,
        setting(
            "name of this gateway there; by default that of the machine and process", restart=True
        ),
    ] = ""
    cluster_lease: Annotated[
        Annotated[float, Meta(ge=1)],
        setting("seconds of silence after which another process is the primary", restart=True),
    ] = 6.0
    gateway_lease: Annotated[
        Annotated[float, Meta(ge=3)],
        setting(
            "seconds of silence after which a gateway is lost, with its connections", restart=True
        ),
    ] = 6.0
    gateway_drain: Annotated[
        Seconds,
        setting(
            "seconds that a gateway which accepts nobody any more waits for its people; 0: no limit"
        ),
    ] = 3600.0
    session_interval: Annotated[
        Seconds,
        setting(
            "seconds in which the state of everything is kept for the next primary of a cluster; 0: never",
            restart=True,
        ),
    ] = 5.0
    cluster_backlog: Annotated[
        Count,
        setting(
            "maximum bytes kept for the other processes while they cannot be reached", restart=True
        ),
    ] = 64 * 1024 * 1024

    workers: Annotated[
        Count,
        setting(
            "processes that hold the connections, so that they outlive the service; 0: this one does",
            restart=True,
        ),
    ] = 0
    reactor: Annotated[
        Reactor, setting("Twisted's reactor; asyncio for libraries made for asyncio", restart=True)
    ] = "default"
    call_timeout: Annotated[
        Seconds,
        setting(
            "seconds after which a call of the application's code that does not return is cut off"
        ),
    ] = 2.0
    wait_timeout: Annotated[
        Seconds,
        setting("seconds that service.wait_for() waits for an event, unless it is told how long"),
    ] = 3600.0
    language: Annotated[
        str,
        setting("language of texts for people who have chosen none, such as de; empty: English"),
    ] = ""
    error_notice: Annotated[
        str, setting("text for a person whose line caused an error in the code")
    ] = "Something went wrong here. It has been logged."
    stop_notice: Annotated[str, setting("text for everybody when the service stops")] = (
        "The service is going down. Goodbye!"
    )
    close_timeout: Annotated[
        Seconds,
        setting("seconds that a closed client has for its last output and its unfinished listener"),
    ] = 2.0
    stop_timeout: Annotated[
        Seconds,
        setting(
            "seconds that threads have to end after a stop; the process then ends without them"
        ),
    ] = 10.0

    log_format: Annotated[
        LogFormat,
        setting("format of the log: text, colour (for a terminal), or json (one object a line)"),
    ] = "text"
    log_levels: Annotated[
        tuple[LevelRule, ...],
        setting(
            "lowest level to log, of everything (debug) or of a part (cletus.reload=debug)",
            takes="LEVEL or NAMESPACE=LEVEL, where LEVEL is debug, info, warn, error or critical",
        ),
    ] = ()
    metrics_port: Annotated[
        Port, setting("port of the metrics for Prometheus; 0 turns them off", restart=True)
    ] = 0
    metrics_host: Annotated[str, setting("address of the metrics", restart=True)] = "127.0.0.1"

    # Of contrib.users; 0 means no limit, and that a user leaves at once when the connection breaks.
    users_login_time: Annotated[
        Seconds, setting("seconds to log in, before the connection is closed")
    ] = 120.0
    users_strangers_per_address: Annotated[
        Count, setting("maximum people of one address who are logging in at the same time")
    ] = 20
    users_reserve_deleted: Annotated[
        bool, setting("keep the names of deleted accounts, so that nobody else can have them")
    ] = False
    users_accounts_per_hour: Annotated[
        Count, setting("maximum new accounts from one address in an hour")
    ] = 10
    users_newcomer_time: Annotated[
        Seconds, setting("seconds for which a new account counts as a newcomer's")
    ] = 86400.0
    linkdead_timeout: Annotated[
        Seconds, setting("seconds that a user stays logged in after the connection broke")
    ] = 120.0
    moderation_history_bytes: Annotated[
        Count, setting("bytes of the chat history of contrib.moderation; 0 for no history")
    ] = 262_144
    moderation_history_time: Annotated[
        Seconds, setting("seconds for which the chat history is kept; 0 for no history")
    ] = 86_400.0
    channels_max_owned: Annotated[Count, setting("maximum channels that one account may have")] = 5
    screen_lines_per_account: Annotated[
        Seconds,
        setting("lines a second that one account puts on others' screens (80 bytes a line)"),
    ] = 20.0
    screen_lines_per_address: Annotated[
        Seconds, setting("lines a second that all people of one address put on others' screens")
    ] = 40.0
    screen_lines_of_newcomers: Annotated[
        Seconds,
        setting("lines a second that guests and newcomers of one address put on others' screens"),
    ] = 10.0
    screen_lines_per_room: Annotated[
        Seconds,
        setting("lines a second in one room or channel, or to one person, of all who speak"),
    ] = 100.0

    def __repr__(self) -> str:
        """As Python writes it, with ``***`` for secrets."""
        shown = ", ".join(f"{name}={value!r}" for name, value in shown_of(self).items())
        return f"{type(self).__name__}({shown})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """As ``repr()``, for rich."""
        return list(shown_of(self).items())


def describe(type: type[Settings] = Settings) -> Iterator[tuple[str, Any, Any, str]]:  # noqa: A002 - what it is
    """Each setting as (name, type, default, help), in the order of declaration.

    The default of a secret setting is ``"***"``, unless it is empty.
    """
    hints = get_type_hints(type, include_extras=True)
    for field in msgspec.structs.fields(type):
        hint = hints[field.name]
        metas = getattr(hint, "__metadata__", ())
        text = next((meta.description for meta in reversed(metas) if meta.description), "")
        default = SECRET if field.default and _extra(hint, "secret") else field.default
        yield field.name, hint, default, text


def needs_restart(type: type[Settings] = Settings) -> frozenset[str]:  # noqa: A002 - as above
    """The names of the settings whose change waits for a restart."""
    return frozenset(name for name, hint in _hints_of(type).items() if _extra(hint, "restart"))


def shown_of(settings: Settings) -> dict[str, Any]:
    """The settings as people may see them: secrets, and passwords in URLs, are ``***``."""
    hints = _hints_of(type(settings))
    return {
        name: _shown(value, hints[name]) for name, value in msgspec.structs.asdict(settings).items()
    }


def _shown(value: Any, hint: Any) -> Any:
    if value and _extra(hint, "secret"):
        return SECRET
    return without_passwords(value) if isinstance(value, str) else value


def _extra(hint: Any, name: str) -> Any:
    """What ``setting()`` says about the type of a setting, or ``None``."""
    metas = getattr(hint, "__metadata__", ())
    return next((meta.extra[name] for meta in metas if (meta.extra or {}).get(name)), None)


#: Where settings come from; later ones win.
SOURCES = (
    "preset",  # --dev or --production: other defaults
    "file",
    "environment",
    "module body",  # service.configure() there; a reload runs it again
    "service.configure()",
    "service.run()",
    "command line",
)

#: The settings whose relative path is relative to the application.
_PATHS = frozenset({"store", "web_folder"})

#: The sources in which a relative path is relative to the current folder, as people type it in a shell.
_SHELL = frozenset({"environment", "command line"})

#: The sources that are Python code, where a ``DeprecationWarning`` is seen.
_CODE = frozenset({"module body", "service.configure()", "service.run()"})


def beside(path: Any, folder: Path) -> Any:
    """A setting such as ``store`` as an absolute path, if it is a relative one, or ``sqlite:`` with one.

    It lies beside the application, wherever the command is called from. (Not beside one that is
    installed: nobody looks for data among packages.)

    Args:
        path: a path or a URL.
        folder: the one beside the application.
    """
    if not isinstance(path, str) or not path or folder.name in {"site-packages", "dist-packages"}:
        return path
    if not _URL.match(path):
        return str(folder.absolute() / path)
    scheme, _, file = path.partition(":")
    if scheme.lower() == "sqlite" and file and not file.startswith("/"):
        return f"sqlite://{quote(str(folder.absolute() / unquote(file)))}"
    return path


_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


class Sources:
    """What each source says about the settings, and the resulting settings.

    Args:
        type: the class of the settings; an application may have its own.

    Attributes:
        folder: where the settings file is, or ``None`` before ``read_file()``.
    """

    def __init__(self, type: type[Settings] = Settings) -> None:  # noqa: A002 - as above
        self.type = type
        self.folder: Path | None = None
        self._changes: dict[str, dict[str, Any]] = {source: {} for source in SOURCES}

    def update(self, source: str, changes: Mapping[str, Any]) -> Settings:
        """Add settings of one of the ``SOURCES``; returns the resulting settings.

        Raises:
            SettingError: a name is unknown, or a value is of the wrong type; nothing is added.
        """
        self._changes[source].update(self._checked(source, changes))
        return self.settings()

    def settings(self) -> Settings:
        """All sources taken together."""
        settings = self.type()
        settings = msgspec.structs.replace(settings, **self._beside({"store": settings.store}))
        for source, changes in self._changes.items():
            settings = merge(
                settings, changes if source in _SHELL else self._beside(changes), source
            )
        return settings

    def _beside(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """The same, with absolute paths for what lies beside the application."""
        if self.folder is None:
            return dict(changes)
        return {
            name: beside(value, self.folder) if name in _PATHS else value
            for name, value in changes.items()
        }

    def replace(self, source: str, changes: Mapping[str, Any]) -> None:
        """Replace all settings of one of the ``SOURCES``. Raises as ``update`` does."""
        self._changes[source] = self._checked(source, changes)

    def read_file(self, folder: Path | None) -> None:
        """Read the settings file in this folder, if there is one; ``None`` reads nothing.

        Raises:
            SettingError: the file cannot be read, a name is unknown, or a value is of the wrong type.
                The source is the file, with line and column.
        """
        self.folder = folder
        if folder is None:
            return
        settings = from_folder(folder)
        try:
            self.replace("file", settings)
        except SettingError as error:
            source = position_in(folder, error.name)
            raise SettingError(error.name, error.reason, source=source) from None

    def set_elsewhere(self) -> dict[str, dict[str, Any]]:
        """What is set neither by the code nor by the file, by source, as plain values."""
        return {
            source: msgspec.to_builtins(changes, enc_hook=str)
            for source, changes in self._changes.items()
            if source not in {"file", "environment", "module body"}
        }

    def is_set(self, name: str) -> bool:
        """Whether any source but a preset sets this setting."""
        return any(
            name in changes for source, changes in self._changes.items() if source != "preset"
        )

    def copy(self) -> Sources:
        """A copy, to try changes on."""
        other = Sources(self.type)
        other.folder = self.folder
        other._changes = {source: dict(changes) for source, changes in self._changes.items()}
        return other

    def _checked(self, source: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        """The changes, if they are right, under the names that settings have now."""
        current = _with_new_names(self.type, changes, source)
        merge(self.type(), current, source)
        return current


def merge(settings: Settings, changes: Mapping[str, Any], source: str) -> Settings:
    """Apply changes to settings.

    Args:
        settings: they are not modified.
        changes: values by name; texts are converted, as they come from command lines.
        source: where the changes come from, for errors: ``"service.run()"``.

    Raises:
        SettingError: a name is unknown, or a value is of the wrong type.
    """
    if not changes:
        return settings
    known = _hints_of(type(settings))
    checked = {}
    for name, value in _with_new_names(type(settings), changes, source).items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"is unknown; did you mean {near[0]!r}?" if near else "is unknown"
            raise SettingError(name, hint, source=source)
        checked[name] = _convert(name, value, known[name], source)
    return msgspec.structs.replace(settings, **checked)


def _with_new_names(
    type: type[Settings],  # noqa: A002 - as above
    changes: Mapping[str, Any],
    source: str,
) -> dict[str, Any]:
    """Replace old names of settings by new ones, and warn about each.

    Only code shows a ``DeprecationWarning`` to somebody, so that for other sources there is a log line.
    """
    renamed = {}
    known = _hints_of(type)
    for name, value in changes.items():
        new = SETTINGS.get(name)
        if new is None or name in known:  # an application may have one of that name
            continue
        renamed[new] = value
        warn(f"{source}: setting {name!r}", repr(new), stacklevel=7)
        if source not in _CODE:
            _log.warn(
                "{source}: setting {old!r} is now called {new!r}", source=source, old=name, new=new
            )
    if not renamed:
        return dict(changes)
    kept = {name: value for name, value in changes.items() if name in known or name not in SETTINGS}
    return {**renamed, **kept}


#: Each reload merges settings, in its pause; to look up all these types takes milliseconds.
_HINTS: WeakKeyDictionary[type[Settings], dict[str, Any]] = WeakKeyDictionary()


def _hints_of(type: type[Settings]) -> dict[str, Any]:  # noqa: A002 - as above
    hints = _HINTS.get(type)
    if hints is None:
        hints = _HINTS[type] = {name: hint for name, hint, _, _ in describe(type)}
    return hints


def _choices(hint: Any) -> tuple[str, ...]:
    """The values of a ``Literal``; of another type, none."""
    bare = hint.__origin__ if hasattr(hint, "__metadata__") else hint
    return get_args(bare) if get_origin(bare) is Literal else ()


def _convert(name: str, value: Any, hint: Any, source: str) -> Any:
    if isinstance(value, str) and "tuple" in str(hint):
        # A variable of the environment is a single text.
        value = [part.strip() for part in value.split(",") if part.strip()]
    try:
        return msgspec.convert(value, hint, strict=False)
    except msgspec.ValidationError as error:
        takes = _extra(hint, "takes") or " or ".join(_choices(hint))
        reason = f"it takes {takes}" if takes else str(error)
        shown = _shown(value, hint)
        if shown is SECRET:  # the message of msgspec may quote it
            reason = "its value is of the wrong type"
        words = f"cannot be {shown if shown is SECRET else repr(shown)}: {reason}"
        raise SettingError(name, words, source=source) from None


__getattr__ = names_of(__name__)
