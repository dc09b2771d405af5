"""The scripted SMTP and POP3 servers against Python's smtplib and poplib."""

import asyncio
import poplib
import smtplib
from collections.abc import Callable
from typing import Any

import pytest

from tests.servers.conftest import Trust
from tests.servers.pop import PopScript, PopServer
from tests.servers.refusals import POP, SMTP
from tests.servers.smtp import SmtpScript, SmtpServer

USER, SECRET = "taro@example.test", 'pa"ss\\ word'


async def smtp(trust: Trust, work: Callable[[smtplib.SMTP], Any], **words: Any) -> tuple[SmtpServer, Any]:
    script = SmtpScript(**{"identity": trust.identity, "accounts": {USER: SECRET}, **words})
    async with SmtpServer(script) as server:

        def run() -> Any:
            if script.security == "tls":
                client: smtplib.SMTP = smtplib.SMTP_SSL("127.0.0.1", server.port, context=trust.client, timeout=5)
            else:
                client = smtplib.SMTP("127.0.0.1", server.port, timeout=5)
            try:
                return work(client)
            finally:
                client.close()

        return server, await asyncio.to_thread(run)


async def pop(trust: Trust, work: Callable[[poplib.POP3], Any], **words: Any) -> tuple[PopServer, Any]:
    script = PopScript(**{"identity": trust.identity, "accounts": {USER: SECRET}, **words})
    async with PopServer(script) as server:

        def run() -> Any:
            if script.security == "tls":
                client: poplib.POP3 = poplib.POP3_SSL("127.0.0.1", server.port, context=trust.client, timeout=5)
            else:
                client = poplib.POP3("127.0.0.1", server.port, timeout=5)
            try:
                return work(client)
            finally:
                client.close()

        return server, await asyncio.to_thread(run)


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
@pytest.mark.parametrize("security", ["tls", "starttls", "plain"])
async def test_smtp_login_and_submission(trust: Trust, mechanism: str, security: Any) -> None:
    def work(client: smtplib.SMTP) -> list[int]:
        if security == "starttls":
            client.starttls(context=trust.client)
        client.login(USER, SECRET)
        return [client.mail(USER)[0], client.rcpt(USER)[0], client.rset()[0]]

    server, codes = await smtp(trust, work, security=security, mechanisms=(mechanism,))
    assert codes == [250, 250, 250]
    assert server.transcript.attempts[0].accepted
    assert server.transcript.attempts[0].secure == (security != "plain")
    assert server.transcript.saw(SECRET) == (mechanism != "CRAM-MD5")
    assert server.transcript.saw_in_plain(SECRET) == (mechanism != "CRAM-MD5" and security == "plain")
    assert (server.transcript.senders, server.transcript.recipients) == ([USER], [USER])


@pytest.mark.parametrize("situation", [name for name, words in SMTP.items() if isinstance(words, str)])
async def test_smtp_refusals(trust: Trust, situation: str) -> None:
    def work(client: smtplib.SMTP) -> int:
        client.ehlo()
        return client.docmd("AUTH", "PLAIN AHUAcA==")[0]

    server, code = await smtp(trust, work, refuse_all=SMTP[situation])
    assert str(code) == str(SMTP[situation])[:3]
    assert not server.transcript.attempts[0].accepted


async def test_smtp_submission_is_refused(trust: Trust) -> None:
    def work(client: smtplib.SMTP) -> tuple[int, bytes]:
        client.login(USER, SECRET)
        client.mail(USER)
        return client.rcpt(USER)

    _, reply = await smtp(trust, work, rcpt="550 5.7.1 <{user}>... Command rejected")
    assert reply == (550, f"5.7.1 <{USER}>... Command rejected".encode())


async def test_smtp_capabilities(trust: Trust) -> None:
    def features(client: smtplib.SMTP) -> dict[str, str]:
        client.ehlo()
        return client.esmtp_features

    _, sound = await smtp(trust, features, security="starttls", tls_before_login=True)
    assert "starttls" in sound
    assert "auth" not in sound
    _, without = await smtp(trust, features, auth_line=False)
    assert "auth" not in without
    _, missing = await smtp(trust, features, security="starttls", starttls="missing")
    assert "starttls" not in missing
    assert missing["auth"].split() == ["PLAIN", "LOGIN"]


async def test_smtp_codes_of_situations(trust: Trust) -> None:
    def auth(client: smtplib.SMTP) -> int:
        client.ehlo()
        return client.docmd("AUTH", "PLAIN AHUAcA==")[0]

    assert (await smtp(trust, auth, security="starttls", tls_before_login=True))[1] == 530
    assert (await smtp(trust, auth, auth_line=False))[1] == 503
    assert (await smtp(trust, auth, unsupported=("PLAIN",)))[1] == 504
    assert (await smtp(trust, lambda client: client.docmd("AUTH", "PLAIN !")[0]))[1] == 501
    assert (await smtp(trust, lambda client: client.ehlo()[0], helo_only=True))[1] == 502
    assert (await smtp(trust, lambda client: client.helo()[0], helo_only=True))[1] == 250
    assert (await smtp(trust, lambda client: client.mail("a@b")[0]))[1] == 530


async def test_smtp_pipelined(trust: Trust) -> None:
    def work(client: smtplib.SMTP) -> list[int]:
        client.login(USER, SECRET)
        client.send(f"MAIL FROM:<{USER}>\r\nRCPT TO:<{USER}>\r\nRSET\r\n")
        return [client.getreply()[0] for _ in range(3)]

    assert (await smtp(trust, work))[1] == [250, 250, 250]


@pytest.mark.parametrize("fault", ["refused", "garbage", "close"])
async def test_smtp_starttls_faults(trust: Trust, fault: Any) -> None:
    def work(client: smtplib.SMTP) -> int:
        client.ehlo()
        return client.docmd("STARTTLS")[0]

    code = (await smtp(trust, work, security="starttls", starttls=fault))[1]
    assert code == (454 if fault == "refused" else 220)


@pytest.mark.parametrize("security", ["tls", "starttls", "plain"])
async def test_pop_login(trust: Trust, security: Any) -> None:
    def work(client: poplib.POP3) -> tuple[int, int]:
        if security == "starttls":
            client.stls(trust.client)
        client.user(USER)
        client.pass_(SECRET)
        return client.stat()

    server, state = await pop(trust, work, security=security)
    assert state == (2, 320)
    assert server.transcript.attempts[0].mechanism == "USER"
    assert server.transcript.saw_in_plain(SECRET) == (security == "plain")


async def test_pop_apop_and_sasl(trust: Trust) -> None:
    server, reply = await pop(trust, lambda client: client.apop(USER, SECRET), apop=True)
    assert reply.startswith(b"+OK")
    assert not server.transcript.saw(SECRET)
    _, reply = await pop(trust, lambda c: c._shortcmd("AUTH PLAIN AHUAcA=="), accounts={"u": "p"})
    assert reply.startswith(b"+OK")


@pytest.mark.parametrize("situation", [name for name, words in POP.items() if isinstance(words, str)])
async def test_pop_refusals(trust: Trust, situation: str) -> None:
    def work(client: poplib.POP3) -> str:
        client.user(USER)
        with pytest.raises(poplib.error_proto) as refused:
            client.pass_(SECRET)
        return refused.value.args[0].decode()

    server, words = await pop(trust, work, refuse_all=POP[situation])
    assert words == POP[situation]
    assert server.transcript.used == 1


async def test_pop_capabilities(trust: Trust) -> None:
    _, capabilities = await pop(trust, lambda client: client.capa(), security="starttls")
    assert capabilities["SASL"] == ["PLAIN", "LOGIN"]
    assert {"STLS", "USER"} <= set(capabilities)
    with pytest.raises(poplib.error_proto):
        await pop(trust, lambda client: client.capa(), capa=False)
