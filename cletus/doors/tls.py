"""The certificate of a TLS door: read from files, read again when they change, or made up.

TLS itself is OpenSSL's, by way of Twisted. It is an extra (``pip install 'cletus-live[tls]'``) and is
loaded when a TLS door is opened: ten megabytes that a plain service does not need.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.logger import Logger
from zope.interface import implementer

from cletus.errors import CertificateError

LOOK_INTERVAL = 1.0
"""Seconds between two looks at whether the files have changed."""

_VALID = datetime.timedelta(days=30)  # of a certificate that is for trying out

_Stamp = tuple[tuple[int, int, int], ...]


@implementer(IOpenSSLServerConnectionCreator)
class CertificateFiles:
    """A certificate in files, always the newest that is usable.

    Args:
        certificate: path of a PEM file: the certificate and then its chain.
        key: path of a PEM file with its key; it may be the same file.
        seconds: the reactor's clock.

    Raises:
        CertificateError: they cannot be used.
    """

    log = Logger()

    def __init__(self, certificate: str, key: str, seconds: Callable[[], float]) -> None:
        self._paths = (Path(certificate), Path(key or certificate))
        self._seconds = seconds
        self._looked = seconds()
        self._stamp = self._look()
        self._context = self._read()

    def serverConnectionForTLS(self, tlsProtocol: Any) -> Any:  # noqa: N803 - Twisted's name
        """Twisted's: the OpenSSL side of one new connection."""
        now = self._seconds()
        if now - self._looked >= LOOK_INTERVAL:
            self._looked = now
            self._renew()
        return _openssl().Connection(self._context, None)

    def _renew(self) -> None:
        stamp = self._look()
        if stamp == self._stamp:
            return
        try:
            self._context = self._read()
        except CertificateError as error:  # half written, perhaps: the old one is still good
            self.log.error("{error}; the one in use stays so", error=str(error))
        else:
            self.log.info("{path} is read anew", path=str(self._paths[0]))
        self._stamp = stamp

    def _look(self) -> _Stamp:
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
    """A certificate that nobody has signed, made now and kept in memory only.

    Attributes:
        fingerprint: its SHA-256, for people to compare.
    """

    def __init__(self, host: str) -> None:
        pem, self.fingerprint = _make(host)
        self._context = _context(pem, pem)

    def serverConnectionForTLS(self, tlsProtocol: Any) -> Any:  # noqa: N803 - Twisted's name
        """Twisted's: the OpenSSL side of one new connection."""
        return _openssl().Connection(self._context, None)


def _stamp_of(path: Path) -> tuple[int, int, int]:
    try:
        found = os.stat(path)
    except OSError:
        return 0, 0, 0
    return found.st_mtime_ns, found.st_size, found.st_ino


def _openssl() -> Any:
    try:
        from OpenSSL import SSL  # noqa: PLC0415 - an extra, see the top of this module
    except ImportError as error:
        raise CertificateError("TLS", "needs pyOpenSSL: pip install 'cletus-live[tls]'") from error
    return SSL


def _context(certificate: bytes, key: bytes) -> Any:
    """OpenSSL's context, with Twisted's choice of protocol versions and ciphers.

    Raises:
        CertificateError: these are no certificate and its key.
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
        context.use_certificate(own)
        for one in chain:
            context.add_extra_chain_cert(one)
        private: Any = load_pem_private_key(key, None)
        context.use_privatekey(private)
        context.check_privatekey()
    except (openssl.Error, ValueError, TypeError) as error:
        raise CertificateError("", f"cannot be used: {error}") from error
    return context


def _make(host: str) -> tuple[bytes, str]:
    """A fresh key and certificate for this machine in one PEM text, and its fingerprint."""
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
