"""A log-in does no harm: one attempt, one connection, the strongest mechanism, any secret, nothing changed."""

import pytest

from bot.core.model import SERVICES, Endpoint, Security, Service
from tests.checks.cases.table import Ground
from tests.checks.running import ACCOUNT, SECRET, Seen, examine, make_world
from tests.servers.refusals import IMAP
from tests.servers.script import HANG, Say
from tests.servers.world import World

DOMAIN = "practice.test"
MECHANISMS = ("SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN")
SECRETS = {
    "quote": 'pa"ss"word',
    "backslash": "back\\slash\\",
    "spaces": "two words  and more",
    "leading": " leading space",
    "trailing": "trailing space ",
    "kanji": "パスワード漢字",
    "umlauts": "pässwörd€",
    "long": "x9" * 500,
    "braces": "a{3}b",
    "percent": "100%{}+~&=",
    "star": "*",
    "control": "tab\tinside",
}


async def log_in(
    service: Service, security: Security = "tls", secret: str = SECRET, **script: object
) -> tuple[Seen, object]:
    async with make_world() as world:
        ground = Ground(world, service, security, secret=secret)
        server = await ground.serve(**{"accounts": {ACCOUNT: secret}, **script})
        seen = await ground.examine()
    return seen, server.transcript


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("position", range(len(MECHANISMS)))
async def test_strongest_mechanism_first(service: Service, position: int) -> None:
    seen, transcript = await log_in(service, mechanisms=tuple(reversed(MECHANISMS[position:])))
    assert seen.report.verdict == "pass"
    assert [(a.mechanism, a.accepted, a.secure) for a in transcript.attempts] == [(MECHANISMS[position], True, True)]
    assert seen.report.attempts == {service: 1}
    assert transcript.connections == 1


@pytest.mark.parametrize("security", ["tls", "starttls"])
@pytest.mark.parametrize("name", SECRETS)
async def test_any_secret_arrives(name: str, security: Security) -> None:
    """By SASL and by the plain commands; POP's PASS and IMAP's LOGIN with literals and quoted strings."""
    secret = SECRETS[name]
    ways = {
        "imap": (
            {"mechanisms": ()},
            {"mechanisms": (), "capabilities": ("ID",)},
            {"mechanisms": ("PLAIN",), "capabilities": ()},
        ),
        "smtp": ({"mechanisms": ("PLAIN",)}, {"mechanisms": ("LOGIN",)}, {"mechanisms": ("SCRAM-SHA-256",)}),
        "pop": ({"mechanisms": ()}, {"mechanisms": ("CRAM-MD5",)}),
    }
    for service in SERVICES:
        for script in ways[service]:
            seen, transcript = await log_in(service, security, secret, **script)
            assert seen.report.verdict == "pass", (service, script, seen.data["steps"])
            assert transcript.used == 1
            assert not transcript.saw_in_plain(secret)


@pytest.mark.parametrize("service", SERVICES)
async def test_another_mechanism_only_when_the_server_says_so(service: Service) -> None:
    mechanisms = ("SCRAM-SHA-256", "CRAM-MD5", "PLAIN")
    seen, transcript = await log_in(service, mechanisms=mechanisms, unsupported=("SCRAM-SHA-256", "CRAM-MD5"))
    assert seen.report.verdict == "pass"
    assert [attempt.mechanism for attempt in transcript.attempts] == ["PLAIN"]
    assert transcript.connections == 1
    seen, transcript = await log_in(service, mechanisms=mechanisms, refuse_all=_no(service))
    assert seen.report.cause == "login.wrong_credentials"
    assert [attempt.mechanism for attempt in transcript.attempts] == ["SCRAM-SHA-256"]


def _no(service: Service) -> str:
    return {
        "imap": "{tag} NO [AUTHENTICATIONFAILED] Authentication failed, unknown user or wrong password",
        "smtp": "535 5.7.8 Authentication failed, unknown user or wrong password",
        "pop": "-ERR [AUTH] Authentication failed, unknown user or wrong password",
    }[service]


async def test_login_command_where_authenticate_is_unknown() -> None:
    seen, transcript = await log_in("imap", replies={"AUTHENTICATE": "{tag} BAD Unknown command"})
    assert seen.report.verdict == "pass"
    assert [attempt.mechanism for attempt in transcript.attempts] == ["LOGIN COMMAND"]


async def test_apop_where_there_is_nothing_else() -> None:
    seen, transcript = await log_in("pop", mechanisms=(), user_command=False, apop=True)
    assert [attempt.mechanism for attempt in transcript.attempts] in ([], ["APOP"])
    assert seen.report.verdict == "pass", seen.data["steps"]


async def test_pop_without_capa() -> None:
    seen, transcript = await log_in("pop", capa=False)
    assert seen.report.verdict == "pass"
    assert [attempt.mechanism for attempt in transcript.attempts] == ["USER"]


@pytest.mark.parametrize("service", SERVICES)
async def test_a_server_that_does_not_know_the_password_is_not_believed(service: Service) -> None:
    seen, _ = await log_in(service, mechanisms=("SCRAM-SHA-256",), forge_signature=True)
    finding = seen.finding("login.unrecognised", f"{service}.login")
    assert finding.evidence["detail"] == "the server does not prove that it knows the password"


async def pair(
    world: World, imap: dict[str, object] | None = None, smtp: dict[str, object] | None = None
) -> tuple[Seen, object, object]:
    world.domain(DOMAIN)
    accounts = {ACCOUNT: SECRET}
    one = await world.imap(f"imap.{DOMAIN}", **{"accounts": accounts, **(imap or {})})
    other = await world.smtp(f"smtp.{DOMAIN}", **{"accounts": accounts, **(smtp or {})})
    seen = await examine(world, DOMAIN, account=ACCOUNT, secret=SECRET)
    return seen, one.transcript, other.transcript


@pytest.mark.parametrize("named", [False, True])
async def test_smtp_waits_for_the_verdict_of_imap(named: bool) -> None:
    """However slow IMAP is, and whether the servers were named or found."""
    slow = Say("{tag} NO [AUTHENTICATIONFAILED] Invalid credentials", delay=0.4)
    async with make_world() as world:
        world.domain(DOMAIN)
        imap = await world.imap(f"imap.{DOMAIN}", refuse_all=slow)
        smtp = await world.smtp(f"smtp.{DOMAIN}", accounts={ACCOUNT: SECRET})
        pop = await world.pop(f"pop.{DOMAIN}", accounts={ACCOUNT: SECRET})
        ends = {s: Endpoint(f"{s}.{DOMAIN}", t.port, "tls") for s, t in (("imap", imap), ("smtp", smtp), ("pop", pop))}
        servers = ends if named else {"pop": ends["pop"], "imap": ends["imap"]}
        seen = await examine(world, None if named else DOMAIN, servers=servers, account=ACCOUNT, secret=SECRET)
    assert (imap.transcript.used, smtp.transcript.used, pop.transcript.used) == (1, 0, 0)
    assert {seen.step(f"{service}.login").skipped_because for service in ("smtp", "pop")} == {"imap.login"}


async def test_refused_secret_is_not_sent_again() -> None:
    async with make_world() as world:
        seen, imap, smtp = await pair(world, {"accounts": {ACCOUNT: "another"}})
    assert (imap.used, smtp.used) == (1, 0)
    assert not smtp.saw(SECRET)
    assert seen.step("smtp.login").skipped_because == "imap.login"
    assert seen.step("smtp.submission").status == "skipped"
    assert seen.step("smtp.capability").status == "pass"
    assert seen.report.attempts == {"imap": 1}


@pytest.mark.parametrize("word", ["protocol_disabled", "server_unavailable", "too_many_connections"])
async def test_other_refusals_say_nothing_against_the_secret(word: str) -> None:
    async with make_world() as world:
        seen, imap, smtp = await pair(world, {"refuse_all": IMAP[word]})
    assert (imap.used, smtp.used) == (1, 1)
    assert seen.step("smtp.login").status == "pass"
    assert seen.report.cause == f"login.{word}"


async def test_smtp_is_checked_when_imap_is_down() -> None:
    async with make_world() as world:
        world.domain(DOMAIN)
        await world.closed(f"imap.{DOMAIN}", 993)
        world.record(f"_imaps._tcp.{DOMAIN}", "SRV", f"0 1 993 imap.{DOMAIN}.")
        smtp = await world.smtp(f"smtp.{DOMAIN}", accounts={ACCOUNT: "another"})
        seen = await examine(world, DOMAIN, account=ACCOUNT, secret=SECRET)
    assert seen.report.failing_step == "imap.connect"
    assert seen.codes("smtp.login") == ["login.wrong_credentials"]
    assert smtp.transcript.used == 1


async def test_mailbox_is_read_and_nothing_changes() -> None:
    async with make_world() as world:
        seen, imap, smtp = await pair(world, {"wants_id": True})
    assert imap.commands == ["AUTHENTICATE", "ID", "EXAMINE", "LIST", "LIST"]
    assert smtp.commands == ["EHLO", "AUTH", "MAIL", "RCPT", "RSET"]
    assert (smtp.senders, smtp.recipients) == ([ACCOUNT], [ACCOUNT])
    assert seen.step("imap.mailbox").notes["folders"] == 3
    assert (imap.connections, smtp.connections) == (1, 1)


async def test_submission_goes_in_one_piece() -> None:
    """MAIL, RCPT and RSET arrive together where PIPELINING is offered."""
    seen, transcript = await log_in("smtp", mechanisms=("PLAIN",))
    text = bytes(transcript.received).decode()
    assert f"MAIL FROM:<{ACCOUNT}>\r\nRCPT TO:<{ACCOUNT}>\r\nRSET\r\n" in text
    assert "DATA" not in transcript.commands
    assert seen.report.verdict == "pass"


async def test_folders_are_counted_one_by_one_where_list_cannot() -> None:
    seen, transcript = await log_in("imap", capabilities=("ID",))
    assert transcript.commands == ["AUTHENTICATE", "ID", "EXAMINE", "LIST", "STATUS", "STATUS", "STATUS"]
    notes = seen.step("imap.mailbox").notes
    assert (notes["inbox"], notes["folders"], notes["messages"]) == (12, 3, 16)


async def test_counting_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes too long to count has shown its folders all the same."""
    monkeypatch.setattr("bot.checks.imap.mailbox._COUNT_TIME", 0.2)
    seen, _ = await log_in("imap", capabilities=("ID",), replies={"STATUS": HANG})
    notes = seen.step("imap.mailbox").notes
    assert (seen.report.verdict, notes["folders"], notes["messages"]) == ("pass", 3, None)


async def test_sizes_where_the_server_knows_them() -> None:
    seen, _ = await log_in("imap", capabilities=("LIST-STATUS", "STATUS=SIZE"))
    notes = seen.step("imap.mailbox").notes
    assert notes["bytes"] == 34567 + 4000 + 100
    assert notes["largest"][0]["name"] == "INBOX"


async def test_without_secret_nothing_is_logged_in_to() -> None:
    async with make_world() as world:
        world.domain(DOMAIN)
        imap = await world.imap(f"imap.{DOMAIN}")
        await world.smtp(f"smtp.{DOMAIN}")
        seen = await examine(world, DOMAIN)
    assert seen.report.verdict == "pass"
    assert seen.step("imap.login").skipped_because == "no_secret"
    assert seen.step("smtp.submission").skipped_because == "no_secret"
    assert imap.transcript.used == 0


async def test_an_account_that_is_logged_in_already() -> None:
    """PREAUTH (RFC 9051, 7.1.4) leaves nothing to log in to; it is told, and no secret is sent."""
    seen, transcript = await log_in("imap", preauth=True)
    assert not transcript.saw(SECRET)
    assert seen.step("imap.login").status != "fail"
