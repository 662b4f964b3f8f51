"""Who is let in by SSH: with a password, with a key, or without a proof."""

from __future__ import annotations

import struct
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twisted.conch.ssh.common import MP, NS
from twisted.conch.ssh.keys import Key

from cletus.contrib.users import edit_keys
from cletus.doors.ssh.auth import REQUESTS_MAX
from tests.conftest import Log

from .conftest import APPLICATION, Place

PASSWORD = "lantern-s3cret"

KEYS: dict[str, Callable[[], Any]] = {
    "ed25519": Ed25519PrivateKey.generate,
    "ecdsa": lambda: ec.generate_private_key(ec.SECP256R1()),
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
}


def public(key: Any) -> str:
    text: str = key.public().toString("OPENSSH").decode()
    return text


def add_key(place: Place, key: Any) -> None:
    """An account with this key."""
    user = place.account("Ann")
    edit_keys(user, f"add {public(key)}")
    user.save()


def test_a_name_without_an_account_comes_in_and_is_asked(place: Place) -> None:
    client = place.client()
    client.come_in("bob")
    assert client.screen.endswith("Welcome.\r\nThere is no account called bob. Create it (y/n)? ")
    client.types("y\r")
    client.types(f"{PASSWORD}\r")
    client.types(f"{PASSWORD}\r")
    place.clock.advance(1)
    client.pump()
    assert "Come in." in client.screen
    assert PASSWORD not in client.screen
    assert place.user("bob").client.door == "ssh"


def test_a_guest_is_in_at_once(place: Place) -> None:
    client = place.client()
    client.come_in("guest")
    assert "Come in." in client.screen
    assert "What is your name" not in client.screen


def test_an_account_needs_a_proof(place: Place) -> None:
    place.account("Ann")
    client = place.client()
    client.begin()
    assert client.request("Ann", b"none") == 51
    assert client.authentication.answers[-1][1] == NS(b"publickey,password") + b"\0"
    assert client.password("Ann", "wrong") == 51
    assert client.password("Ann", PASSWORD) == 52
    client.open_shell()
    assert "Come in." in client.screen
    assert "What is your name" not in client.screen
    assert place.user("ann").client is not None


@pytest.mark.parametrize("sort", KEYS)
def test_a_key_logs_in(place: Place, sort: str, log: Log) -> None:
    """It is asked about first, and then signs. The login is in the audit log."""
    key = Key(KEYS[sort]())
    add_key(place, key)
    client = place.client()
    client.begin()
    assert client.key("Ann", key, signs=False) == 60
    assert client.key("Ann", key) == 52
    client.open_shell()
    assert "Come in." in client.screen
    assert any("logged in" in str(event.get("log_format")) for event in log.events)


class SecurityKey:
    """A security key (OpenSSH's PROTOCOL.u2f), as far as a server sees of it."""

    application = b"ssh:"

    def __init__(self, sort: str) -> None:
        self.algorithm = sort.encode()
        if sort.startswith("sk-ssh-ed25519"):
            self._private: Any = Ed25519PrivateKey.generate()
            point = self._private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            parts = [point]
        else:
            self._private = ec.generate_private_key(ec.SECP256R1())
            form = PublicFormat.UncompressedPoint
            point = self._private.public_key().public_bytes(Encoding.X962, form)
            parts = [b"nistp256", point]
        self.blob = b"".join(map(NS, [self.algorithm, *parts, self.application]))

    def sign(self, message: bytes, *, touched: bool) -> bytes:
        rest = bytes((touched,)) + struct.pack(">L", 7)
        signed = sha256(self.application).digest() + rest + sha256(message).digest()
        if isinstance(self._private, Ed25519PrivateKey):
            signature = self._private.sign(signed)
        else:
            numbers = decode_dss_signature(self._private.sign(signed, ec.ECDSA(SHA256())))
            signature = b"".join(map(MP, numbers))
        return NS(self.algorithm) + NS(signature) + rest


@pytest.mark.parametrize("touched", [True, False])
@pytest.mark.parametrize(
    "sort", ["sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"]
)
def test_a_security_key_logs_in_if_somebody_touches_it(
    place: Place, sort: str, touched: bool
) -> None:
    key = SecurityKey(sort)
    user = place.account("Ann")
    edit_keys(user, f"add {sort} {b64encode(key.blob).decode()}")
    user.save()
    client = place.client()
    client.begin()
    rest = b"\1" + NS(key.algorithm) + NS(key.blob)
    head = NS(b"Ann") + NS(b"ssh-connection") + NS(b"publickey")
    signature = key.sign(NS(client.side.sessionID) + b"\x32" + head + rest, touched=touched)
    assert client.request("Ann", b"publickey", rest + NS(signature)) == (52 if touched else 51)


def test_a_key_of_somebody_else_does_not(place: Place) -> None:
    """And as many as an agent has may be offered."""
    place.account("Ann")
    client = place.client()
    client.begin()
    for _ in range(6):
        key = Key(Ed25519PrivateKey.generate())
        assert client.key("Ann", key, signs=False) == 51
        assert client.key("Ann", key) == 51
    assert client.password("Ann", PASSWORD) == 52


def test_a_signature_of_something_else_does_not(place: Place) -> None:
    """Each counts as a try."""
    key = Key(Ed25519PrivateKey.generate())
    add_key(place, key)
    client = place.client()
    client.begin()
    assert client.key("Ann", key, tampered=True) == 51
    assert client.key("Ann", key, tampered=True) == 51
    assert client.key("Ann", key, tampered=True) is None
    assert client.is_gone


def test_an_rsa_key_does_not_sign_with_sha_1(place: Place) -> None:
    key = Key(rsa.generate_private_key(65537, 2048))
    add_key(place, key)
    client = place.client()
    client.begin()
    rest = b"\0" + NS(b"ssh-rsa") + NS(key.public().blob())
    assert client.request("Ann", b"publickey", rest) == 51


def test_which_keys_sign_is_said(place: Place) -> None:
    """Conch alone would name those of the host key, and OpenSSH would not offer RSA."""
    client = place.client()
    assert b"rsa-sha2-512" in client.side.peerExtensions[b"server-sig-algs"]
    assert b"sk-ssh-ed25519@openssh.com" in client.side.peerExtensions[b"server-sig-algs"]


def test_without_registration_nobody_learns_which_accounts_exist(
    start: Callable[..., Place],
) -> None:
    place = start(APPLICATION.replace('banner = "Welcome."', "registration = False"))
    place.account("Ann")
    client = place.client()
    client.begin()
    for name in ("Ann", "Bob"):
        assert client.request(name, b"none") == 51
        assert client.password(name, "wrong") == 51
    assert place.client().come_in("guest") is None


def test_without_a_listener_everybody_comes_in(start: Callable[..., Place]) -> None:
    """An echo server knows no accounts. What they said is in ``client.claim``."""
    place = start("from cletus import Service\nservice = Service()\n")
    client = place.client()
    client.come_in("an\x1bn")
    (person,) = place.service.clients
    assert (person.claim.name, person.claim.proven) == ("an[n", False) or person.claim.name == "ann"


def test_what_raises_in_a_listener_lets_nobody_be_who_they_are_not(
    start: Callable[..., Place],
) -> None:
    place = start(
        APPLICATION
        + "\n@service.listen(events.Authenticate)\ndef broken(event):\n    raise OSError('disk')\n"
    )
    place.account("Ann")
    client = place.client()
    client.begin()
    assert client.request("Ann", b"none") == 51


def test_requests_have_a_bound(place: Place) -> None:
    place.account("Ann")
    client = place.client()
    client.begin()
    for _ in range(REQUESTS_MAX):
        assert client.request("Ann", b"none") == 51
    client.request("Ann", b"none")
    assert client.is_gone


def test_a_request_while_another_is_under_way_ends_the_connection(place: Place) -> None:
    """A password is checked in a thread or waits for the throttle; a second one must not overtake it."""
    place.account("Ann")
    for _ in range(2):
        other = place.client()
        other.begin()
        for _ in range(3):
            other.password("ann", "wrong")
    client = place.client()
    client.begin()
    assert client.password("ann", PASSWORD) is None
    assert not client.is_gone
    client.request("guest", b"none")
    assert client.is_gone
    place.clock.advance(60)
    assert place.user("ann").client is None


@pytest.mark.parametrize("service", [b"ssh-connection", b"ssh-userauth", b"nonsense"])
def test_services_are_had_once(place: Place, service: bytes) -> None:
    client = place.client()
    client.come_in("guest")
    client.side.sendPacket(5, NS(service))
    client.pump()
    assert client.is_gone


def test_the_shell_is_not_had_before_authentication(place: Place) -> None:
    client = place.client()
    client.side.sendPacket(5, NS(b"ssh-connection"))
    client.pump()
    assert client.is_gone
    assert not place.service.clients
