"""Servers that answer any command with any bytes: there is always a report, and it is never the bot's own fault."""

import random

import pytest

from bot.checks.link.line import Timeouts
from bot.core.model import SERVICES, Service
from tests.checks.cases.table import Ground
from tests.checks.running import make_world
from tests.servers.script import Say

VERBS = {
    "imap": ("AUTHENTICATE", "LOGIN", "CAPABILITY", "ID", "EXAMINE", "LIST", "STATUS"),
    "smtp": ("EHLO", "AUTH", "MAIL", "RCPT", "RSET"),
    "pop": ("CAPA", "AUTH", "USER", "PASS"),
}
_PIECES = [
    b"* ", b"{tag} ", b"OK", b"NO", b"BAD", b"BYE", b" [CAPABILITY IMAP4rev1]", b"\r\n", b"\n", b"+ ", b"+OK", b"-ERR", b"220 ",
    b"250-", b"250 ", b"334 ", b"535 5.7.8 ", b"235 ", b"421 ", b'"', b"\\", b"(", b")", b"{3}\r\nabc", b"{0}\r\n", b"LIST () ", b"STATUS ",
    b"NIL", b"1 EXISTS", b"\x00", b"\xff\xfe", "é日".encode(), b"cj1hYmMscz1BQUFBLGk9MQ==", b"====", b"AUTH PLAIN", b".\r\n", b" ",
]  # fmt: skip


def nonsense(random_: random.Random) -> Say:
    data = b"".join(random_.choice(_PIECES) for _ in range(random_.randrange(1, 14)))
    return Say(data + b"\r\n", after=random_.choice(["go on", "close", "close"]))


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("seed", range(12))
async def test_nonsense(service: Service, seed: int) -> None:
    random_ = random.Random(f"{service}{seed}")
    verbs = random_.sample(VERBS[service], random_.randrange(1, 4))
    script = {"replies": {verb: nonsense(random_) for verb in verbs}}
    if random_.random() < 0.3:
        script["greeting"] = nonsense(random_)
    if random_.random() < 0.3:
        script["refuse_all"] = nonsense(random_)
    async with make_world() as world:
        ground = Ground(world, service, random_.choice(["tls", "starttls"]))
        await ground.serve(**script)
        seen = await ground.examine(timeouts=Timeouts(3, 3, 0.15, 6))
    assert seen.report.steps[0].id == f"{service}.dns"
    assert seen.report.duration_ms < 7000
