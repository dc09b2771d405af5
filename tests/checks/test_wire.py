"""Whatever bytes come, the parsers raise nothing but their own errors, keep within bounds, and read what is sound."""

import asyncio
import base64
import socket
from types import SimpleNamespace
from typing import Any
from xml.sax.saxutils import escape

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bot.checks.domain.wire import is_host, read_autoconfig
from bot.checks.imap import probe as imap_probe
from bot.checks.imap import wire as imap
from bot.checks.link.faults import NETWORK_ERRORS, Malformed
from bot.checks.link.protocols import service_of
from bot.checks.link.stream import Stream, printable
from bot.checks.pop import probe as pop_probe
from bot.checks.pop import wire as pop
from bot.checks.sasl import Dialogue, SaslError, _Scram, speaks_of_command, speaks_of_mechanism
from bot.checks.smtp import probe as smtp_probe
from bot.checks.smtp import wire as smtp

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
FEW = settings(max_examples=60, deadline=None)
WORDS = st.sampled_from([
    b"* ", b"a1 ", b"OK", b"NO", b"BAD", b"BYE", b"PREAUTH", b"[", b"]", b"CAPABILITY", b" ", b"{3}", b"{99999999999}",
    b"\r\n", b"\n", b"+ ", b"+OK", b"-ERR", b"220", b"250-", b"250 ", b"535 5.7.8 ", b'"', b"\\", b"(", b")", b"STATUS",
    b"LIST", b"MESSAGES", b"1", b"&AGE-", b"&", b"=", b"\x00", b"\xff", "é".encode(), b"<1@x>", b"SASL PLAIN", b".",
])  # fmt: skip
SOUP = st.lists(WORDS | st.binary(max_size=6), max_size=30).map(b"".join)


@QUICK
@given(SOUP, st.sampled_from(["a1", "", "*"]))
@example(b"* OK [CAPABILITY", "a1")
@example(b"a1 OK [" + b"x" * 5000, "a1")
def test_imap_replies(data: bytes, tag: str) -> None:
    imap.literal_size(data)
    try:
        reply = imap.parse(data, tag)
    except imap.ImapSyntaxError:
        return
    if not isinstance(reply, imap.Continuation):
        words = imap.capability_words(reply)
        assert words is None or all(word == word.upper() for word in words)
        assert len(reply.line) <= 1000


@QUICK
@given(SOUP, SOUP)
@example(b"(" * 5000, b"")
@example(b'() "/" "&' + b"A" * 5000 + b'-"', b"")
def test_imap_folders(line: bytes, literal: bytes) -> None:
    folder = imap.listed([b'() "/" ' + line, literal])
    assert folder is None or len(folder.name) <= 500
    found = imap.status_data(b"STATUS " + line + b" (MESSAGES " + literal + b")")
    assert found is None or all(number >= 0 for number in found[1].values())


@given(st.text())
def test_imap_quoting_is_read_back(text: str) -> None:
    quoted = imap.quote(text)
    assert quoted is None or b"\r" not in quoted
    if quoted is not None and text.isprintable() and len(text) <= 500:
        assert imap.unquote(quoted) == text.strip()


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="&")))
def test_imap_utf7_is_read_back(name: str) -> None:
    coded = "".join(
        c if c.isascii() else "&" + base64.b64encode(c.encode("utf-16-be")).decode().rstrip("=").replace("/", ",") + "-"
        for c in name
    )
    assert imap.unutf7(coded) == name


@QUICK
@given(st.lists(SOUP, min_size=1, max_size=5))
def test_smtp_replies(lines: list[bytes]) -> None:
    try:
        for line in lines:
            smtp.last_line(line)
        reply = smtp.reply(lines)
    except smtp.SmtpSyntaxError:
        return
    assert 200 <= reply.code < 600
    smtp.mechanisms(smtp.ehlo_words(reply))


@QUICK
@given(SOUP)
def test_pop_replies(line: bytes) -> None:
    pop.timestamp(line)
    pop.mechanisms(pop.capabilities([line]))
    try:
        pop.reply(line)
    except pop.PopSyntaxError:
        return


@pytest.mark.parametrize(
    ("first", "service"),
    [(b"220\r\n", "smtp"), (b"220-first\r\n", "smtp"), (b"521 no mail here\r\n", "smtp"), (b"+ok hello\r\n", "pop3"),
     (b"* ok\r\n", "imap"), (b"220 ready (vsFTPd 3.0.5)\r\n", "ftp"), (b"2200 no\r\n", None), (b"521no\r\n", None)],
)  # fmt: skip
def test_first_lines(first: bytes, service: str | None) -> None:
    assert service_of(first) == service


@QUICK
@given(st.binary(max_size=300), st.integers(0, 400))
def test_printable_text(data: bytes, limit: int) -> None:
    text = printable(data, limit)
    assert len(text) <= limit
    assert all(c.isprintable() or c == "\n" for c in text)
    service_of(data)
    speaks_of_command(text)
    speaks_of_mechanism(text)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("日本".encode(), "日本"),
        ("日本".encode()[:-1], "日"),
        ("密码".encode("gbk"), "密码"),
        (b"a\x00b\x1b[1m", "a�b�[1m"),
    ],
)
def test_printable_examples(data: bytes, text: str) -> None:
    assert printable(data) == text


@QUICK
@given(st.binary(max_size=400) | st.text(max_size=400).map(str.encode))
@example(
    b"<clientConfig><incomingServer type='imap'><hostname>a.b</hostname><port>"
    + "９９".encode()
    + b"</port></incomingServer></clientConfig>"
)
@example(b'<?xml version="1.0" encoding="utf-7"?><a/>')
@example(b'<?xml version="1.0" encoding="nonsense"?><a/>')
def test_autoconfig_files(body: bytes) -> None:
    for endpoint in read_autoconfig(body, "example.test").values():
        assert is_host(endpoint.host)
        assert 0 < endpoint.port < 65536


_TEXT = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=80)


@QUICK
@given(_TEXT, _TEXT, st.sampled_from(["SSL", "STARTTLS", "plain", "ssl"]))
@example("%EMAILDOMAIN%", "993", "SSL")
@example("a.b", "٣", "SSL")
@example("a.b", "9" * 5000, "SSL")
def test_autoconfig_values(host: str, port: str, kind: str) -> None:
    body = (
        f'<c><incomingServer type="imap"><hostname>{escape(host)}</hostname><port>{escape(port)}</port>'
        f"<socketType>{kind}</socketType></incomingServer></c>"
    )
    for endpoint in read_autoconfig(body.encode(), "example.test").values():
        assert is_host(endpoint.host)
        assert 0 < endpoint.port < 65536


@QUICK
@given(st.binary(max_size=200) | st.text(alphabet="rsiv=,0123456789+/abc", max_size=80).map(str.encode))
def test_scram_challenges(challenge: bytes) -> None:
    scram = _Scram("taro", "secret", "sha256")
    scram.initial()
    dialogue = Dialogue(scram)
    assert dialogue.respond(challenge)
    for _ in range(2):
        try:
            assert scram.respond(challenge) is not None
        except (SaslError, ValueError):
            return


PROBES: dict[str, tuple[Any, ...]] = {
    "imap": (imap_probe.greet, imap_probe.capabilities),
    "smtp": (smtp_probe.greet, smtp_probe.capabilities),
    "pop": (pop_probe.greet, pop_probe.capabilities),
}


@FEW
@given(SOUP, st.sampled_from(["imap", "smtp", "pop"]))
@example(b"220-a\r\nnonsense\r\n", "smtp")
@example(b"220 a\r\n250-b\r\n251 c\r\n", "smtp")
@example(b"* OK-ish\r\n", "imap")
@example(b"* OK x\r\n* CAPABILITY IMAP4rev1\r\na1 BAD\r\n", "imap")
@example(b"+OK\r\n+ \r\n", "pop")
def test_probes_over_a_socket(data: bytes, service: str) -> None:
    """A server that says anything at all and hangs up: facts, or an error that is a fact."""
    asyncio.run(_talk(data, service))


async def _talk(data: bytes, service: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
    with ours, theirs:
        ours.setblocking(False)
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        stream, timeouts = Stream(ours), SimpleNamespace(reply=2.0)
        line: Any = SimpleNamespace(
            stream=stream, opened=stream, memory={}, prelude=None, net=SimpleNamespace(timeouts=timeouts)
        )
        try:
            for probe in PROBES[service]:
                await probe(line)
        except (*NETWORK_ERRORS, Malformed):
            return
