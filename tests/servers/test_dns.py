"""The scripted name server against dnspython's client and dig."""

import asyncio
import shutil
import time
from typing import Any

import dns.asyncquery
import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

from tests.servers.dns import DnsFault, DnsServer, Question

RECORDS = {
    "example.test": {"MX": ["10 mx.example.test.", "20 mx2.example.test."], "TXT": '"v=spf1 -all"'},
    "mx.example.test": {"A": "127.0.0.1"},
    "alias.example.test": {"CNAME": "other.example.test."},
    "other.example.test": {"CNAME": "mx.example.test."},
    "loop.example.test": {"CNAME": "loop2.example.test."},
    "loop2.example.test": {"CNAME": "loop.example.test."},
    "dangling.example.test": {"CNAME": "nowhere.example.test."},
    "huge.example.test": {"TXT": [f'"{n:0250}"' for n in range(20)]},
    **{f"{kind}.example.test": {"A": "127.0.0.9"} for kind in ("truncated", "bogus", "silent", "wrong-id", "spoofed")},
}
FAULTS = {
    "servfail.example.test": DnsFault("servfail"),
    "refused.example.test": DnsFault("refused"),
    "silent.example.test": DnsFault("silent"),
    "bogus.example.test": DnsFault("bogus"),
    "truncated.example.test": DnsFault("truncated"),
    "wrong-id.example.test": DnsFault("wrong_id"),
    "spoofed.example.test": DnsFault("spoofed"),
    "slow.example.test": DnsFault(delay=0.2),
    "a-only.example.test": DnsFault("servfail", types=("AAAA",)),
}


async def ask(server: DnsServer, name: str, kind: str = "A", *, flags: int = 0, **words: Any) -> dns.message.Message:
    query = dns.message.make_query(name, kind, use_edns=0, payload=1232)
    query.flags |= flags
    return await dns.asyncquery.udp(query, server.host, timeout=0.6, port=server.port, **words)


def addresses(answer: dns.message.Message) -> list[str]:
    return [item.to_text() for rrset in answer.answer for item in rrset]


async def test_sound_answers() -> None:
    async with DnsServer(RECORDS) as server:
        assert sorted(addresses(await ask(server, "example.test", "MX"))) == [
            "10 mx.example.test.",
            "20 mx2.example.test.",
        ]
        assert [name.lower() for name in addresses(await ask(server, "Alias.Example.TEST"))] == [
            "other.example.test.",
            "mx.example.test.",
            "127.0.0.1",
        ]
        nodata = await ask(server, "mx.example.test", "AAAA")
        nothing = await ask(server, "nowhere.test")
        parent = await ask(server, "test", "A")
    assert (nodata.rcode(), nodata.answer) == (dns.rcode.NOERROR, [])
    assert nothing.rcode() == dns.rcode.NXDOMAIN
    assert parent.rcode() == dns.rcode.NOERROR
    assert server.questions[0] == Question("example.test", "MX", "udp")
    assert server.asked("alias.example.test", "A") == 1


async def test_aliases_that_lead_nowhere() -> None:
    async with DnsServer(RECORDS) as server:
        loop = await ask(server, "loop.example.test")
        dangling = await ask(server, "dangling.example.test")
    assert addresses(loop) == ["loop2.example.test.", "loop.example.test."]
    assert dangling.rcode() == dns.rcode.NXDOMAIN


@pytest.mark.parametrize("name", ["servfail", "refused"])
async def test_failures(name: str) -> None:
    async with DnsServer(RECORDS, FAULTS) as server:
        assert (await ask(server, f"{name}.example.test")).rcode() == dns.rcode.from_text(name)


async def test_silence_and_delay() -> None:
    async with DnsServer(RECORDS, FAULTS) as server:
        with pytest.raises(dns.exception.Timeout):
            await ask(server, "silent.example.test")
        begun = time.monotonic()
        await ask(server, "slow.example.test")
        assert time.monotonic() - begun >= 0.2


async def test_bogus_answers_only_where_checking_is_disabled() -> None:
    async with DnsServer(RECORDS, FAULTS) as server:
        refused = await ask(server, "bogus.example.test")
        given = await ask(server, "bogus.example.test", flags=dns.flags.CD)
    assert refused.rcode() == dns.rcode.SERVFAIL
    assert [option.code for option in refused.options if isinstance(option, dns.edns.EDEOption)] == [6]
    assert addresses(given) == ["127.0.0.9"]


@pytest.mark.parametrize("name", ["truncated.example.test", "huge.example.test"])
async def test_truncated_over_udp_whole_over_tcp(name: str) -> None:
    kind = "TXT" if name.startswith("huge") else "A"
    async with DnsServer(RECORDS, FAULTS) as server:
        short = await ask(server, name, kind)
        query = dns.message.make_query(name, kind)
        whole = await dns.asyncquery.tcp(query, server.host, timeout=2, port=server.port)
    assert short.flags & dns.flags.TC
    assert not short.answer
    assert whole.answer
    assert [q.over for q in server.questions] == ["udp", "tcp"]


@pytest.mark.parametrize("name", ["wrong-id.example.test", "spoofed.example.test"])
async def test_false_answers_come_first(name: str) -> None:
    async with DnsServer(RECORDS, FAULTS) as server:
        with pytest.raises(dns.query.BadResponse):
            await ask(server, name, ignore_unexpected=False)
        assert addresses(await ask(server, name, ignore_errors=True)) == ["127.0.0.9"]


async def test_faults_of_one_type_only() -> None:
    async with DnsServer({"a-only.example.test": {"A": "127.0.0.2"}}, FAULTS) as server:
        assert addresses(await ask(server, "a-only.example.test")) == ["127.0.0.2"]
        assert (await ask(server, "a-only.example.test", "AAAA")).rcode() == dns.rcode.SERVFAIL


async def test_rebinding() -> None:
    turns = {("rebind.test", "A"): [["203.0.113.5"], ["127.0.0.1"]]}
    async with DnsServer({}, rebinding=turns) as server:
        answers = [addresses(await ask(server, "rebind.test")) for _ in range(3)]
    assert answers == [["203.0.113.5"], ["127.0.0.1"], ["203.0.113.5"]]


@pytest.mark.skipif(not shutil.which("dig"), reason="dig is not installed (bind9-dnsutils)")
async def test_dig_agrees() -> None:
    async with DnsServer(RECORDS, FAULTS) as server:
        dig = await asyncio.create_subprocess_exec(
            *("dig", f"@{server.host}", "-p", str(server.port), "+short", "truncated.example.test", "A"),
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await dig.communicate()
    assert out == b"127.0.0.9\n"
    assert [q.over for q in server.questions] == ["udp", "tcp"]
