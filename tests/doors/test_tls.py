"""The certificate in use is the newest that can be used."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from OpenSSL import SSL
from twisted.internet.task import Clock

from cletus import Service
from cletus.doors.tls import CertificateFiles, SelfSigned, certificate_of, self_signed
from cletus.errors import CertificateError
from tests.conftest import Log


def test_a_renewed_certificate_is_used_without_a_restart(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "tls.pem"
    path.write_bytes(self_signed("old")[0])
    files = CertificateFiles(str(path), "", clock.seconds)
    assert names(files) == "old"
    path.write_bytes(self_signed("renewed")[0])
    assert names(files) == "old", "looked at once a second at the most"
    clock.advance(1)
    assert names(files) == "renewed"


def test_a_broken_renewal_leaves_the_old_one_in_use(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "tls.pem"
    path.write_bytes(self_signed("old")[0])
    files = CertificateFiles(str(path), "", clock.seconds)
    for broken in (b"", b"half", self_signed("other")[0][:300]):
        path.write_bytes(broken)
        clock.advance(1)
        assert names(files) == "old"
    path.unlink()
    clock.advance(1)
    assert names(files) == "old"
    path.write_bytes(self_signed("new")[0])
    clock.advance(1)
    assert names(files) == "new"


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [([b"h2", b"http/1.1"], b"http/1.1"), ([b"http/1.1"], b"http/1.1"), ([b"h2"], b""), ([], b"")],
)
def test_clients_that_offer_alpn_are_let_in(offered: list[bytes], chosen: bytes) -> None:
    """Every browser does, and curl; a telnet client offers nothing, and may offer what it likes."""
    client = connected(SelfSigned("localhost"), offered)
    assert client.get_alpn_proto_negotiated() == chosen


def names(files: CertificateFiles | SelfSigned) -> str:
    """The name in the certificate that a client is sent now."""
    found = connected(files).get_peer_certificate(as_cryptography=True)
    assert found is not None
    return str(found.subject.rfc4514_string().removeprefix("CN="))


def connected(files: CertificateFiles | SelfSigned, offered: Sequence[bytes] = ()) -> Any:
    """A client after its handshake."""
    protocol = (
        SimpleNamespace()
    )  # Twisted's TLSMemoryBIOProtocol, as far as it is asked for anything
    server = files.serverConnectionForTLS(protocol)
    server.set_accept_state()
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    if offered:
        context.set_alpn_protos(list(offered))
    client = SSL.Connection(context, None)
    client.set_connect_state()
    for _ in range(6):
        for one, other in ((client, server), (server, client)):
            with suppress(SSL.WantReadError):
                one.do_handshake()
            with suppress(SSL.WantReadError):
                other.bio_write(one.bio_read(65536))
    return client


def test_the_doors_of_a_service_have_one_self_signed_certificate(log: Log) -> None:
    """A person is asked once whether to trust it."""
    service = Service(tls_self_signed=True)
    first = certificate_of(service, "127.0.0.1")
    assert certificate_of(service, "localhost") is first
    assert log.text.count("its SHA-256 is") == 1
    assert certificate_of(Service(tls_self_signed=True), "127.0.0.1") is not first


def test_a_self_signed_certificate_has_a_fingerprint_to_compare() -> None:
    made = SelfSigned("localhost")
    assert names(made) == "localhost"
    assert len(made.fingerprint) == 95


@pytest.mark.parametrize("content", [b"", b"nonsense", None])
def test_files_that_cannot_be_used_are_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "tls.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CertificateError, match=r"tls\.pem"):
        CertificateFiles(str(path), "", Clock().seconds)


def test_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    one, other = tmp_path / "cert.pem", tmp_path / "key.pem"
    one.write_bytes(self_signed("a")[0])
    other.write_bytes(self_signed("b")[0])
    with pytest.raises(CertificateError):
        CertificateFiles(str(one), str(other), Clock().seconds)
