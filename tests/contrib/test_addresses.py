"""Where people come from: an address, or the network that one subscriber has."""

from __future__ import annotations

import pytest

from cletus.contrib.addresses import customer_of, host_of, network_of, origin_of

HOSTS = {
    "127.0.0.1:9000": "127.0.0.1",
    "127.0.0.1": "127.0.0.1",
    "[::1]:9000": "::1",
    "[2001:db8::7]:1": "2001:db8::7",
    "2001:db8::7": "2001:db8::7",
    "memory": "memory",
    "/run/talker.sock": "/run/talker.sock",
    "": "",
}
ORIGINS = {
    "192.0.2.7:4000": "192.0.2.7",
    "192.0.2.7:4001": "192.0.2.7",
    "[2001:db8:1:2:3:4:5:6]:1": "2001:db8:1:2::/64",
    "[2001:db8:1:2:ffff::1]:9": "2001:db8:1:2::/64",
    "[::ffff:192.0.2.7]:4000": "192.0.2.7",
    "[fe80::1%eth0]:1": "fe80::/64",
    "memory": "memory",
}


@pytest.mark.parametrize("address", HOSTS)
def test_the_host_of_an_address(address):
    """Whatever the door writes."""
    assert host_of(address) == HOSTS[address]


@pytest.mark.parametrize("address", ORIGINS)
def test_the_origin_of_an_address(address):
    """A port makes no difference, and a /64 has 2^64 addresses to choose from."""
    assert origin_of(address) == ORIGINS[address]


def test_what_one_customer_may_hold():
    assert customer_of("192.0.2.7") == "192.0.2.7"
    assert customer_of("2001:db8:1:2::/64") == "2001:db8:1::/48"
    assert customer_of("memory") == "memory"


def test_a_network_as_people_write_it():
    """With or without its length; what is none is none."""
    assert str(network_of("192.0.2.7")) == "192.0.2.7/32"
    assert str(network_of(" 192.0.2.7/24 ")) == "192.0.2.0/24"
    assert str(network_of("2001:db8::/32")) == "2001:db8::/32"
    assert str(network_of("::ffff:192.0.2.7")) == "192.0.2.7/32"
    assert [network_of(text) for text in ("bob", "", "192.0.2", "1.2.3.4/99")] == [None] * 4
