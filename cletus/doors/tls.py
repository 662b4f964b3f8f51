"""TLS for a door: the certificate in its files, read again when they change, or a self-signed one.

TLS itself is OpenSSL's, by way of Twisted. It is an extra (``pip install 'cletus-live[tls]'``) and is
loaded when a TLS door is opened: ten megabytes that a plain service does not need.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.logger import Logger
from zope.interface import implementer

from cletus.errors import CertificateError

if TYPE_CHECKING:
    from cletus.doors.admission import ConnectionLimiter
    from cletus.reactor.shares import Shares
    from cletus.service.service import Service

CHECK_INTERVAL = 1.0
"""Seconds between two checks whether the files have changed."""

_VALID = datetime.timedelta(days=30)  # of a self-signed certificate

_HTTP = b"http/1.1"

_Stamp = tuple[tuple[int, int, int], ...]

_log = Logger()


#: A service's doors have one, so that a person is asked once whether to trust it.
_self_signed: WeakKeyDictionary[Service, SelfSigned] = WeakKeyDictionary()


def encrypted(
    factory: Any,
    service: Service,
    host: str,
    handshakes: ConnectionLimiter,
    shares: Shares,
) -> Any:
    """A factory whose connections are those of ``factory``, over TLS.

    Args:
        factory: Twisted's.
        service: its settings name the files of the certificate, or ask for a self-signed one.
        host: the name in a self-signed certificate.
        handshakes: counts the peers that have not done their handshake.
        shares: of which each connection gets one.

    Raises:
        CertificateError: there is no certificate that can be used, or no OpenSSL.
    """
    certificate: Any = certificate_of(service, host)
    connections = import_module("cletus.doors.tls_connection")  # now, since it imports OpenSSL
    return connections.TlsFactory(certificate, factory, service.reactor, handshakes, shares)


def certificate_of(service: Service, host: str) -> CertificateFiles | SelfSigned:
    """What makes OpenSSL's side of each connection, for Twisted's ``startTLS()``; see ``encrypted()``."""
    settings = service.settings
    if settings.tls_certificate:
        return CertificateFiles(settings.tls_certificate, settings.tls_key, service.reactor.seconds)
    if not settings.tls_self_signed:
        raise CertificateError("TLS", "needs --tls-certificate, or --tls-self-signed to try it")
    certificate = _self_signed.get(service)
    if certificate is not None:
        return certificate
    certificate = _self_signed[service] = SelfSigned(host)
    _log.warn(
        "a self-signed certificate, for trying out; its SHA-256 is {fingerprint}",
        fingerprint=certificate.fingerprint,
    )
    return certificate


@implementer(IOpenSSLServerConnectionCreator)
class CertificateFiles:
    """A certificate in files: each connection gets the newest that can be used.

    Args:
        certificate: path of a PEM file: the certificate and then its chain.
        key: path of a PEM file with its key; empty if the key is in the same file.
        seconds: the reactor's clock.

    Raises:
        CertificateError: they cannot be used.
    """

    log = Logger()

    def __init__(self, certificate: str, key: str, seconds: Callable[[], float]) -> None:
        self._paths = (Path(certificate), Path(key or certificate))
        self._seconds = seconds
        self._checked_at = seconds()
        self._stamp = self._stamp_now()
        self._context = self._read()

    def serverConnectionForTLS(self, tlsProtocol: Any) -> Any:  # noqa: N803 - Twisted's name
        """Twisted's: the OpenSSL side of one new connection."""
        now = self._seconds()
        if now - self._checked_at >= CHECK_INTERVAL:
            self._checked_at = now
            self._renew()
        return _openssl().Connection(self._context, None)

    def _renew(self) -> None:
        stamp = self._stamp_now()
        if stamp == self._stamp:
            return
        try:
            self._context = self._read()
        except CertificateError as error:  # half written, perhaps; the old one can still be used
            self.log.error("{error}; the former certificate stays in use", error=str(error))
        else:
            self.log.info("{path} was read again", path=str(self._paths[0]))
        self._stamp = stamp

    def _stamp_now(self) -> _Stamp:
        return tuple(map(_stamp_of, self._paths))

    def _read(self) -> Any:
        certificate, key = self._paths
        try:
            return _context(certificate.read_bytes(), key.read_bytes())
        except CertificateError as error:
            raise CertificateError(str(certificate), error.reason) from error
        except OSError as error:
            raise CertificateError(str(error.filename), error.strerror or str(error)) from error


@implementer(IOpenSSLServerConnectionCreator)
class SelfSigned:
    """A self-signed certificate, created now and kept in memory only.

    Args:
        host: the name in it.

    Attributes:
        fingerprint: its SHA-256, for people to compare.
    """

    def __init__(self, host: str) -> None:
        pem, self.fingerprint = self_signed(host)
        self._context = _context(pem, pem)

    def serverConnectionForTLS(self, tlsProtocol: Any) -> Any:  # noqa: N803 - Twisted's name
        """Twisted's: the OpenSSL side of one new connection."""
        return _openssl().Connection(self._context, None)


def _stamp_of(path: Path) -> tuple[int, int, int]:
    try:
        status = os.stat(path)
    except OSError:
        return 0, 0, 0
    return status.st_mtime_ns, status.st_size, status.st_ino


def _openssl() -> Any:
    try:
        from OpenSSL import SSL  # noqa: PLC0415 - an extra, see the top of this module
    except ImportError as error:
        raise CertificateError("TLS", "needs pyOpenSSL: pip install 'cletus-live[tls]'") from error
    return SSL


def _context(certificate: bytes, key: bytes) -> Any:
    """A context of OpenSSL, with Twisted's choice of protocol versions and ciphers.

    Raises:
        CertificateError: these are not a certificate and its key.
    """
    openssl = _openssl()
    from cryptography import x509  # noqa: PLC0415 - an extra, see the top of this module
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - so is this
        load_pem_private_key,
    )
    from twisted.internet.ssl import CertificateOptions  # noqa: PLC0415 - it imports OpenSSL

    try:
        own, *chain = x509.load_pem_x509_certificates(certificate)
        context = CertificateOptions().getContext()
        # Twisted's own callback asks for attributes that only Twisted's connections have, and so it
        # refuses every client that offers ALPN, as browsers and curl do.
        context.set_alpn_select_callback(_select_protocol)
        context.use_certificate(own)
        for issuer in chain:
            context.add_extra_chain_cert(issuer)
        private: Any = load_pem_private_key(key, None)
        context.use_privatekey(private)
        context.check_privatekey()
    except (openssl.Error, ValueError, TypeError) as error:
        raise CertificateError("", f"cannot be used: {error}") from error
    return context


def _select_protocol(_connection: Any, offered: list[bytes]) -> Any:
    """ALPN (RFC 7301): the web door speaks HTTP/1.1, and telnet has no name there."""
    return _HTTP if _HTTP in offered else _openssl().NO_OVERLAPPING_PROTOCOLS


def self_signed(host: str) -> tuple[bytes, str]:
    """A new key and certificate for this machine in one PEM text, and the fingerprint."""
    _openssl()
    from cryptography import x509  # noqa: PLC0415 - an extra, see the top of this module
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415 - so is this
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - and this

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host[:64] or "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names = dict.fromkeys((host or "localhost", "localhost"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectAlternativeName(list(map(x509.DNSName, names))), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    pem = private + certificate.public_bytes(serialization.Encoding.PEM)
    return pem, certificate.fingerprint(hashes.SHA256()).hex(":").upper()
