"""Settings whose values could not be used are named; nothing is opened to find that out."""

from __future__ import annotations

import datetime
import os
import socket

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cletus.check import setting_values
from tests.check.conftest import must_be, names


def pem(days: int = 90) -> tuple[str, str]:
    """A certificate that is valid for so many days from now, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=365))
        .not_valid_after(now + datetime.timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode()


WRONG = {
    'listen = ["window:tcp:22"]': ("listen", "'window:tcp:22' does not name a door"),
    'listen = ["telnet"]': ("listen", "'telnet' does not name a door"),
    'listen = ["telnet:tcp:nine"]': ("listen", "is not an endpoint of Twisted"),
    'listen = ["telnet:nonsense:9"]': ("listen", "is not an endpoint of Twisted"),
    'proxy_from = ["here"]': ("proxy-from", "cannot have 'here'"),
    'web_proxies = ["here"]': ("web-proxies", "cannot have 'here'"),
    "tls_self_signed = true\nport = 9443": ("port-twice", "port and tls_port are both 9443"),
    "metrics_port = 9000": ("port-twice", "port and metrics_port are both 9000"),
    'reload_modules = ["nowhere"]': ("reload-modules", "No module named 'nowhere'"),
    'store = "redis:x"': ("store", "no installed package knows 'redis'"),
    'tls_certificate = "none.pem"': ("tls-certificate", "none.pem: No such file"),
    'tls_certificate = "cletus.toml"': ("tls-certificate", "cannot be used"),
    'tls_key = "key.pem"': ("tls-key", "without tls_certificate"),
}

RIGHT = [
    'listen = ["telnet:tcp:9000:interface=127.0.0.1", "telnet:unix:/tmp/nowhere"]',
    'proxy_from = ["10.0.0.0/8", "::1"]',
    "tls_self_signed = true\nport = 9000",
    "metrics_port = 9000\nmetrics_host = '127.0.0.2'",
    "metrics_port = 9000\nlisten = ['telnet:unix:/tmp/nowhere']",
    "port = 0\nmetrics_port = 0",
    'store = "memory:"',
    'store = "file:elsewhere"',
]


@pytest.mark.parametrize("text", WRONG)
def test_a_value_that_could_not_be_used_is_named(text, check, tmp_path):
    name, words = WRONG[text]
    found = must_be(check("", {"cletus.toml": text}), name, words, tmp_path)
    assert found.group == "Settings"


@pytest.mark.parametrize("text", RIGHT)
def test_a_value_that_could_is_let_by(text, check):
    assert names(check("", {"cletus.toml": text})) == set()


def test_modules_that_are_reloaded_as_well_are_imported(check):
    files = {"cletus.toml": 'reload_modules = ["beside"]', "beside.py": "def greet(): pass\n"}
    assert check("import beside\n", files) == []


def test_a_certificate_and_the_key_of_another_do_not_fit(check):
    certificate, _ = pem()
    _, key = pem()
    settings = 'tls_certificate = "own.pem"\ntls_key = "key.pem"'
    (found,) = check("", {"cletus.toml": settings, "own.pem": certificate, "key.pem": key})
    assert found.name == "tls-certificate"


@pytest.mark.parametrize(
    ("days", "words"),
    [(90, ""), (3, "the certificate expires on"), (-3, "the certificate expired on")],
)
def test_the_end_of_a_certificate_is_told_in_time(days, words, check):
    certificate, key = pem(days)
    files = {"cletus.toml": 'tls_certificate = "own.pem"', "own.pem": certificate + key}
    found = check("", files)
    assert [one.name for one in found] == (["tls-expiry"] if words else [])
    assert all(words in one.what for one in found)


def test_without_the_extra_tls_is_an_error(check, monkeypatch):
    monkeypatch.setattr(setting_values, "find_spec", lambda _name: None)
    (found,) = check("", {"cletus.toml": "tls_self_signed = true"})
    assert "pip install 'cletus-live[tls]'" in found.todo


def test_a_store_that_is_a_file_is_named(check):
    (found,) = check("", {"store": "no folder"})
    assert found.name == "store"
    assert "is not a folder" in found.what


def refusing(*folders):
    """As ``os.access``, but for these folders."""

    def may(path, mode):
        return str(path) not in map(str, folders)

    return may


@pytest.mark.parametrize("missing", ["", "store", "store/user"])
def test_a_folder_that_is_not_writable_is_named(missing, check, tmp_path, monkeypatch):
    """Whoever runs the tests as root may write anywhere, so the system is asked through us."""
    if missing:
        (tmp_path / "store" / "user").mkdir(parents=True)
    monkeypatch.setattr(setting_values, "_may", refusing(tmp_path / missing))
    (found,) = check("")
    assert found.name == "store"
    assert str(tmp_path / missing) in found.what


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_the_system_is_asked(check, tmp_path):
    (tmp_path / "store").mkdir(mode=0o500)
    assert names(check("")) == {"store"}


def test_no_port_is_opened(check):
    """The port of the settings stays free for others, and one in use is none of its business."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert check("", {"cletus.toml": f"port = {port}\nlisten = ['telnet:tcp:{port}']"}) == []
