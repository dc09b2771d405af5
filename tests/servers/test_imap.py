"""The scripted IMAP server against Python's imaplib, and by hand where that cannot say it."""

import asyncio
import base64
import imaplib
from collections.abc import Callable
from typing import Any

import pytest

from tests.servers.byhand import ByHand
from tests.servers.conftest import Trust
from tests.servers.imap import ImapScript, ImapServer, many_folders
from tests.servers.refusals import ECHOES, IMAP, echo
from tests.servers.scram import ScramClient
from tests.servers.script import CLOSE, spellings

USER, SECRET = "taro@example.test", 'pä"ss\\ wörd'


def script(trust: Trust, **words: Any) -> ImapScript:
    return ImapScript(**{"identity": trust.identity, "accounts": {USER: SECRET}, **words})


async def with_imaplib(server: ImapServer, trust: Trust, work: Callable[[Any], Any]) -> Any:
    def run() -> Any:
        if server.script.security == "tls":
            client: Any = imaplib.IMAP4_SSL("127.0.0.1", server.port, ssl_context=trust.client, timeout=5)
        else:
            client = imaplib.IMAP4("127.0.0.1", server.port, timeout=5)
        try:
            return work(client)
        finally:
            client.shutdown()

    return await asyncio.to_thread(run)


async def test_login_and_folders(trust: Trust) -> None:
    async with ImapServer(script(trust)) as server:

        def work(client: imaplib.IMAP4) -> tuple[Any, ...]:
            client.authenticate("PLAIN", lambda _: b"\0" + USER.encode() + b"\0" + SECRET.encode())
            return client.select("INBOX", readonly=True), client.list(), client.status("Sent", "(MESSAGES)")

        opened, folders, status = await with_imaplib(server, trust, work)
    assert opened == ("OK", [b"12"])
    assert folders[1][2] == b'(\\HasNoChildren) "/" "&Xn8wazBXMGY-"'
    assert status == ("OK", [b'"Sent" (MESSAGES 3)'])
    assert server.transcript.commands == ["CAPABILITY", "AUTHENTICATE", "EXAMINE", "LIST", "STATUS"]
    assert [(a.mechanism, a.user, a.accepted, a.secure) for a in server.transcript.attempts] == [
        ("PLAIN", USER, True, True)
    ]
    assert server.transcript.saw(SECRET)
    assert not server.transcript.saw_in_plain(SECRET)


async def test_starttls_then_cram_md5(trust: Trust) -> None:
    async with ImapServer(script(trust, security="starttls", mechanisms=("CRAM-MD5",))) as server:

        def work(client: imaplib.IMAP4) -> Any:
            assert client.starttls(trust.client)[0] == "OK"
            return client.login_cram_md5(USER, SECRET)

        assert (await with_imaplib(server, trust, work))[0] == "OK"
    assert server.transcript.attempts[0].accepted
    assert not server.transcript.saw(SECRET)
    assert b"AUTHENTICATE" not in server.transcript.received_plain
    assert server.transcript.handshakes == 1


@pytest.mark.parametrize("digest", ["sha1", "sha256"])
@pytest.mark.parametrize("secret", ["pencil", "wrong"])
async def test_scram(trust: Trust, digest: str, secret: str) -> None:
    name = {"sha1": "SCRAM-SHA-1", "sha256": "SCRAM-SHA-256"}[digest]
    async with ImapServer(script(trust, mechanisms=(name,), accounts={"us,er=": "pencil"})) as server:
        scram = ScramClient(digest, "us,er=", secret)
        answers = iter([scram.first, None])

        def respond(challenge: bytes) -> bytes:
            first = next(answers, None)
            return first() if first else scram.answer(challenge)

        def work(client: imaplib.IMAP4) -> str:
            try:
                return client.authenticate(name, respond)[0]
            except imaplib.IMAP4.error as error:
                return str(error)

        outcome = await with_imaplib(server, trust, work)
    assert (outcome == "OK") == (secret == "pencil"), outcome
    assert server.transcript.attempts[0].accepted == (secret == "pencil")


async def test_scram_with_a_forged_signature(trust: Trust) -> None:
    async with ImapServer(
        script(trust, mechanisms=("SCRAM-SHA-256",), accounts={"user": "pencil"}, forge_signature=True)
    ) as server:
        scram = ScramClient("sha256", "user", "pencil")
        async with ByHand(server, trust.client) as client:
            line = await client.say(b"a AUTHENTICATE SCRAM-SHA-256 " + base64.b64encode(scram.first()) + b"\r\n")
            line = await client.say(base64.b64encode(scram.answer(base64.b64decode(line[2:]))) + b"\r\n")
            with pytest.raises(ValueError, match="does not fit"):
                scram.answer(base64.b64decode(line[2:]))


@pytest.mark.parametrize("plus", [b"", b"+"])
async def test_login_with_literals(trust: Trust, plus: bytes) -> None:
    async with ImapServer(script(trust)) as server, ByHand(server, trust.client) as client:
        user, secret = USER.encode(), SECRET.encode()
        opening = b"a LOGIN {%d%s}\r\n" % (len(user), plus)
        between = b"%s {%d%s}\r\n" % (user, len(secret), plus)
        if plus:
            reply = await client.say(opening + between + secret + b"\r\n")
        else:
            assert (await client.say(opening)).startswith(b"+")
            assert (await client.say(between)).startswith(b"+")
            reply = await client.say(secret + b"\r\n")
        assert reply.startswith(b"a OK")


async def test_login_with_quoted_strings(trust: Trust) -> None:
    async with (
        ImapServer(script(trust, accounts={USER: 'pa"ss\\ 1'})) as server,
        ByHand(server, trust.client) as client,
    ):
        assert (await client.say(b'a LOGIN "' + USER.encode() + b'" "pa\\"ss\\\\ 1"\r\n')).startswith(b"a OK")


@pytest.mark.parametrize("takes", [True, False])
async def test_8_bit_in_quoted_strings(trust: Trust, takes: bool) -> None:
    accounts = {"u": "p\u00e4"}
    async with (
        ImapServer(script(trust, accounts=accounts, takes_8bit=takes)) as server,
        ByHand(server, trust.client) as client,
    ):
        reply = await client.say('a LOGIN u "p\u00e4"\r\n'.encode())
    assert reply.startswith(b"a OK" if takes else b"* BAD")


@pytest.mark.parametrize(
    ("capability", "size", "taken"),
    [("LITERAL+", 5000, True), ("LITERAL-", 4096, True), ("LITERAL-", 4097, False), ("ID", 1, False)],
)
async def test_unasked_literals(trust: Trust, capability: str, size: int, taken: bool) -> None:
    async with ImapServer(script(trust, capabilities=(capability,))) as server, ByHand(server, trust.client) as client:
        reply = await client.say(b"a LOGIN u {%d+}\r\n%s\r\n" % (size, b"x" * size))
    assert reply.startswith(b"a NO" if taken else b"* BYE")


async def test_initial_response_only_where_announced(trust: Trust) -> None:
    async with ImapServer(script(trust, capabilities=())) as server, ByHand(server, trust.client) as client:
        assert (await client.say(b"a AUTHENTICATE PLAIN AHUAcA==\r\n")).startswith(b"a BAD")
        assert await client.say(b"b AUTHENTICATE PLAIN\r\n") == b"+ \r\n"
        assert (await client.say(b"AHUAcA==\r\n")).startswith(b"b NO")


@pytest.mark.parametrize("empty", [b'a LOGIN "" ""\r\n', b"a LOGIN {0+}\r\n {0+}\r\n\r\n"])
async def test_empty_strings_are_arguments(trust: Trust, empty: bytes) -> None:
    async with ImapServer(script(trust)) as server, ByHand(server, trust.client) as client:
        assert b"AUTHENTICATIONFAILED" in await client.say(empty)
    assert server.transcript.used == 1


@pytest.mark.parametrize("situation", [name for name, words in IMAP.items() if isinstance(words, str)])
async def test_refusals(trust: Trust, situation: str) -> None:
    async with ImapServer(script(trust, refuse_all=IMAP[situation])) as server, ByHand(server, trust.client) as client:
        reply = await client.say(b"a7 LOGIN x y\r\n")
    assert reply.startswith(b"a7 NO ")
    assert not server.transcript.attempts[0].accepted


async def test_bye_close_and_hang(trust: Trust) -> None:
    async with ImapServer(
        script(trust, refusals={"bye": IMAP["bye"], "close": CLOSE, "hang": IMAP["timeout"]})
    ) as server:
        async with ByHand(server, trust.client) as client:
            assert (await client.say(b"a LOGIN bye y\r\n")).startswith(b"* BYE")
            assert await client.line() == b""
        async with ByHand(server, trust.client) as client:
            assert await client.say(b"a LOGIN close y\r\n") == b""
        async with ByHand(server, trust.client) as client:
            client.writer.write(b"a LOGIN hang y\r\n")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.reader.readline(), 0.2)


@pytest.mark.parametrize("spelling", ECHOES)
async def test_echo(trust: Trust, spelling: str) -> None:
    async with (
        ImapServer(script(trust, refuse=echo("imap", spelling))) as server,
        ByHand(server, trust.client) as client,
    ):
        wrong = b"s3 c&r/e+t\xc3\xa4"
        reply = await client.say(b"a LOGIN u {%d+}\r\n%s\r\n" % (len(wrong), wrong))
    assert spellings(wrong.decode(), "u")[spelling].encode() in reply


async def test_netease_opens_nothing_without_id(trust: Trust) -> None:
    async with (
        ImapServer(script(trust, accounts={"u": "p"}, wants_id=True)) as server,
        ByHand(server, trust.client) as client,
    ):
        await client.say(b"a LOGIN u p\r\n")
        assert b"Unsafe Login" in await client.say(b"b EXAMINE INBOX\r\n")
        await client.reply(b'c ID ("name" "x (y)" "version" "1")\r\n')
        assert b"c2 OK" in await client.reply(b"c2 EXAMINE INBOX\r\n")


async def test_many_folders_with_their_status(trust: Trust) -> None:
    capabilities = ("LIST-STATUS", "STATUS=SIZE")
    words = {"accounts": {"u": "p"}, "folders": many_folders(5000), "capabilities": capabilities}
    async with ImapServer(script(trust, **words)) as server, ByHand(server, trust.client) as client:
        await client.say(b"a LOGIN u p\r\n")
        line, lines = await client.say(b'b LIST "" "*" RETURN (STATUS (MESSAGES SIZE))\r\n'), []
        while line.startswith(b"*"):
            lines.append(line)
            line = await client.line()
    assert len(lines) == 10000
    assert lines[-1] == b'* STATUS "Archive/04999" (MESSAGES 1 SIZE 4999000)\r\n'
    assert line == b"b OK done\r\n"


async def test_announced_mechanism_that_is_not_taken(trust: Trust) -> None:
    async with (
        ImapServer(script(trust, unsupported=("PLAIN", "LOGIN"))) as server,
        ByHand(server, trust.client) as client,
    ):
        assert b"AUTH=PLAIN" in client.greeting
        assert b"Unsupported" in await client.say(b"a AUTHENTICATE PLAIN AHUAcA==\r\n")
        assert (await client.say(b"a LOGIN u p\r\n")).startswith(b"a BAD")
    assert server.transcript.used == 0


async def test_token_refused_by_challenge(trust: Trust) -> None:
    async with ImapServer(script(trust, mechanisms=("XOAUTH2",))) as server, ByHand(server, trust.client) as client:
        token = base64.b64encode(b"user=u\x01auth=Bearer t\x01\x01")
        challenge = await client.say(b"a AUTHENTICATE XOAUTH2 " + token + b"\r\n")
        assert b'"status": "400"' in base64.b64decode(challenge[2:])
        assert (await client.say(b"\r\n")).startswith(b"a NO")


async def test_replies_by_command_and_unknown_ones(trust: Trust) -> None:
    async with (
        ImapServer(script(trust, replies={"NOOP": "* 1 EXISTS\r\n{tag} OK news"})) as server,
        ByHand(server, trust.client) as client,
    ):
        assert await client.reply(b"n NOOP\r\n") == b"n OK news\r\n"
        assert (await client.say(b"x FROB\r\n")).startswith(b"x BAD")
        assert (await client.say(b"x EXAMINE INBOX\r\n")).startswith(b"x BAD")


async def test_server_name_is_noted(trust: Trust) -> None:
    async with ImapServer(script(trust)) as server:
        _, writer = await asyncio.open_connection(
            "127.0.0.1", server.port, ssl=trust.client, server_hostname="localhost"
        )
        writer.transport.abort()
    assert server.transcript.server_names == ["localhost"]
