"""Nothing that could help to log in is in the transcript.

Of what was sent to log in it has the amount alone, of what servers repeat of it nothing.
"""

import ast
import re
import time
from pathlib import Path

import pytest

from bot.checks import httpauth, sasl
from bot.checks.link.stream import VerifiedStream
from bot.checks.link.transcript import TURN_BYTES, Transcript
from bot.core.cloud_mail import Token
from bot.core.model import SERVICES, Service
from bot.core.secret import MASK, Secret
from tests.checks.cases.table import Ground
from tests.checks.exchanging import PASSWORD, Play
from tests.checks.running import ACCOUNT, SECRET, Seen, examine, make_world
from tests.checks.talking import TIME, said, talk
from tests.leaks import find_leaks, spell
from tests.servers.exchange import EWS
from tests.servers.exchange_words import Reply
from tests.servers.script import Say

_FILL = (b"* OK " + b"x" * 193 + b"\r\n") * 40
ROOT = Path(__file__).parents[2]
_REFUSAL = {
    "imap": "{{tag}} NO [AUTHENTICATIONFAILED] no such password: {}",
    "smtp": "535-5.7.8 no such password:\r\n535 5.7.8 {}",
    "pop": "-ERR no such password: {}",
}


def of_log_in(seen: Seen, service: str) -> list[str]:
    """What was said from the log-in's first words to the server's answer."""
    lines = said(seen, service)
    first = next(n for n, line in enumerate(lines) if re.match(r"C: .*(AUTH|<hidden)", line))
    last = next(n for n, line in enumerate(lines) if n > first and re.match(r"S: (a3 |235|\+OK Logged)", line))
    return lines[first : last + 1]


_LOG_INS = [
    (
        "imap",
        {"mechanisms": ("LOGIN",)},
        [
            "C: a3 AUTHENTICATE LOGIN",
            "S: + <challenge, {} characters>",
            "C: <hidden, up to 32 bytes>",
            "S: + <challenge, {} characters>",
            "C: <hidden, up to 32 bytes>",
        ],
    ),
    ("imap", {"mechanisms": ()}, ["C: a3 LOGIN <hidden, up to 48 bytes>"]),
    (
        "smtp",
        {"mechanisms": ("CRAM-MD5",)},
        ["C: AUTH CRAM-MD5", "S: 334 <challenge, {} characters>", "C: <hidden, up to 80 bytes>"],
    ),
    (
        "smtp",
        {"mechanisms": ("SCRAM-SHA-256",)},
        [
            "C: AUTH SCRAM-SHA-256 <hidden, up to 96 bytes>",
            "S: 334 <challenge, {} characters>",
            "C: <hidden, up to 144 bytes>",
            "S: 334 <challenge, {} characters>",
            "C:",
        ],
    ),
    ("pop", {"mechanisms": ()}, ["C: USER <hidden, up to 32 bytes>", "S: +OK", "C: <hidden, up to 32 bytes>"]),
    ("pop", {"mechanisms": (), "user_command": False, "apop": True}, ["C: APOP <hidden, up to 64 bytes>"]),
    ("pop", {"mechanisms": ("PLAIN",)}, ["C: AUTH PLAIN <hidden, up to 64 bytes>"]),
]


@pytest.mark.parametrize(("service", "script", "wanted"), _LOG_INS)
async def test_of_a_log_in_the_amount_alone_is_kept(
    service: Service, script: dict[str, object], wanted: list[str]
) -> None:
    """By every mechanism: neither password nor digest nor proof, and no challenge to try passwords against."""
    seen = await talk(service, **script)
    assert seen.report.verdict == "pass"
    lines = [re.sub(r"\d+ characters", "{} characters", line) for line in of_log_in(seen, service)]
    assert lines[:-1] == wanted
    assert lines[-1].startswith(("S: a3 OK", "S: 235 ", "S: +OK"))
    assert ACCOUNT not in "".join(lines)


async def test_a_password_in_a_literal_is_no_command() -> None:
    """What follows the log-in's first words is hidden even where it looks like such words."""
    seen = await talk("imap", secret="a3 LOGIN é", mechanisms=(), capabilities=("ID",))
    assert seen.report.verdict == "pass"
    assert of_log_in(seen, "imap")[:3] == [
        "C: a3 LOGIN <hidden, up to 32 bytes>",
        "S: + Ready for the literal",
        "C: <hidden, up to 16 bytes>",
    ]


@pytest.mark.parametrize("length", range(16, 33))
async def test_the_length_of_a_password_does_not_show(length: int) -> None:
    """It is told in steps of sixteen bytes."""
    transcript = Transcript(time.monotonic())
    transcript.hide(sasl._COMMAND)
    transcript.tape().sent(b"PASS " + b"x" * length + b"\r\n")
    assert re.fullmatch(r"0\.\d{3} C: <hidden, up to (32|48) bytes>", transcript.lines()[0])


def test_only_functions_that_unwrap_hide_and_all_of_them_do() -> None:
    """`_demand_verified` hides before it lets anything be unwrapped; nothing else in the bot hides or reveals."""
    calls: dict[str, set[tuple[str, str]]] = {"hide": set(), "reveal": set()}
    unwrapping = []
    for path in sorted((ROOT / "bot").rglob("*.py")):
        for function in ast.walk(ast.parse(path.read_text())):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            named = [n for n in ast.walk(function) if isinstance(n, ast.Attribute | ast.Name)]
            named.sort(key=lambda node: (node.lineno, node.col_offset))
            words = [node.attr if isinstance(node, ast.Attribute) else node.id for node in named]
            for name, places in calls.items():
                if name in words:
                    places.add((path.name, function.name))
            if path.name in ("sasl.py", "httpauth.py") and "unwrap" in words:
                unwrapping.append(words.index("_demand_verified") < words.index("unwrap"))
    assert calls == {
        "hide": {("sasl.py", "_demand_verified"), ("httpauth.py", "_demand_verified"), ("stream.py", "hide")},
        "reveal": {("chain.py", "_take")},
    }
    assert unwrapping == [True] * 5


async def test_the_log_in_is_hidden_until_its_step_is_over() -> None:
    """Whatever goes over the line meanwhile, as long as nobody says that the log-in is over."""
    transcript = Transcript(time.monotonic())
    stream = VerifiedStream.__new__(VerifiedStream)
    stream.tape = transcript.tape()
    dialogue = sasl.exchange("PLAIN", ACCOUNT, Secret(SECRET), stream)
    stream.tape.sent(b"a9 AUTHENTICATE PLAIN " + (dialogue.initial(4096) or b"") + b"\r\n")
    stream.tape.sent(SECRET.encode())
    httpauth.basic(httpauth.Login(ACCOUNT, Secret(SECRET)), stream)
    stream.tape.sent(b"GET / HTTP/1.1\r\nAuthorization: " + SECRET.encode() + b"\r\n\r\n")
    token = sasl.exchange("XOAUTH2", ACCOUNT, Token("eyJ0b2tlbg"), stream)
    stream.tape.sent(b"AUTH XOAUTH2 " + (token.initial(4096) or b"") + b"\r\n")
    transcript.reveal()
    stream.tape.sent(b"a10 NOOP\r\n")
    assert [TIME.sub("", line) for line in transcript.lines()] == [
        "C: a9 AUTHENTICATE PLAIN <hidden, up to 64 bytes>",
        "C: <hidden, up to 16 bytes>",
        "C: GET / HTTP/1.1 <hidden, up to 48 bytes>",
        "C: AUTH XOAUTH2 <hidden, up to 80 bytes>",
        "C: a10 NOOP",
    ]


@pytest.mark.parametrize("service", SERVICES)
async def test_servers_that_echo_the_secret(service: Service) -> None:
    """In every spelling, in the answer to the log-in: none is left, and the words around it stay."""
    secret = "pä:ss\"\\ <1>&'x"
    async with make_world() as world:
        for kind, text in spell(secret, ACCOUNT).items():
            ground = Ground(world, service, secret=secret)
            server = await ground.serve(refuse_all=_REFUSAL[service].format(text.replace("\n", " ")))
            seen = await ground.examine()
            await server.__aexit__()
            lines = said(seen, service)
            assert not find_leaks("\n".join(lines), secret), (kind, lines)
            assert any("no such password:" in line for line in lines)
            assert any(MASK in line or "characters>" in line for line in lines), (kind, lines)


@pytest.mark.parametrize("name", ["wide", "wide, the other way", "bytewise", "across two services", "cut", "cut short"])
async def test_servers_that_echo_the_secret_in_odd_ways(name: str) -> None:
    secret = "Tr0ub4dor-and-3-more"
    wide = secret.encode("utf-16-be" if "other" in name else "utf-16-le")
    words = {
        "bytewise": Say(f"{{tag}} NO {secret}", "bytewise", pace=0),
        "cut": Say(b"* OK " + b"x" * (TURN_BYTES - 12) + secret.encode() * 3 + b"\r\n", after="close"),
        "cut short": Say(_FILL + b" " * (TURN_BYTES - len(_FILL) - 11) + secret.encode() + b"\r\n", after="close"),
        "across two services": "{tag} NO [UNAVAILABLE] try later",
    }.get(name, Say(b"a3 NO " + wide + b"\r\n"))
    async with make_world() as world:
        imap, smtp = Ground(world, "imap", secret=secret), Ground(world, "smtp", secret=secret)
        await imap.serve(refuse_all=words)
        await smtp.serve(accounts={ACCOUNT: secret}, mail=f"550 not for {secret}")
        assert imap.endpoint
        assert smtp.endpoint
        servers = {"imap": imap.endpoint, "smtp": smtp.endpoint}
        seen = await examine(world, servers=servers, account=ACCOUNT, secret=secret)
    told = "\n".join(line for lines in seen.report.transcript.values() for line in lines)
    assert not find_leaks(told, secret), told
    assert not find_leaks(told.replace("\\x00", ""), secret), told
    assert secret[:5] not in told
    assert MASK in told or name == "cut short"


async def test_exchange_by_ntlm() -> None:
    seen = (await Play(script={"schemes": ("NTLM",)}, mailbox=None).run()).seen
    lines = said(seen, "ews")
    assert lines[2] == "C: POST /EWS/Exchange.asmx HTTP/1.1"
    assert "S: WWW-Authenticate: NTLM" in lines
    asked = [line for line in lines if "<hidden" in line]
    assert [re.sub(r"[\d,]+ bytes", "{} bytes", line) for line in asked] == [
        "C: POST /EWS/Exchange.asmx HTTP/1.1 <hidden, up to {} bytes>"
    ] * 2
    challenged = lines.index(asked[0]) + 1
    assert any(
        re.fullmatch(r"S: WWW-Authenticate: NTLM <challenge, \d+ characters>", line) for line in lines[challenged:]
    )
    assert "TlRMTVNTUAAC" not in "".join(lines)


async def test_exchange_by_basic_and_what_a_session_hangs_on() -> None:
    """Cookies, queries of redirects and long tokens are told by their length."""
    headers = (
        ("Set-Cookie", "X-BackEndCookie=S-1-5-21=u56Lnp2ejJqBx8jKysf; path=/"),
        ("X-Ticket", "c29tZSBzZXNzaW9uIHRpY2tldCBvZiBhIHNlcnZlcg=="),
        ("Location", "https://mail.practice.test/owa/?ticket=abc123"),
    )
    seen = (
        await Play(
            script={"schemes": ("Basic",), "pages": {f"authenticated:{EWS}": Reply(503, b"busy", headers)}},
            mailbox=None,
        ).run()
    ).seen
    lines = said(seen, "ews")
    assert [line for line in lines if "<hidden" in line]
    assert "S: Set-Cookie: X-BackEndCookie=<36 characters>" in lines
    assert "S: X-Ticket: <44 characters>" in lines
    assert "S: Location: https://mail.practice.test/owa/?<13 characters>" in lines
    assert not find_leaks("\n".join(lines), PASSWORD)
