"""Where the engine of a cluster is: the setting ``cluster``, parsed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint, wrapClientTLS

from cletus.errors import SettingError

#: Seconds after which an attempt to connect is given up.
_CONNECT: Final = 3.0

_PORT: Final = 6379
_TLS: Final = frozenset({"valkeys", "rediss"})
_SCHEMES: Final = _TLS | {"valkey", "redis"}


@dataclass(frozen=True, slots=True)
class Address:
    """Where the engine is: what the setting ``cluster`` says.

    Attributes:
        host: empty for a Unix socket.
        port: of TCP.
        path: of a Unix socket, else empty.
        database: number of the database in the engine.
        username: empty for the default user.
        password: empty if there is none.
        tls: whether the connection is encrypted.
    """

    host: str = "127.0.0.1"
    port: int = _PORT
    path: str = ""
    database: int = 0
    username: str = ""
    password: str = ""
    tls: bool = False

    @property
    def is_local(self) -> bool:
        """Whether what is sent there stays on this machine."""
        return bool(self.path) or self.host in {"localhost", "::1"} or self.host.startswith("127.")

    def __str__(self) -> str:
        """For people: without a password."""
        return self.path or f"{self.host}:{self.port}"

    @classmethod
    def of(cls, url: str) -> Address:
        """Parse ``valkey://[user:password@]host[:port][/database]`` or ``unix:///path[?database=1]``.

        Raises:
            SettingError: it is not such a URL.
        """
        try:
            parts = urlsplit(url)
            given: dict[str, Any] = {
                "username": unquote(parts.username or ""),
                "password": unquote(parts.password or ""),
            }
            if parts.scheme == "unix":
                number = parse_qs(parts.query).get("database", ["0"])[0]
                return cls("", 0, _path_of(parts.path), int(number), **given)
            if parts.scheme not in _SCHEMES or not parts.hostname:
                raise ValueError(url)
            return cls(
                parts.hostname,
                _PORT if parts.port is None else parts.port,
                database=int(parts.path.strip("/") or 0),
                tls=parts.scheme in _TLS,
                **given,
            )
        except ValueError:
            reason = "is not a URL such as valkey://host, valkeys://user:password@host:6379/0 or unix:///path"
            raise SettingError("cluster", reason) from None

    def endpoint(self, reactor: Any, authority: str = "") -> Any:
        """Twisted's client endpoint that connects to it.

        Args:
            reactor: Twisted's.
            authority: PEM file of the certificates that are trusted for TLS; empty: the system's.

        Raises:
            SettingError: TLS needs packages that are not installed, or the file cannot be used.
        """
        if self.path:
            return UNIXClientEndpoint(reactor, self.path, timeout=_CONNECT)
        endpoint: Any = HostnameEndpoint(
            reactor, self.host.encode("idna"), self.port, timeout=_CONNECT
        )
        return wrapClientTLS(_tls_options(self.host, authority), endpoint) if self.tls else endpoint


def _path_of(path: str) -> str:
    if not path:
        raise ValueError("no path")
    return unquote(path)


def _tls_options(host: str, authority: str) -> Any:
    try:
        from OpenSSL import crypto  # noqa: PLC0415 - an extra, `tls`
        from twisted.internet import ssl  # noqa: PLC0415 - needs it, too
    except ImportError:
        reason = "needs TLS, which is not installed: pip install 'cletus-live[tls]'"
        raise SettingError("cluster", reason) from None
    if not authority:
        return ssl.optionsForClientTLS(host)
    try:
        trusted = ssl.trustRootFromCertificates(
            [ssl.Certificate.loadPEM(block) for block in _blocks(Path(authority).read_bytes())]
        )
    except (OSError, ValueError, crypto.Error) as error:
        raise SettingError("cluster_ca", f"cannot be used: {error}") from None
    return ssl.optionsForClientTLS(host, trustRoot=trusted)


def _blocks(pem: bytes) -> list[bytes]:
    end = b"-----END CERTIFICATE-----"
    blocks = [block + end for block in pem.split(end)[:-1]]
    if not blocks:
        raise ValueError("there is no certificate in it")
    return blocks
