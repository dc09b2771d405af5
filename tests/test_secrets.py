"""No secret leaves the program: not in reports, progress, logs, the store, and in no spelling of a server's."""

import ast
import copy
import json
import logging
import pickle
import re
from pathlib import Path

import pytest

from bot.core.model import LoginReply, Service
from bot.core.secret import MASK, Secret, mask_assignments
from tests.checks.cases.table import Ground
from tests.checks.running import ACCOUNT, make_world
from tests.leaks import find_leaks, spell
from tests.servers.imap import Folder
from tests.servers.script import Say
from tests.servers.world import Finished

SECRETS = {
    "plain": "correct-horse-7",
    "awkward": "pä:ss\"\\ <1>&'x",
    "kanji": "漢字のパスワード",
    "base64 signs": "~~~???>>>ÿÿÿ",
    "long": "".join(f"{n:x}Zq" for n in range(120)),
    "spaces": "  two words  ",
}
ROOT = Path(__file__).parents[1]
_REFUSAL = {
    "imap": "{{tag}} NO [AUTHENTICATIONFAILED] no such password: {}",
    "smtp": "535 5.7.8 no such password: {}",
    "pop": "-ERR no such password: {}",
}


@pytest.mark.parametrize("name", SECRETS)
def test_the_scanner_sees_every_spelling(name: str) -> None:
    """A scanner that finds nothing proves nothing."""
    for kind, text in spell(SECRETS[name]).items():
        assert find_leaks(f"words {text} more", SECRETS[name]), kind
    assert not find_leaks(f"{MASK} nothing of it is here, 535 5.7.8 AUTH PLAIN {ACCOUNT}", SECRETS[name])


@pytest.mark.parametrize("name", SECRETS)
def test_every_spelling_is_masked(name: str) -> None:
    scrubber = Secret(SECRETS[name]).scrubber(ACCOUNT)
    for kind, text in spell(SECRETS[name]).items():
        masked = scrubber.text(f"words {text} more")
        assert not find_leaks(masked, SECRETS[name]), (kind, masked)
        assert masked.startswith("words")


@pytest.mark.parametrize(
    ("service", "name"),
    [
        *(("imap", name) for name in SECRETS),
        *((service, name) for service in ("smtp", "pop") for name in ("awkward", "long")),
    ],
)
async def test_servers_that_echo(name: str, service: Service, caplog: pytest.LogCaptureFixture) -> None:
    """The report, the progress and everything that is logged at DEBUG; one world for all spellings."""
    caplog.set_level(logging.DEBUG)
    secret = SECRETS[name]
    for kind, text in spell(secret, ACCOUNT).items():
        async with make_world() as world:
            ground = Ground(world, service, secret=secret)
            await ground.serve(refuse_all=_REFUSAL[service].format(text.replace("\n", " ")))
            seen = await ground.examine()
        told = json.dumps(seen.data, ensure_ascii=False) + repr(seen.progress) + repr(seen.report) + caplog.text
        assert not find_leaks(told, secret), (kind, find_leaks(told, secret), told)
        assert seen.step(f"{service}.login").status in ("fail", "unknown")
        assert MASK in told


@pytest.mark.parametrize("cut", [990, 995, 985])
async def test_echo_at_the_end_of_a_long_line(cut: int) -> None:
    """What is kept of a long reply ends somewhere: not in the middle of a secret."""
    secret = "Tr0ub4dor&3-xyz"
    async with make_world() as world:
        ground = Ground(world, "imap", secret=secret)
        text = "{tag} NO " + "x" * (cut - len("a3 NO "))
        await ground.serve(refuse_all=text + secret)
        seen = await ground.examine()
    assert secret[:5].lower() not in json.dumps(seen.data).lower()


async def test_echo_after_the_log_in() -> None:
    """In capabilities, folder names and the words of the mailbox and submission steps."""
    secret = SECRETS["plain"]
    async with make_world() as world:
        ground = Ground(world, "imap", secret=secret)
        folders = (Folder("INBOX", 1, 1), Folder(f"of {secret}", 99, 99))
        await ground.serve(folders=folders)
        mailbox = await ground.examine()
        ground = Ground(world, "smtp", secret=secret)
        await ground.serve(mail=f"550 not for {secret}", accounts={ACCOUNT: secret})
        submission = await ground.examine()
    assert submission.report.verdict == "warn"
    for seen in (mailbox, submission):
        assert not find_leaks(repr(seen), secret)


@pytest.mark.parametrize(
    "words",
    [Say("{secret}", after="close"), Say("* BYE {secret}", after="close"), Say("{secret_hex}", "bytewise", pace=0)],
)
async def test_echo_without_form(words: Say) -> None:
    secret = SECRETS["plain"]
    async with make_world() as world:
        ground = Ground(world, "imap", secret=secret)
        await ground.serve(refuse_all=words)
        seen = await ground.examine()
    assert not find_leaks(repr(seen) + json.dumps(seen.data), secret)


@pytest.mark.parametrize("as_json", [True, False])
async def test_command_line_and_store(as_json: bool) -> None:
    """Everything that one run of the program writes: both outputs, and every file that it makes."""
    secret = SECRETS["awkward"]
    settings = {"MIGCHECK_LOG__LEVEL": "DEBUG", "MIGCHECK_DISCOVERY__ISPDB_URL": ""}
    async with make_world(settings=settings) as world:
        world.domain("practice.test")
        imap = await world.imap(
            "imap.practice.test", refuse_all="{tag} NO not {secret} {sasl_plain} {secret_url} {secret_json}"
        )
        await world.smtp("smtp.practice.test")
        options = ["--json"] if as_json else []
        done = await world.bot("check", "practice.test", "--account", ACCOUNT, *options, secret=secret)
        files = b"".join(path.read_bytes() for path in world.folder.rglob("*") if path.is_file())
    assert imap.transcript.used == 1, done
    assert done.status in (1, 3)
    _hold(done, secret)
    assert not find_leaks(files.decode("latin-1").encode("latin-1").decode("utf-8", "replace"), secret)


def _hold(done: Finished, secret: str) -> None:
    assert not find_leaks(done.out, secret), done.out
    assert not find_leaks(done.err, secret), done.err
    assert MASK in done.out


def test_a_secret_shows_nothing_of_itself() -> None:
    secret = Secret("correct-horse-7")
    assert {repr(secret), str(secret), f"{secret}", f"{secret:>9}", f"{secret!r}"} == {MASK}
    assert bool(secret) is True
    for attempt in (
        lambda: pickle.dumps(secret),
        lambda: copy.copy(secret),
        lambda: copy.deepcopy({"a": [secret]}),
        lambda: json.dumps(secret),
        lambda: secret == "correct-horse-7",
        lambda: {secret},
        lambda: vars(secret),
        lambda: pickle.dumps(secret.scrubber()),
        lambda: copy.copy(secret.scrubber()),
    ):
        with pytest.raises(TypeError) as raised:
            attempt()
        assert not find_leaks(str(raised.value), "correct-horse-7")
    assert not find_leaks(repr(secret.scrubber()), "correct-horse-7")
    assert not find_leaks(
        repr(LoginReply(False, "PLAIN", secret.scrubber().text("no correct-horse-7"))), "correct-horse-7"
    )


def test_a_wiped_secret_is_gone() -> None:
    secret = Secret("correct-horse-7")
    secret.wipe()
    with pytest.raises(ValueError, match="gone"):
        secret.unwrap()


@pytest.mark.parametrize("short", ["a", "7", "abc"])
def test_short_secrets_mask_the_whole_text(short: str) -> None:
    scrubber = Secret(short).scrubber()
    assert scrubber.text(f"words with {short.upper()} in them") == MASK
    assert scrubber.text("other") == "other"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("password: hunter22", "password: ***"),
        ("パスワード：秘密です1", "パスワード：***"),
        ("密码:abc123", "密码:***"),
        ("Password = x1y2z3 thanks", "Password = *** thanks"),
        ("my password is wrong", "my password is wrong"),
        ("the password hunter22 fails", "the password *** fails"),
        ('{"user": "a", "password": "x", "port": 993}', '{"user": "a", "password": "***", "port": 993}'),
        ('{"imap_password":"two words, one \\\\" quote"}', '{"imap_password":"***"}'),
        ("{'secret' : 'two words'}", "{'secret' : '***'}"),
        (r'"{\"pwd\": \"two words\", \"a\": 1}"', r'"{\"pwd\": \"***\", \"a\": 1}"'),
        ('"password": 12345678}', '"password": ***'),
        ('"password": "cut off he', '"password": "***"'),
        ('"パスワード": "秘密 1"', '"パスワード": "***"'),
    ],
)
def test_pasted_passwords_are_masked(text: str, masked: str) -> None:
    assert mask_assignments(text) == masked


def test_only_these_places_unwrap_a_secret() -> None:
    found = set()
    for path in sorted((ROOT / "bot").rglob("*.py")) + sorted((ROOT / "handlers").rglob("*.py")):
        tree = ast.parse(path.read_text())
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        for function in functions:
            for node in ast.walk(function):
                if isinstance(node, ast.Attribute) and node.attr == "unwrap":
                    found.add((str(path.relative_to(ROOT)), function.name))
    assert found == {
        ("bot/checks/httpauth.py", "basic"),
        ("bot/checks/httpauth.py", "__init__"),
        ("bot/checks/m365/signin.py", "_by_grant"),
        ("bot/checks/m365/signin.py", "redeem"),
        ("bot/checks/sasl.py", "exchange"),
        ("bot/checks/sasl.py", "plain_words"),
        ("bot/checks/sasl.py", "apop_digest"),
        ("bot/core/secret.py", "scrubber"),
    }


def test_nothing_reads_the_value_behind_the_back() -> None:
    for path in sorted((ROOT / "bot").rglob("*.py")):
        if path.name != "secret.py":
            assert not re.search(r"(?<!self)\._value\b", path.read_text()), path
