"""Ready-made certificate chains, one a fault, each with the code that OpenSSL gives it.

    made = craft("expired", Site(root, "imap.example.test"))
    made.identity, made.code

`code` is that of `openssl s_client -verify_return_error -verify_hostname HOST` at security level 2 (Debian's and
Python's), with the site's root trusted; `test_chains.py` holds it to that. 0 is a chain that verifies.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.servers.certs import (
    CLIENT,
    EXPIRED,
    NOT_YET,
    SOON,
    Authority,
    Identity,
    Validity,
    self_signed,
    spoil,
)


@dataclass(frozen=True, slots=True)
class Site:
    """For whom a chain is made: the trusted root, the host, and where a missing intermediate can be fetched."""

    root: Authority
    host: str
    aia: str = ""

    @property
    def issuing(self) -> Authority:
        return self.root.intermediate()

    @property
    def domain(self) -> str:
        return self.host.partition(".")[2]


@dataclass(frozen=True, slots=True)
class Crafted:
    identity: Identity
    code: int
    issuer: Authority | None = None
    """The intermediate that issued it, where there is one: what a missing one's address must serve."""


Recipe = Callable[[Site], Crafted]
RECIPES: dict[str, Recipe] = {}


def craft(fault: str, site: Site) -> Crafted:
    """One of RECIPES for a site."""
    return RECIPES[fault](site)


def _recipe(make: Recipe) -> Recipe:
    RECIPES[make.__name__] = make
    return make


@_recipe
def sound(site: Site) -> Crafted:
    return Crafted(site.issuing.issue(site.host), 0)


@_recipe
def sound_rsa(site: Site) -> Crafted:
    return Crafted(site.root.intermediate("Test RSA CA", key="rsa2048").issue(site.host, key="rsa2048"), 0)


@_recipe
def sound_two_intermediates(site: Site) -> Crafted:
    return Crafted(site.root.intermediate("Test Policy CA").intermediate("Test Second CA").issue(site.host), 0)


@_recipe
def missing_intermediate(site: Site) -> Crafted:
    """No intermediate on the wire; its address is in the certificate where the site has one."""
    issuing = site.issuing.reachable_at(site.aia)
    whole = issuing.issue(site.host)
    return Crafted(whole.sending(whole.leaf), 20, issuing)


@_recipe
def missing_upper_intermediate(site: Site) -> Crafted:
    upper = site.root.intermediate("Test Policy CA").reachable_at(site.aia)
    lower = upper.intermediate("Test Second CA")
    whole = lower.issue(site.host)
    return Crafted(whole.sending(*whole.chain[:2]), 20, upper)


@_recipe
def self_signed_leaf(site: Site) -> Crafted:
    return Crafted(self_signed(site.host), 18)


@_recipe
def private_root_sent(site: Site) -> Crafted:
    private = Authority.root("Private Office CA")
    leaf = private.issue(site.host).leaf
    return Crafted(private.issue(site.host).sending(leaf, private.certificate), 19)


@_recipe
def private_root_not_sent(site: Site) -> Crafted:
    return Crafted(Authority.root("Private Office CA").issue(site.host), 20)


@_recipe
def expired(site: Site) -> Crafted:
    return Crafted(site.issuing.issue(site.host, validity=EXPIRED), 10)


@_recipe
def not_yet_valid(site: Site) -> Crafted:
    return Crafted(site.issuing.issue(site.host, validity=NOT_YET), 9)


@_recipe
def expires_soon(site: Site) -> Crafted:
    return Crafted(site.issuing.issue(site.host, validity=SOON), 0)


@_recipe
def intermediate_expired(site: Site) -> Crafted:
    return Crafted(site.root.intermediate("Test Old CA", validity=EXPIRED).issue(site.host), 10)


@_recipe
def name_mismatch(site: Site) -> Crafted:
    return Crafted(site.issuing.issue("www.other.test", "other.test"), 62)


@_recipe
def mismatch_and_expired(site: Site) -> Crafted:
    return Crafted(site.issuing.issue("www.other.test", validity=EXPIRED), 62)


@_recipe
def wildcard(site: Site) -> Crafted:
    return Crafted(site.issuing.issue(f"*.{site.domain}"), 0)


@_recipe
def wildcard_two_levels(site: Site) -> Crafted:
    """A star stands for one label only (RFC 6125, 6.4.3)."""
    return Crafted(site.issuing.issue(f"*.{site.domain.partition('.')[2]}"), 62)


@_recipe
def wildcard_inside(site: Site) -> Crafted:
    label, _, rest = site.host.partition(".")
    return Crafted(site.issuing.issue(f"{label}.*.{rest.partition('.')[2]}"), 62)


@_recipe
def wildcard_partial(site: Site) -> Crafted:
    """OpenSSL's command takes a star within a label; Python's default does not."""
    return Crafted(site.issuing.issue(f"{site.host[0]}*.{site.domain}"), 0)


@_recipe
def common_name_only(site: Site) -> Crafted:
    """OpenSSL falls back on the CN where no SAN stands."""
    return Crafted(site.issuing.issue(common_name=site.host), 0)


@_recipe
def other_script_name(site: Site) -> Crafted:
    """A name of the same site in another script; the host itself stands beside it."""
    return Crafted(site.issuing.issue("メール.例え.test", site.host), 0)


@_recipe
def address_only(site: Site) -> Crafted:
    return Crafted(site.issuing.issue("127.0.0.1"), 62)


@_recipe
def wrong_purpose(site: Site) -> Crafted:
    return Crafted(site.issuing.issue(site.host, purposes=(CLIENT,)), 26)


@_recipe
def weak_key(site: Site) -> Crafted:
    return Crafted(site.root.intermediate("Test RSA CA", key="rsa2048").issue(site.host, key="rsa1024"), 66)


@_recipe
def weak_intermediate_key(site: Site) -> Crafted:
    return Crafted(site.root.intermediate("Test Short CA", key="rsa1024").issue(site.host), 67)


@_recipe
def weak_signature(site: Site) -> Crafted:
    issuing = site.root.intermediate("Test RSA CA", key="rsa2048")
    return Crafted(issuing.issue(site.host, key="rsa2048", signature="sha1"), 68)


@_recipe
def md5_signature(site: Site) -> Crafted:
    issuing = site.root.intermediate("Test RSA CA", key="rsa2048")
    return Crafted(issuing.issue(site.host, key="rsa2048", signature="md5"), 68)


@_recipe
def bad_signature(site: Site) -> Crafted:
    return Crafted(site.issuing.issue(site.host).broken(), 7)


@_recipe
def bad_intermediate_signature(site: Site) -> Crafted:
    whole = site.issuing.issue(site.host)
    return Crafted(whole.sending(whole.leaf, spoil(whole.chain[1])), 7)


@_recipe
def not_an_authority(site: Site) -> Crafted:
    return Crafted(site.root.intermediate("Test Server", ca=False).issue(site.host), 79)


@_recipe
def path_too_long(site: Site) -> Crafted:
    short = site.root.intermediate("Test Last CA", path_length=0)
    return Crafted(short.intermediate("Test Beyond CA").issue(site.host), 25)


@_recipe
def name_constraints(site: Site) -> Crafted:
    return Crafted(site.root.intermediate("Test Bound CA", permitted=("other.test",)).issue(site.host), 47)


@_recipe
def out_of_order(site: Site) -> Crafted:
    whole = sound_two_intermediates(site).identity
    leaf, lower, upper = whole.chain
    return Crafted(whole.sending(leaf, upper, lower), 0)


@_recipe
def extra_certificate(site: Site) -> Crafted:
    whole = site.issuing.issue(site.host)
    return Crafted(whole.sending(*whole.chain, site.root.intermediate("Test Unused CA").certificate), 0)


@_recipe
def duplicates(site: Site) -> Crafted:
    whole = site.issuing.issue(site.host)
    return Crafted(whole.sending(*whole.chain, *whole.chain), 0)


@_recipe
def root_sent(site: Site) -> Crafted:
    whole = site.issuing.issue(site.host)
    return Crafted(whole.sending(*whole.chain, site.root.certificate), 0)


@_recipe
def cross_signed(site: Site) -> Crafted:
    """Two intermediates of one name and key: one under an unknown, expired root first, one under the trusted."""
    old = Authority.root("Test Former Root", validity=EXPIRED)
    expired_twin = old.intermediate("Test Crossed CA", validity=Validity(-400, -3))
    current = site.root.intermediate("Test Crossed CA")
    leaf = current.issue(site.host)
    return Crafted(leaf.sending(leaf.leaf, expired_twin.certificate, current.certificate), 0)


@_recipe
def expired_root_sent(site: Site) -> Crafted:
    """As after an old root's end: the chain on the wire ends in an expired cross-certificate of the trusted root."""
    former = Authority.root("Test Former Root", validity=EXPIRED)
    crossed = replace(former).intermediate("Test Root CA", validity=EXPIRED)
    whole = site.issuing.issue(site.host)
    return Crafted(whole.sending(*whole.chain, crossed.certificate), 0)
