"""A pasted or received refusal made comparable: wrappings off, one spelling, the marks picked out.

What people paste went through libraries, logs and web pages: bytes printed as escapes, Chinese read as Latin,
JSON inside base64, HTML. All of it is undone here, so that rules are written for the server's words alone.
"""

import binascii
import re
from functools import lru_cache
from typing import NamedTuple

from bot.core.refusal.voice import find_cause, find_said, strip_classes

LONGEST = 6000  # characters; of longer texts the beginning and the end are read
_HEAD = 2000
_TRANSCRIPT = 3  # lines from which on a text is a transcript rather than an answer

_SUCCESS_REPLIES = frozenset({"220", "221", "235", "250", "334"})
_FAILURE_REPLIES = (
    frozenset(
        ("421", "422", "431", "432", "441", "442", "450", "451", "452", "453", "454", "455", "458", "471"),
    )
    | frozenset(
        (
            "500",
            "501",
            "502",
            "503",
            "504",
            "511",
            "521",
            "523",
            "525",
            "526",
            "530",
            "531",
            "533",
            "534",
            "535",
            "538",
        ),
    )
    | frozenset(("541", "550", "551", "552", "553", "554", "555", "556", "571"))
)


class Reading(NamedTuple):
    """A text in one spelling with what stands out in it."""

    plain: str  # folded words of the lines that tell something
    whole: str  # folded words of all lines
    bare: str  # folded words without the names that a library gives to errors
    cause: str  # folded words of the innermost exception of a chain
    said: str  # folded words of the server's replies, where marks tell them apart
    responses: tuple[str, ...]  # IMAP and POP response codes, lower case: authenticationfailed, sys/temp
    enhanced: tuple[str, ...]  # RFC 3463 codes: 5.7.8
    replies: tuple[str, ...]  # SMTP reply codes: 535
    aadsts: tuple[str, ...]  # numbers of the Microsoft identity platform
    succeeded: bool  # some line is a success reply
    failed: bool  # some line is a refusal


@lru_cache(maxsize=64)
def _pattern(source: str) -> re.Pattern[str]:
    """Regular expressions are compiled when they are first needed: the start counts."""
    return re.compile(source)


def read(text: str) -> Reading:
    """Undo the wrappings and pick out the marks (RFC 9051 section 7.1, RFC 5321 section 4.2, RFC 3463)."""
    everything = _unwrap(text if len(text) <= LONGEST else f"{text[:_HEAD]}\n{text[_HEAD - LONGEST :]}")
    words = _telling(everything)
    replies = tuple(dict.fromkeys(_pattern(_REPLY).findall(words)))
    status = frozenset(_pattern(_STATUS).findall(words))
    return Reading(
        plain=(plain := fold(_pattern(_CONTINUATION).sub(" ", words))),
        whole=plain if words is everything else fold(everything),
        bare=plain if (bare := strip_classes(words)) == words else fold(_pattern(_CONTINUATION).sub(" ", bare)),
        cause=fold(find_cause(words)),
        said=fold(_pattern(_CONTINUATION).sub(" ", find_said(words))),
        responses=tuple(code.lower() for code in _pattern(_RESPONSE).findall(words)),
        enhanced=tuple(dict.fromkeys(_pattern(_ENHANCED).findall(words))),
        replies=replies,
        aadsts=tuple(dict.fromkeys(_pattern(_AADSTS).findall(words))),
        succeeded=bool(status & _GOOD) or not _SUCCESS_REPLIES.isdisjoint(replies),
        failed=bool(status & _BAD) or not _FAILURE_REPLIES.isdisjoint(replies),
    )


_GOOD = frozenset({"OK", "+OK", "PREAUTH", "CAPABILITY"})
_BAD = frozenset({"NO", "BAD", "BYE", "-ERR"})
_STATUS = (
    r"(?m)(?:^|(?<=[\s'\"(>:*#\[]))(\+OK|-ERR|NO|BAD|BYE|PREAUTH|(?<=\* )CAPABILITY"
    r"|(?:(?<=[\d*:] )|(?<=[:'\"(>])|(?<=\n)|(?<![\s\S])|(?<=\b[A-Za-z] ))OK)(?=[\s\[,.:]|$)"
)
_REPLY = r"(?<![\d.:/=-])([2345]\d\d)(?=[\s\-,:;.'\")\\]|$)(?!\.\d)"
_ENHANCED = r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)"
_RESPONSE = r"\[([A-Za-z][A-Za-z/-]{3,30})(?=[\] (])"
_AADSTS = r"(?i)AADSTS\s?(\d{4,7})"
_NOISE = (
    r"(?i)^\s*(?:at [\w$.<>]+[ (]|File \"|Traceback|#\d+ |\.\.\. \d+ more"
    r"|--> |C: |>>|=> |~> |CLIENT -> SERVER|Sending: |Sent \d|send: "
    r"|(?:[A-Z]{0,5}\d{1,8} )?"
    r"(?:CAPABILITY|LOGIN|AUTHENTICATE|STARTTLS|LOGOUT|ID|SELECT|EHLO|HELO|AUTH|QUIT|USER|PASS|CAPA) ?.{0,40}$)"
    r"|(?:^|[\s:'\"<])(?:\* OK |\* CAPABILITY|\* ID |[A-Z]{0,5}\d{1,8} OK |\+OK |2[25][0-9][- ]|334 |\* PREAUTH)"
)
_REFUSAL = (
    r"\b(?:NO|BAD|BYE|AADSTS\d+)\b|-ERR|\[ALERT\]|(?<![\d.])[45]\d\d[- ]"
    r"|(?i:error|fail|exception|denied|refused|invalid)"
)
_CONTINUATION = r"\\?\n\s*\d{3}[ -](?:\d\.\d{1,3}\.\d{1,3}\s+)?"


def _telling(words: str) -> str:
    """Of a transcript or a log: the lines without commands, greetings, capabilities and places in a program."""
    lines = words.split("\n")
    if len(lines) < _TRANSCRIPT:
        return words
    noise, refusal = _pattern(_NOISE), _pattern(_REFUSAL)
    telling = [line for line in lines if refusal.search(line) or not noise.search(line)]
    return "\n".join(telling) if any(line.strip() for line in telling) else words


def fold(text: str) -> str:
    """One spelling: compatibility forms, case, accents of Latin letters, CamelCase and white space folded."""
    parted = _pattern(r"([a-z])([A-Z][a-z])").sub(r"\1 \2", _spell_out(text) if "_" in text else text)
    if not parted.isascii():
        import unicodedata  # noqa: PLC0415 - most refusals are plain ASCII

        parted = unicodedata.normalize("NFKC", parted).translate(_plain_letters())
    return " ".join(parted.casefold().split())


def _spell_out(text: str) -> str:
    """Names of constants, with their words after them: CONNECTION_REFUSED connection refused."""
    return _pattern(r"\b[A-Z]+(?:_[A-Z]+)+\b").sub(lambda found: f"{found[0]} {found[0].replace('_', ' ')}", text)


@lru_cache(maxsize=1)
def _plain_letters() -> dict[int, str]:
    """Latin letters without their accents, and one kind of apostrophe, dash and ё."""
    import unicodedata  # noqa: PLC0415

    table = {ord("ł"): "l", ord("Ł"): "l", ord("ø"): "o", ord("Ø"): "o", ord("đ"): "d", ord("ı"): "i", ord("æ"): "ae"}
    table |= {ord("ё"): "е", 0x2019: "'", 0x2018: "'", 0x2013: "-", 0x2014: "-", 0x201C: '"', 0x201D: '"'}
    for point in range(0xC0, 0x180):
        decomposed = unicodedata.normalize("NFD", chr(point))
        if len(decomposed) > 1:
            table[point] = decomposed[0]
    return table


def _unwrap(text: str) -> str:
    words = text
    if '"\t' in words:
        words = _pattern(_HMAIL_LINE).sub(_from_hmail, words)
    if "\\" in words:
        words = _pattern(r"(?:\\x[0-9a-fA-F]{2}){2,}").sub(_from_escapes, words)
        words = _pattern(r"\\u([0-9a-fA-F]{4})").sub(lambda found: chr(int(found[1], 16)), words)
        words = words.replace("\\r\\n", "\n").replace("\\n", "\n").replace("\\t", " ")
    if "=" in words:
        words = _pattern(r"(?:=[0-9A-F]{2}){3,}").sub(_from_quoted, words)
    if "%" in words:
        words = _pattern(r"(?:%[0-9A-Fa-f]{2}){3,}").sub(_from_quoted, words)
    if "</" in words or "<html" in words.lower():
        words = _from_html(words)
    if not words.isascii():
        words = _pattern(
            r"[\x80-\xff\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u2122]{4,}"
        ).sub(
            _from_latin,
            words,
        )
    return _pattern(r"(?<![A-Za-z0-9+/])(?:eyJ|VXNlcm5hbWU|UGFzc3dvcmQ)[A-Za-z0-9+/]*={0,2}").sub(_from_base64, words)


# "SMTPD" 1892 1 "time" "address" "SENT: words", parted by tabs: hMailServer's log of a dialogue
_HMAIL_LINE = r'(?m)^"(SMTP|POP3|IMAP)([DC])"\t[^\n]*?"(SENT|RECEIVED): ?([^\n]*?)"?$'


def _from_hmail(found: re.Match[str]) -> str:
    """What the server said: a daemon's own words, or what its client received."""
    by_server = (found[2] == "D") == (found[3] == "SENT")
    return found[4] if by_server else ""


def _decode(data: bytes, otherwise: str) -> str:
    """Bytes as the text that they most likely are: UTF-8, else Chinese of the mainland, else as they stood."""
    for encoding in ("utf-8", "gb18030", "euc-jp", "cp949"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return otherwise


def _from_escapes(found: re.Match[str]) -> str:
    return _decode(bytes.fromhex(found[0].replace("\\x", "")), found[0])


def _from_quoted(found: re.Match[str]) -> str:
    """Quoted-printable (RFC 2045 section 6.7) and per cent escapes."""
    return _decode(bytes.fromhex(found[0].replace("=", "").replace("%", "")), found[0])


def _from_latin(found: re.Match[str]) -> str:
    """Bytes of another encoding that were read as Latin letters, where nothing else explains the run."""
    for latin in ("latin-1", "cp1252"):
        try:
            data = found[0].encode(latin)
        except UnicodeEncodeError:
            continue
        return _chinese(data) or _chinese(data[:-1]) or found[0]
    return found[0]


def _chinese(data: bytes) -> str:
    """The text that the bytes are when they are East Asian; else nothing: accents stay accents."""
    text = _decode(data, "")
    return text if sum("\u3040" <= letter <= "\ud7a3" for letter in text) * 2 >= len(text) else ""


def _from_base64(found: re.Match[str]) -> str:
    """A SASL challenge: the JSON by which a server refuses a token, or the prompts of AUTH LOGIN."""
    token = found[0].rstrip("=")
    try:
        return binascii.a2b_base64(token + "=" * (-len(token) % 4)).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return found[0]


def _from_html(text: str) -> str:
    shown = _pattern(r"(?is)<(script|style|head)\b.*?</\1\s*>").sub(" ", text)
    titles = " ".join(_pattern(r"(?is)<title>(.*?)</title>").findall(text))
    bare = _pattern(r"(?s)</?[A-Za-z!][^<>@]*>").sub(" ", shown)
    for entity, letter in (
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", '"'),
        ("&#39;", "'"),
        ("&nbsp;", " "),
        ("&amp;", "&"),
    ):
        bare = bare.replace(entity, letter)
    return f"{titles} {bare}"
