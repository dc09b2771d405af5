"""The network guard: which addresses and ports a probe may reach.

A bot that connects to what strangers name must not become a way into private networks. Names are resolved once, every
address is judged here, and the connection goes to the judged address.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

MAIL_PORTS = frozenset({25, 110, 143, 443, 465, 587, 993, 995, 2525})

# What `is_global` does not cover, or not in every version of Python.
_ALSO_RESERVED = tuple(
    ipaddress.ip_network(network)
    for network in (
        "192.0.0.0/24",  # IETF protocol assignments; a cloud serves its machines' secrets at 192.0.0.192
        "192.88.99.0/24",  # relays of 6to4 (RFC 7526)
        "168.63.129.16/32",  # looks public, and leads to the host agent within Azure
        "2001::/23",  # IETF protocol assignments, Teredo among them
        "3fff::/20",  # documentation (RFC 9637)
        "5f00::/16",  # segment routing (RFC 9602)
        "64:ff9b:1::/48",  # NAT64 for use within networks (RFC 8215)
        "fec0::/10",  # site-local
    )
)
# Translation and tunnel prefixes carry an IPv4 address of their own choice.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_SIX_TO_FOUR = ipaddress.ip_network("2002::/16")
_ISATAP = 0x5EFE
"""The upper half of an ISATAP interface's id, the universal bit left out (RFC 5214, 6.1)."""
_UNIVERSAL = 0xFDFFFFFF


@dataclass(frozen=True, slots=True)
class NetworkPolicy:
    """`allow` are networks that may be reached although they are not public; `any_port` is for administrators."""

    allow: tuple[IpNetwork, ...] = ()
    any_port: bool = False

    def refusal(self, address: str) -> str | None:
        """Why an address must not be connected to (a word of evidence), None where it may."""
        ip = ipaddress.ip_address(address.partition("%")[0])
        if any(ip.version == network.version and ip in network for network in self.allow):
            return None
        return _kind(ip)

    def port_refused(self, port: int) -> bool:
        return not self.any_port and port not in MAIL_PORTS

    def split(self, addresses: Iterable[str]) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
        """The addresses that may be reached, and the others with the reason."""
        public, private = [], []
        for address in addresses:
            reason = self.refusal(address)
            if reason is None:
                public.append(address)
            else:
                private.append((address, reason))
        return tuple(public), tuple(private)


def policy(allow: Sequence[str], *, any_port: bool) -> NetworkPolicy:
    """A policy from settings. Raises ValueError for what is no network."""
    return NetworkPolicy(tuple(ipaddress.ip_network(network, strict=False) for network in allow), any_port)


def _kind(ip: IpAddress) -> str | None:
    """The special kind of an address (IANA's special-purpose registries), None for a public one."""
    inner = _embedded(ip)
    if inner is not None:
        return _kind(inner)
    if (behind := _behind(ip)) is not None and (kind := _kind(behind)) is not None:
        return kind
    if any(ip.version == network.version and ip in network for network in _ALSO_RESERVED):
        return "reserved"
    for kind in ("loopback", "link_local", "multicast", "unspecified", "private", "reserved"):
        if getattr(ip, f"is_{kind}"):
            return kind
    return None if ip.is_global else "shared"


def _embedded(ip: IpAddress) -> ipaddress.IPv4Address | None:
    """The IPv4 address inside a mapped, compatible, NAT64 or 6to4 address, since that is where packets go."""
    if isinstance(ip, ipaddress.IPv4Address):
        return None
    if ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    if ip in _SIX_TO_FOUR:
        return ip.sixtofour
    if int(ip) >> 32 == 0 and int(ip) > 1:
        return ipaddress.IPv4Address(int(ip))
    return None


def _behind(ip: IpAddress) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an ISATAP router of the address's network would unpack."""
    if isinstance(ip, ipaddress.IPv6Address) and (int(ip) >> 32) & _UNIVERSAL == _ISATAP:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return None
