"""Addresses of strangers: what is public, in all the ways in which an address can be written."""

import pytest

from server.domain.addresses import is_public_address, is_public_host


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
        *("0.0.0.0", "255.255.255.255", "224.0.0.1", "240.0.0.1", "192.0.2.1", "198.18.0.1"),
        *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "::7f00:1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "64:ff9b::a00:1", "64:ff9b::7f00:1"),
        *("2002:7f00:1::", "2002:a00:1::1", "2001:0:4136:e378:8000:63bf:f5ff:fffe"),
        *("", "localhost", "1.2.3", "0x7f.0.0.1", "127.1", "2130706433"),
    ],
)
def test_address_that_is_not_of_the_public_internet_is_refused(address: str) -> None:
    """Loopback, private, link-local, shared, reserved, and each of these inside an IPv6 address."""
    assert not is_public_address(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_address_of_the_public_internet_is_taken(address: str) -> None:
    """Also where NAT64 or the operating system translates it."""
    assert is_public_address(address)


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LOCALHOST", "a.localhost", "db.internal", "printer.local", "router.lan", "x.home.arpa"),
        *("postgres", "", ".", "a..b", "a.b.", ".a.b", "-a.example.com", "a b.example", "exa\u00admple.com", "é.com"),
        *("127.0.0.1", "::1", "127.1", "0x7f.1", "1.2.3.04", "2130706433", "a.0", "a.0x1", "x" * 64 + ".com"),
        "a." * 130 + "com",
    ],
)
def test_host_that_cannot_be_public_is_refused(host: str) -> None:
    """Names of the local network, and what some readers take for a number."""
    assert not is_public_host(host)


@pytest.mark.parametrize("host", ["fcm.googleapis.com", "web.push.apple.com", "A.Example.COM", "8.8.8.8", "2606::1"])
def test_host_that_can_be_public_is_taken(host: str) -> None:
    """What it resolves to is another question."""
    assert is_public_host(host)
