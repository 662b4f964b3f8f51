"""What proxies say by HTTP headers, and what people write there themselves."""

from __future__ import annotations

import pytest

from cletus.doors.web.forwarded import Forwarded, forwarded
from cletus.doors.web.http import Request
from cletus.errors import ProtocolError


def said(*fields: tuple[str, str]) -> Forwarded:
    request = Request("GET", "/", fields)
    return forwarded(request, lambda host: host in ("10.0.0.1", "10.0.0.2", "2001:db8::1"))


@pytest.mark.parametrize(
    ("value", "host"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("6.6.6.6, 192.0.2.1", "192.0.2.1"),
        ("192.0.2.1, 10.0.0.2", "192.0.2.1"),
        ("192.0.2.1,10.0.0.2 , 10.0.0.1", "192.0.2.1"),
        ("192.0.2.1:50000", "192.0.2.1"),
        ("2001:db8::5", "2001:db8::5"),
        ("[2001:db8::5]", "2001:db8::5"),
        ("[2001:0DB8:0::5]:50000", "2001:db8::5"),
        ("192.0.2.1, unknown", ""),
        ("10.0.0.1", ""),
        ("", ""),
        ("192.0.2.1, ", ""),
    ],
)
def test_the_person_is_the_rightmost_address_that_is_not_a_proxy(value: str, host: str) -> None:
    assert said(("x-forwarded-for", value)).host == host


@pytest.mark.parametrize(
    ("value", "host", "secure"),
    [
        ("for=192.0.2.1;proto=https", "192.0.2.1", True),
        ("for=192.0.2.1;proto=http;by=203.0.113.43", "192.0.2.1", False),
        ('For="[2001:db8::5]:4711"; Proto=HTTPS', "2001:db8::5", True),
        ("for=6.6.6.6, for=192.0.2.1;proto=https, for=10.0.0.2", "192.0.2.1", True),
        ("for=192.0.2.1;proto=https, for=10.0.0.2;proto=http", "192.0.2.1", False),
        ("for=192.0.2.1, for=_hidden", "", False),
        ("for=unknown;proto=https", "", True),
        ('for="a, for=6.6.6.6", for=192.0.2.1', "192.0.2.1", False),
        ("nonsense", "", False),
        ('for="192.0.2.1', "", False),
    ],
)
def test_forwarded_is_read_as_rfc_7239_has_it(value: str, host: str, secure: bool) -> None:
    assert said(("forwarded", value)) == Forwarded(host, secure)


def test_fields_that_come_several_times_are_one_list() -> None:
    fields = ("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "192.0.2.1, 10.0.0.1")
    assert said(*fields).host == "192.0.2.1"
    assert said(("forwarded", "for=6.6.6.6"), ("forwarded", "for=192.0.2.1")).host == "192.0.2.1"


@pytest.mark.parametrize(
    ("values", "secure"),
    [
        (("https",), True),
        (("HTTPS",), True),
        (("http",), False),
        (("https, http",), False),
        (("https", "http"), False),
        (("https, https",), True),
        (("wss",), False),
        ((), False),
    ],
)
def test_a_request_is_secure_if_each_proxy_was_reached_by_https(
    values: tuple[str, ...], secure: bool
) -> None:
    assert said(*(("x-forwarded-proto", value) for value in values)).secure is secure


def test_headers_that_name_different_people_are_refused() -> None:
    """A proxy that writes one of them passes on the other as it came from the person."""
    proxy = ("x-forwarded-for", "192.0.2.1")
    assert said(proxy, ("forwarded", "for=192.0.2.1")).host == "192.0.2.1"
    for other in ("for=192.0.2.9", "for=unknown", "by=10.0.0.1"):
        with pytest.raises(ProtocolError):
            said(proxy, ("forwarded", other))


def test_the_way_that_the_proxy_tells_outweighs_what_the_person_writes() -> None:
    person = ("forwarded", "for=192.0.2.1;proto=https")
    assert not said(person, ("x-forwarded-for", "192.0.2.1"), ("x-forwarded-proto", "http")).secure
