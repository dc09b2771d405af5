"""The real servers start, serve, and are gone afterwards."""

import asyncio
import base64
import hashlib
import imaplib
import os
import poplib
import smtplib
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.servers.conftest import Trust
from tests.servers.dovecot import Dovecot, find_dovecot
from tests.servers.postfix import Postfix
from tests.servers.real import RealServerMissing, find_program
from tests.servers.scram import ScramClient

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("real")]
USER, SECRET = "taro@example.test", 'pä:ss"\\ 1'


@pytest.fixture(autouse=True)
async def _installed() -> None:
    """Skip, with the reason, where the packages are missing; in CI that is a failure."""
    try:
        await find_dovecot()
        find_program("postconf", "postfix")
    except RealServerMissing as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))


async def imap(dovecot: Dovecot, trust: Trust, work: Callable[[imaplib.IMAP4_SSL], Any]) -> Any:
    def run() -> Any:
        client = imaplib.IMAP4_SSL("127.0.0.1", dovecot.imaps, ssl_context=trust.client, timeout=5)
        try:
            return work(client)
        finally:
            client.shutdown()

    return await asyncio.to_thread(run)


def plain(user: str, secret: str) -> Callable[[bytes], bytes]:
    return lambda _: b"\0" + user.encode() + b"\0" + secret.encode()


async def test_dovecot_imap_and_pop(trust: Trust) -> None:
    begun = time.monotonic()
    async with Dovecot(trust.identity, {USER: SECRET}, folders=["Sent", "&Xn8wazBXMGY-"]) as dovecot:
        ready = time.monotonic() - begun

        def work(client: imaplib.IMAP4_SSL) -> tuple[Any, ...]:
            client.authenticate("PLAIN", plain(USER, SECRET))
            return client.select("INBOX", readonly=True), client.list()

        opened, folders = await imap(dovecot, trust, work)

        def read_pop() -> tuple[int, int]:
            client = poplib.POP3("127.0.0.1", dovecot.pop3, timeout=5)
            client.stls(trust.client)
            client._shortcmd("AUTH PLAIN " + base64.b64encode(plain(USER, SECRET)(b"")).decode())
            state = client.stat()
            client.quit()
            return state

        assert (await asyncio.to_thread(read_pop))[0] == 3
        ending = time.monotonic()
    assert opened == ("OK", [b"3"])
    assert any(b"&Xn8wazBXMGY-" in line for line in folders[1])
    assert ready < 3
    assert time.monotonic() - ending < 3
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", dovecot.imaps)


@pytest.mark.parametrize("digest", ["sha1", "sha256"])
async def test_dovecot_scram(trust: Trust, digest: str) -> None:
    """The same client as for the scripted servers, so that these are held to a real one's reading of RFC 5802."""
    name = {"sha1": "SCRAM-SHA-1", "sha256": "SCRAM-SHA-256"}[digest]
    assert hashlib.new(digest)
    async with Dovecot(trust.identity, {"user": "pencil"}) as dovecot:
        scram = ScramClient(digest, "user", "pencil")

        def respond(challenge: bytes) -> bytes:
            return scram.answer(challenge) if challenge else scram.first()

        assert (await imap(dovecot, trust, lambda client: client.authenticate(name, respond)))[0] == "OK"


async def test_dovecot_refusals(trust: Trust) -> None:
    accounts = {"off@example.test": "x", "wrong@example.test": "x"}
    fields = {"off@example.test": "nologin reason=Disabled"}
    async with Dovecot(trust.identity, accounts, passdb_fields=fields, protocols=("imap",)) as dovecot:

        def refused(user: str) -> Callable[[imaplib.IMAP4_SSL], str]:
            def work(client: imaplib.IMAP4_SSL) -> str:
                with pytest.raises(imaplib.IMAP4.error) as error:
                    client.login(user, "x" if user.startswith("off") else "y")
                return str(error.value)

            return work

        assert "AUTHENTICATIONFAILED" in await imap(dovecot, trust, refused("wrong@example.test"))
        assert "Disabled" in await imap(dovecot, trust, refused("off@example.test"))
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", dovecot.pop3s)


async def test_dovecot_settings_win(trust: Trust) -> None:
    async with Dovecot(trust.identity, {}, settings="login_greeting = Practice makes perfect") as dovecot:
        assert b"Practice makes perfect" in await imap(dovecot, trust, lambda client: client.welcome)


@pytest.mark.skipif(os.getuid() != 0, reason="Postfix starts as root only")
async def test_postfix(trust: Trust) -> None:
    async with Dovecot(trust.identity, {USER: SECRET}) as dovecot, Postfix(trust.identity, dovecot) as postfix:

        def submit(port: int) -> list[int]:
            client = (
                smtplib.SMTP_SSL("127.0.0.1", port, context=trust.client, timeout=5)
                if port == postfix.smtps
                else smtplib.SMTP("127.0.0.1", port, timeout=5)
            )
            with client:
                if port == postfix.submission:
                    client.starttls(context=trust.client)
                client.ehlo()
                response = base64.b64encode(plain(USER, SECRET)(b"")).decode()
                steps = [client.docmd("AUTH", f"PLAIN {response}"), client.mail(USER), client.rcpt(USER), client.rset()]
                return [code for code, _ in steps]

        assert await asyncio.to_thread(submit, postfix.smtps) == [235, 250, 250, 250]
        assert await asyncio.to_thread(submit, postfix.submission) == [235, 250, 250, 250]
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", postfix.smtps)


@pytest.mark.skipif(os.getuid() != 0, reason="Postfix starts as root only")
async def test_postfix_with_other_restrictions(trust: Trust) -> None:
    settings = {"smtpd_recipient_restrictions": "check_recipient_access static:{550 5.7.1 Command rejected}"}
    async with (
        Dovecot(trust.identity, {USER: "x"}) as dovecot,
        Postfix(trust.identity, dovecot, settings=settings) as postfix,
    ):

        def submit() -> tuple[int, bytes]:
            with smtplib.SMTP_SSL("127.0.0.1", postfix.smtps, context=trust.client, timeout=5) as client:
                client.login(USER, "x")
                client.mail(USER)
                return client.rcpt(USER)

        code, words = await asyncio.to_thread(submit)
    assert code == 550
    assert b"Command rejected" in words
