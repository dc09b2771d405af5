"""Pages and certificates of strangers: whatever they are, nothing is raised and nothing is stuck."""

import time

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.checks.link import certificates
from bot.checks.link.dns import questions
from bot.checks.link.fetch import _certificates, fetch, fetch_issuers
from bot.checks.link.line import Net, Timeouts
from bot.checks.link.policy import policy
from tests.checks.running import make_world, network_in
from tests.servers.certs import Authority, pem
from tests.servers.dns import DnsFault
from tests.servers.web import Page, redirect
from tests.servers.world import World

ROOT = Authority.root("Fetched Root")
ISSUING = ROOT.intermediate("Fetched CA")
LEAF = ISSUING.issue("a.test").leaf.public_bytes(Encoding.DER)


async def get(world: World, url: str, timeout: float = 3) -> Page | None:
    with network_in(world) as network:
        rules = policy(network.allow, any_port=True)
        net = Net(questions(network.resolver, rules), rules, network.trust, Timeouts(1, 1, 1, 5))
        try:
            return await fetch(net, url, timeout)
        finally:
            net.close()


BAD_URLS = [
    "", "http://", "http://[", "http://[::1", "ftp://a.test/", "file:///etc/passwd", "http://a:b@page.test/", "http://page.test:99999/",
    "http://page.test:x/", "http://\x00/", "http://é.test/", "https://" + "a" * 300 + "/", "http://a..b/", "http://.test/",
    "http://2130706433/", "http://0x7f.1/", "http://127.1/", "http://*.test/", "http://a\r\nHost: b/", "http://page.test/\r\nX: y",
    "//page.test/", "javascript:alert(1)", "http://-.test/", "http://xn--.test/", "http://" + "a." * 200 + "test/",
]  # fmt: skip


async def test_bad_urls_and_redirects_to_them() -> None:
    async with make_world() as world:
        pages = {f"/{n}": redirect(url.replace("\r\n", " ")) for n, url in enumerate(BAD_URLS) if "\x00" not in url}
        server = await world.web("page.test", pages)
        for url in BAD_URLS:
            assert await get(world, url) is None
        for path in pages:
            assert await get(world, f"http://page.test:{server.port}{path}") is None


async def test_good_pages_and_limits() -> None:
    async with make_world() as world:
        pages = {
            "/page": Page(b"words"),
            "/empty": Page(b""),
            "/big": Page(b"x" * (600 * 1024)),
            "/none": Page(b"", 404),
            "/slow": Page(b"x" * 100, pace=0.05),
            "/hang": Page(hang=True),
            "/headers": Page(b"", headers={f"X-{n}": "y" * 1000 for n in range(200)}),
            "/1": redirect("/2"), "/2": redirect("/3"), "/3": redirect("/4"), "/4": redirect("/5"), "/5": redirect("/page"),
        }  # fmt: skip
        server = await world.web("page.test", pages)
        base = f"http://page.test:{server.port}"
        begun = time.monotonic()
        found = {path: await get(world, base + path, 0.5) for path in pages}
    bodies = {path: page.body for path, page in found.items() if page}
    assert bodies == {"/page": b"words", "/empty": b"", "/2": b"words", "/3": b"words", "/4": b"words", "/5": b"words"}
    assert time.monotonic() - begun < 4


def test_certificates_in_every_wrapping() -> None:
    other = ROOT.intermediate("Second CA").certificate
    bundle = pkcs7.serialize_certificates([ISSUING.certificate, other], Encoding.DER)
    assert _certificates(ISSUING.der) == [ISSUING.der]
    assert _certificates(ISSUING.pem) == [ISSUING.der]
    assert sorted(_certificates(bundle)) == sorted([ISSUING.der, other.public_bytes(Encoding.DER)])
    assert _certificates(pem(other) + ISSUING.pem) == [other.public_bytes(Encoding.DER), ISSUING.der]
    assert _certificates(b"") == _certificates(b"<html>") == []


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_broken_certificates(data: st.DataObject) -> None:
    """Bytes turned anywhere in a certificate: read or left out, never an error."""
    der = bytearray(data.draw(st.sampled_from([LEAF, ISSUING.der])))
    for _ in range(data.draw(st.integers(1, 4))):
        der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    broken = bytes(der)
    certificates.read_chain([broken, ISSUING.der])
    certificates.read_fetched([broken])
    for chain in ([broken, ISSUING.der], [LEAF, broken]):
        top = certificates.top_of(chain)
        assert top is None or certificates.issuer_urls(top) is not None
        certificates.issuer_found_in(chain, [broken], [ROOT.der, broken])
    _certificates(broken)


async def test_issuers_that_lead_in_a_circle() -> None:
    """The address in a certificate serves the certificate itself, or garbage, or nothing."""
    async with make_world() as world:
        pages: dict[str, Page] = {}
        server = await world.web("aia.test", pages)
        issuing = ROOT.intermediate("Circle CA").reachable_at(f"http://aia.test:{server.port}/x")
        leaf = issuing.issue("b.test").leaf.public_bytes(Encoding.DER)
        with network_in(world) as network:
            rules = policy(network.allow, any_port=True)
            net = Net(questions(network.resolver, rules), rules, network.trust, Timeouts(1, 1, 1, 5))
            for body in (leaf, b"garbage", b""):
                pages["/x"] = Page(body)
                assert await fetch_issuers(net, [leaf]) == []
            net.close()
    assert len(server.requests) == 3


@pytest.mark.parametrize("kind", ["A", "AAAA"])
async def test_whoever_stops_waiting_does_not_stop_the_others(kind: str) -> None:
    """A question that two parts wait for outlives the one that is given up."""
    async with make_world() as world:
        world.record("slow.test", "A", "127.0.0.1")
        world.faults["slow.test"] = DnsFault(delay=0.2, types=(kind,))
        with network_in(world) as network:
            asked = questions(network.resolver, policy(network.allow, any_port=True))
            impatient = asked.ask("slow.test", kind)
            impatient.cancel()
            found = await asked.addresses("slow.test")
            asked.close()
    assert found.public == ("127.0.0.1",)
