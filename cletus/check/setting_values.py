"""Settings whose values have the right type, but cannot work: files, folders, addresses."""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from twisted.internet.endpoints import serverFromString

from cletus.check.finding import Finding, Location, error, warning
from cletus.check.target import Target
from cletus.doors.admission import ConnectionLimiter
from cletus.doors.configured import DOOR_TYPES
from cletus.doors.tls import CertificateFiles
from cletus.errors import CertificateError, SettingError, StoreUnusable
from cletus.storage import backend_for
from cletus.storage.backends.json_files import JsonFiles

#: Days before a certificate expires in which there is a warning.
_EXPIRES_SOON = 14


def check_settings(target: Target) -> Iterator[Finding]:
    """Check the settings as far as that is possible without opening anything."""
    for check in (_store, _listen, _ports, _tls, _proxies, _modules):
        yield from check(target)


def _store(target: Target) -> Iterator[Finding]:
    try:
        backend = backend_for(target.service.settings)
    except StoreUnusable as refused:
        yield _wrong("store", str(refused), "name a folder, or install the package for this URL")
        return
    if isinstance(backend, JsonFiles):
        for path, reason in _unusable_folders(Path(backend.folder)):
            message = f"{path} {reason}, so the service cannot start"
            todo = "give the user of the service permission, or set `store` to another folder"
            yield _wrong("store", message, todo)


def _unusable_folders(folder: Path) -> Iterator[tuple[Path, str]]:
    """Folders that the start would refuse, and why. Missing folders are created at the start."""
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        yield existing, "is not a folder"
    elif not _may(existing, os.W_OK | os.X_OK):
        yield existing, "is not writable"
    elif existing == folder:
        if not _may(folder, os.R_OK):
            yield folder, "is not readable"
            return
        for path in sorted(folder.iterdir()):
            usable = _may(path, os.R_OK | os.W_OK | os.X_OK)
            if path.is_dir() and path.name.isidentifier() and not usable:
                yield path, "is not readable and writable"


def _may(path: Path, mode: int) -> bool:
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def _listen(target: Target) -> Iterator[Finding]:
    for entry in target.service.settings.listen:
        name, _, endpoint = entry.partition(":")
        if name not in DOOR_TYPES or not endpoint:
            known = " or ".join(f"{kind}:..." for kind in DOOR_TYPES)
            todo = f"write {known}, such as telnet:tcp:9000"
            yield _wrong("listen", f"{entry!r} does not name a door", todo)
            continue
        try:
            serverFromString(target.reactor, endpoint)
        except Exception as refused:  # noqa: BLE001 - each type of endpoint raises errors of its own
            message = f"{endpoint!r} in {entry!r} is not an endpoint of Twisted: {refused}"
            yield _wrong(
                "listen", message, "write it as tcp:9000:interface=127.0.0.1 or unix:/path"
            )


def _ports(target: Target) -> Iterator[Finding]:
    settings = target.service.settings
    doors = [("port", settings.host, settings.port)] if not settings.listen else []
    wants_tls = settings.tls_certificate or settings.tls_self_signed
    if wants_tls and not any(entry.startswith("tls:") for entry in settings.listen):
        doors.append(("tls_port", settings.host, settings.tls_port))
    doors.append(("metrics_port", settings.metrics_host, settings.metrics_port))
    taken: dict[tuple[str, int], str] = {}
    for name, host, port in doors:
        other = taken.setdefault((host, port), name)
        if port and other != name:
            message = f"{other} and {name} are both {port}"
            yield _wrong(name, message, "give each a port of its own", name="port-twice")


def _tls(target: Target) -> Iterator[Finding]:
    settings = target.service.settings
    is_set = settings.tls_certificate or settings.tls_self_signed
    if is_set and find_spec("OpenSSL") is None:
        message = "TLS is set, but pyOpenSSL is not installed"
        yield _wrong("tls_certificate", message, "pip install 'cletus-live[tls]'")
    elif settings.tls_certificate:
        try:
            CertificateFiles(settings.tls_certificate, settings.tls_key, time.monotonic)
        except CertificateError as refused:
            todo = (
                "give a PEM file with the certificate and its chain, and the key that belongs to it"
            )
            yield _wrong("tls_certificate", str(refused), todo)
        else:
            yield from _expiry(Path(settings.tls_certificate))
    elif settings.tls_key:
        message = "tls_key is set without tls_certificate, so there is no TLS"
        yield warning("tls-key", message, "set tls_certificate, too", Location("setting tls_key"))


def _expiry(path: Path) -> Iterator[Finding]:
    from cryptography import x509  # noqa: PLC0415 - an extra; the certificate was read with it

    end = x509.load_pem_x509_certificates(path.read_bytes())[0].not_valid_after_utc
    left = end - datetime.datetime.now(datetime.UTC)
    if left < datetime.timedelta(days=_EXPIRES_SOON):
        when = f"{end:%Y-%m-%d}"
        message = (
            f"the certificate {'expires' if left.total_seconds() > 0 else 'expired'} on {when}"
        )
        yield warning(
            "tls-expiry", message, "renew it; it is read again when it changes", Location(str(path))
        )


def _proxies(target: Target) -> Iterator[Finding]:
    try:
        ConnectionLimiter(target.service)
    except SettingError as wrong:
        message, todo = f"{wrong.name} {wrong.reason}", "give addresses or networks"
        if wrong.name == "web_proxies":
            yield _wrong("web_proxies", message, todo)
        else:
            yield _wrong("proxy_from", message, todo)


def _modules(target: Target) -> Iterator[Finding]:
    names = target.service.settings.reload_modules
    try:
        target.service.session.application = target.application.including(names)
    except Exception as refused:  # noqa: BLE001 - importing them runs their code
        message = (
            f"a module in reload_modules cannot be imported: {type(refused).__name__}: {refused}"
        )
        yield _wrong("reload_modules", message, "name packages or modules that can be imported")


def _wrong(setting: str, message: str, todo: str, *, name: str = "") -> Finding:
    return error(name or setting.replace("_", "-"), message, todo, Location(f"setting {setting}"))
