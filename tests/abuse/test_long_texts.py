"""No text takes the square of its length: what a person pastes or a server says is read in a time that one waits for."""

import time
from collections.abc import Callable

import pytest

from bot.checks.ews import wire
from bot.checks.link.stream import printable
from bot.core.exchange import read_ews
from bot.core.intake import InputError, read_account, read_domain, read_endpoint
from bot.core.limits import names_of_account
from bot.core.mailprogram import read_program
from bot.core.pasted import without_secrets
from bot.core.refusal import Context, explain
from bot.core.slowdown import named_wait
from bot.core.understanding import understand
from bot.logs import mask
from bot.network import wisdom_in
from handlers.lark.inbound import text_of
from handlers.slack.inbound import words
from tests.servers.world import World

RULES = wisdom_in("en").rules
TYPED, PASTED = 20_000, 1_000_000
"""Characters that a chat takes, and those of a file that somebody gives to `explain`."""
PIECES = (
    "a", "a.", "a@", "@", "a@b.", "a@a ", "-", "a-", "--", "a-a.", "xn--a.", "\\", "a\\", "/", "//", "a/owa/", "://", "https://a.",
    "<", "<a:", "<a:b|", "<http://a|", "&#", "&lt;", '"', '" ', "(", "[[", "[A", "=", "==", ":", "::", " :", "a:1", ". ", "。a", "a。", "。",
    "あ", "ａ", "１", "é", "1", "555", "5 5", "535 ", "0x8", "AADSTS", "-ERR", "NO  ", " ", " \n", "\t", "\u3000", "\x1f", "\x1b[31m",
    "my ", "the ", "is ", "pass", "pass  ", "password: ", "--pass ", "LOGIN ", "LOGIN a@b ", "AUTH PLAIN ", "port(", "ポート(",
    "ssl ", "imap ", "imap.", "imap.a:993 ", "user name ", "host: ", "login failed ", "too many ", "<key>", "<dict>",
)  # fmt: skip
BEGINNINGS = ("", 'LOGIN "', "imap: ")


def quietly(read: Callable[[str], object]) -> Callable[[str], object]:
    def reading(text: str) -> object:
        try:
            return read(text)
        except InputError:
            return None

    return reading


def page(text: str) -> object:
    answer = wire.Answer("https://a.test/", 401, (("www-authenticate", text[:16_000]),), text.encode()[: 256 * 1024])
    return wire.page_of(answer), wire.title_of(answer), wire.schemes_of(answer)


READERS: dict[str, Callable[[str], object]] = {
    "typed": understand,
    "typed while a secret is awaited": lambda text: understand(text, offered=True, domain="a.test"),
    "secrets in it": without_secrets,
    "settings of a mail program": read_program,
    "a refusal": lambda text: explain(text, Context(protocol="imap", stage="login"), RULES),
    "a domain": quietly(read_domain),
    "an account": quietly(read_account),
    "a server": quietly(lambda text: read_endpoint(text, "imap")),
    "an address of Exchange": quietly(read_ews),
    "a name to be counted": lambda text: names_of_account(text, "a.test"),
    "a time to wait": lambda text: named_wait({"server": text}),
    "a line of the log": mask,
    "Slack's form of a text": words,
    "Lark's form of a text": lambda text: text_of("text", text),
    "a web page": page,
    "words of a server": lambda text: printable(text.encode()),
}


@pytest.mark.parametrize("reader", READERS)
def test_what_a_chat_takes(reader: str) -> None:
    late = []
    for beginning in BEGINNINGS:
        for piece in PIECES:
            text = (beginning + piece * TYPED)[:TYPED]
            begun = time.process_time()
            READERS[reader](text)
            took = time.process_time() - begun
            if took > 0.5:
                late.append((beginning, piece, took))
    assert late == []


@pytest.mark.parametrize("piece", ["a", "-", "535 5.7.8 ", "too many ", "NO [", "\n", "あ", "password ", "a@"])
def test_a_megabyte_that_shall_be_explained(piece: str) -> None:
    text = (piece * PASTED)[:PASTED]
    begun = time.process_time()
    READERS["a refusal"](text)
    assert time.process_time() - begun < 1


async def test_a_megabyte_on_the_command_line() -> None:
    async with World() as world:
        text = "NO [AUTHENTICATIONFAILED] " + "a" * 100_000
        done = await world.bot("explain", text, limit=10)
    assert done.status == 0
    assert len(done.out) < 20_000
