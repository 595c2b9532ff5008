"""Addresses that a server may call when a stranger names them: the public internet, and nothing else."""

import ipaddress
import re

MAX_HOST_CHARS = 253

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_LOOKS_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
"""A host whose last label is a number is an IPv4 address to some readers (`127.1`, `0x7f.1`), and a name to nobody."""
_NEVER_PUBLIC = frozenset({"localhost", "local", "localdomain", "internal", "intranet", "lan", "invalid", "onion"})
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def is_public_address(text: str) -> bool:
    """Tell whether an IP address is one of the public internet; an IPv4 address in IPv6's clothes is judged as that."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return _is_global(address)
    inner = _translated(address)
    if inner is not None:
        return _is_global(inner)
    # Packets to these two end at the IPv4 address within, but only if somebody relays them: both must be public.
    tunnelled = (address.sixtofour, *(address.teredo or ()))
    return _is_global(address) and all(_is_global(inner) for inner in tunnelled if inner is not None)


def is_public_host(host: str) -> bool:
    """Tell whether a host can be public: a full name, or a public IP address. What it resolves to is checked later."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return _is_public_name(host.lower())
    return is_public_address(host)


def _is_public_name(name: str) -> bool:
    labels = name.split(".")
    return (
        len(name) <= MAX_HOST_CHARS
        and len(labels) > 1
        and all(_LABEL.fullmatch(label) for label in labels)
        and not _LOOKS_NUMERIC.fullmatch(labels[-1])
        and labels[-1] not in _NEVER_PUBLIC
        and labels[-2:] != ["home", "arpa"]
    )


def _is_global(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return address.is_global and not address.is_multicast and not address.is_reserved


def _translated(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that the operating system, or a NAT64, makes of an IPv6 address."""
    return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF) if address in _NAT64 else address.ipv4_mapped
