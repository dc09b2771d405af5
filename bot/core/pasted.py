"""Passwords that people paste with something else: behind a label, in settings, in log-in commands, in addresses. Pure.

It is of its own, and compiles a pattern only for a text that may hold what it looks for, since `explain` is waited for.
Too much taken out costs a question; too little, a password.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

_LONG = r"pass(?:word|wd|code|phrase)s?|パスワード|ﾊﾟｽﾜｰﾄﾞ|パスコード|暗証番号|認証コード|密码|密碼|口令|授权码|授權碼"
_KEYS = r"secret|(?:access|refresh|id|bearer)[ _-]?token|(?:api|private)[ _-]?key"
_WORD = rf"(?:{_LONG}|(?<!by)(?<!com)pass(?-i:(?![a-z]))|pwd|{_KEYS})"
_ABOUT = r"(?![_-]?(?:type|policy|method|scheme|mode|length|expir|age\b|url|required|enabled|changed))"
"""What settings say about passwords."""
_NAME = rf"[^\"'<>:=\n\\]{{0,40}}?{_WORD}{_ABOUT}[^\"'<>:=\n\\]{{0,20}}"
"""The name of a setting that holds one."""
_TAG = rf"[\w:.-]{{0,40}}?{_WORD}{_ABOUT}[\w:.-]{{0,20}}"
_QUOTED = (
    rf"(?is)([\"'])(?:{_NAME})\1\s*+(?:=>?|[:：])\s*+"
    r"(?:\"(?:[^\"\\]|\\.)++(?:\"|\\?\Z)|'(?:[^'\\]|\\.)++(?:'|\\?\Z)|[\d.+-][\w.+-]*+)"
)
_ESCAPED = rf"(?i)(?<!\\)\\++[\"'](?:{_NAME})\\++[\"']\s*+(?:=>?|:)[^\n]++"
_ELEMENT = rf"(?is)(<{_TAG}(?:\s[^<>]{{0,200}})?>)\s*+(?:<!\[CDATA\[.+?(?:\]\]>|\Z)|[^<\s][^<]*+)"
_PROFILE = rf"(?is)(<key>{_NAME}</key>\s*+<(?:string|data|integer)>)(?:\s*+<!\[CDATA\[.+?(?:\]\]>|\Z)|[^<]++)"
_PROPERTY = rf"(?i)<[^<>]{{0,200}}?\b(?:name|key|id)\s?=\s?([\"'])(?:{_NAME})\1[^<>]*+>[^<]*+"
_ADDRESS = r"(?<=://)[^\s/@:\"'<>]{1,100}+:[^\s/@\"'<>]{1,200}+@"
_COMMANDS = (
    r"(?im)(?<=\bLOGIN )\s*(?:\"[^\"]*\"|[^\s@]+@\S+)\s+\S.*$|(?<=\bAUTHENTICATE )\s*[A-Z0-9-]+\s+\S+$"
    r"|(?<=\bAUTH )\s*(?:PLAIN|LOGIN)\s+\S+$|(?<=^PASS )\s*\S.*$|--?(?:password|pass|secret)\d?[ =]\s*\S+"
    r"|(?:(?<=\s)-u|--user)[ =]\s*+[^\s:]++:\S++|\bAuthorization\s?:\s?(?:Basic|Bearer)\s++\S++"
)
"""Log-in commands of protocols and tools, as they stand in the logs that people paste, with what follows them."""
_SHORT = (
    r"(?:(?<![^\W_])|(?-i:(?<=[a-z0-9])(?=[PS])))(?:smtp|imap|pop3?|mail|user|auth|login|db)?"
    r"(?:pass|pwd|pw|app[ -]?password|secret)"
)
_LABEL = (
    rf"(?i)(?:\b(?:my|the)\s{{1,9}})?(?:{_LONG}|{_SHORT})\d?[\"'”’」』\]*`]{{0,3}}(?:\s{{0,3}}[(（][^()（）\n]{{0,30}}[)）])?"
    r"\s*+(?:is\s*+)?(?:[:：]\s*+|[=＝][^\S\n]*+)(?:[|>][-+\d]{0,2}\s++)?(?!([\"'])\1(?:[\s,;})\]]|\Z))\S.*+"
)


@dataclass(frozen=True, slots=True)
class _Kind:
    """One way in which passwords stand in texts. A text without any of the `signs`, in lower case, has it nowhere."""

    signs: Sequence[str]
    pattern: str
    leave: Callable[[re.Match[str]], str] = lambda _: ""
    """What stays of a match."""


_STEMS = (
    "pass",
    "pwd",
    "pw",
    "secret",
    "token",
    "key",
    "パス",
    "ﾊﾟｽ",
    "暗証",
    "認証",
    "密码",
    "密碼",
    "口令",
    "授权",
    "授權",
)
_KINDS = (
    _Kind(('"', "'"), _QUOTED),
    _Kind(("\\",), _ESCAPED),
    _Kind(("<",), _PROFILE, lambda found: found[1]),
    _Kind(("<",), _ELEMENT, lambda found: found[1]),
    _Kind(("<",), _PROPERTY, lambda found: "" if _holds(found[0]) else found[0]),
    _Kind((":", "：", "=", "＝"), _LABEL),
)
_BESIDE = (
    _Kind(("://",), _ADDRESS),
    _Kind(
        ("login ", "authenticate ", "auth ", "pass ", "-pass", "-secret", "-u", "--user", "authorization"), _COMMANDS
    ),
)
"""Kinds in which no word for a password need stand."""


def without_secrets(text: str) -> tuple[str, bool]:
    """The text without the passwords that can be told as such; and whether there was any.

    Of settings in XML the empty elements stay, so that the rest can still be read as XML.
    """
    if re.search("[Ａ-ｚ]", text):  # a label may have been typed in full width
        from bot.core.intake import half_width  # noqa: PLC0415 - rare, and `explain` is waited for

        text = half_width(text)
    low = text.lower()
    clean = text
    stems = any(stem in low for stem in _STEMS)
    for kind in (*_BESIDE, *_KINDS) if stems else _BESIDE:
        if any(sign in low for sign in kind.signs):
            clean = _compiled(kind.pattern).sub(kind.leave, clean)
    return clean.strip(), clean != text


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _holds(element: str) -> bool:
    """Whether an element has a value, in it or behind it."""
    tag, _, content = element.partition(">")
    return bool(content.strip() or re.search(r"(?i)\bvalue\s?=\s?[\"']?[^\s\"'/>]", tag))
