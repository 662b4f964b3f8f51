"""Settings that are of the right type and make no sense all the same: files, folders, addresses."""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from twisted.internet.endpoints import serverFromString

from cletus.check.finding import Finding, Place, error, warning
from cletus.check.target import Subject
from cletus.doors.admission import ConnectionLimiter
from cletus.doors.configured import DOOR_TYPES
from cletus.doors.tls import CertificateFiles
from cletus.errors import CertificateError, SettingError, StoreUnusable
from cletus.storage import backend_for
from cletus.storage.backends.json_files import JsonFiles

#: Days before its end from which on a certificate is worth a warning.
_SOON = 14


def check_settings(subject: Subject) -> Iterator[Finding]:
    """Everything about the settings in force that can be found out without opening anything."""
    for check in (_store, _listen, _ports, _tls, _proxies, _modules):
        yield from check(subject)


def _store(subject: Subject) -> Iterator[Finding]:
    try:
        home = backend_for(subject.service.settings)
    except StoreUnusable as refused:
        yield _wrong("store", str(refused), "name a folder, or install what knows the URL")
        return
    if isinstance(home, JsonFiles):
        for path, reason in _unusable_folders(Path(home.folder)):
            what = f"{path} {reason}, so the service cannot start"
            todo = "give the user of the service permission, or set `store` to another folder"
            yield _wrong("store", what, todo)


def _unusable_folders(folder: Path) -> Iterator[tuple[Path, str]]:
    """Folders that the start would refuse, and why. Those that are missing are made by the start."""
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        yield existing, "is no folder"
    elif not _may(existing, os.W_OK | os.X_OK):
        yield existing, "is not writable"
    elif existing == folder:
        if not _may(folder, os.R_OK):
            yield folder, "is not readable"
            return
        for one in sorted(folder.iterdir()):
            usable = _may(one, os.R_OK | os.W_OK | os.X_OK)
            if one.is_dir() and one.name.isidentifier() and not usable:
                yield one, "is not readable and writable"


def _may(path: Path, mode: int) -> bool:
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def _listen(subject: Subject) -> Iterator[Finding]:
    for entry in subject.service.settings.listen:
        name, _, endpoint = entry.partition(":")
        if name not in DOOR_TYPES or not endpoint:
            known = " or ".join(f"{kind}:..." for kind in DOOR_TYPES)
            todo = f"say {known}, such as telnet:tcp:9000"
            yield _wrong("listen", f"{entry!r} names no door", todo)
            continue
        try:
            serverFromString(subject.reactor, endpoint)
        except Exception as refused:  # noqa: BLE001 - each kind of endpoint has its own ways of refusing
            what = f"{endpoint!r} in {entry!r} is no endpoint of Twisted's: {refused}"
            yield _wrong("listen", what, "write it as tcp:9000:interface=127.0.0.1 or unix:/path")


def _ports(subject: Subject) -> Iterator[Finding]:
    settings = subject.service.settings
    doors = [("port", settings.host, settings.port)] if not settings.listen else []
    wants_tls = settings.tls_certificate or settings.tls_self_signed
    if wants_tls and not any(entry.startswith("tls:") for entry in settings.listen):
        doors.append(("tls_port", settings.host, settings.tls_port))
    doors.append(("metrics_port", settings.metrics_host, settings.metrics_port))
    taken: dict[tuple[str, int], str] = {}
    for name, host, port in doors:
        other = taken.setdefault((host, port), name)
        if port and other != name:
            what = f"{other} and {name} are both {port}"
            yield _wrong(name, what, "give each a port of its own", name="port-twice")


def _tls(subject: Subject) -> Iterator[Finding]:
    settings = subject.service.settings
    wanted = settings.tls_certificate or settings.tls_self_signed
    if wanted and find_spec("OpenSSL") is None:
        what = "TLS is wanted, and pyOpenSSL is not installed"
        yield _wrong("tls_certificate", what, "pip install 'cletus-live[tls]'")
    elif settings.tls_certificate:
        try:
            CertificateFiles(settings.tls_certificate, settings.tls_key, time.monotonic)
        except CertificateError as refused:
            todo = "give a PEM file with the certificate and its chain, and its own key"
            yield _wrong("tls_certificate", str(refused), todo)
        else:
            yield from _expiry(Path(settings.tls_certificate))
    elif settings.tls_key:
        what = "there is a tls_key and no tls_certificate, so there is no TLS"
        yield warning("tls-key", what, "set tls_certificate, too", Place("setting tls_key"))


def _expiry(path: Path) -> Iterator[Finding]:
    from cryptography import x509  # noqa: PLC0415 - an extra; the certificate was read with it

    end = x509.load_pem_x509_certificates(path.read_bytes())[0].not_valid_after_utc
    left = end - datetime.datetime.now(datetime.UTC)
    if left < datetime.timedelta(days=_SOON):
        when = f"{end:%Y-%m-%d}"
        what = f"the certificate {'ends' if left.total_seconds() > 0 else 'has ended'} on {when}"
        yield warning(
            "tls-expiry", what, "renew it; it is read again when it changes", Place(str(path))
        )


def _proxies(subject: Subject) -> Iterator[Finding]:
    try:
        ConnectionLimiter(subject.service)
    except SettingError as wrong:
        yield _wrong("proxy_from", f"proxy_from {wrong.reason}", "give addresses or networks")


def _modules(subject: Subject) -> Iterator[Finding]:
    names = subject.service.settings.reload_modules
    try:
        subject.service.session.application = subject.application.including(names)
    except Exception as refused:  # noqa: BLE001 - importing them runs code of others
        what = f"reload_modules names what cannot be imported: {type(refused).__name__}: {refused}"
        yield _wrong("reload_modules", what, "name packages or modules that can be imported")


def _wrong(setting: str, what: str, todo: str, *, name: str = "") -> Finding:
    return error(name or setting.replace("_", "-"), what, todo, Place(f"setting {setting}"))
