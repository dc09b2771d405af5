"""Which language a person writes. Pure.

A text that quotes an error tells two languages: the server's words are not the person's, what stands around them is.
"""

import re

from bot.core.model import Lang

_SIMPLIFIED = (
    "们这吗请邮录么为没进时间网线错误码设试检查迁务让应该无权级启闭见说问题显样对从给发经过还开关"
    "帮账历户认证连态处个报谢您你吧呢哪怎单电话"
)
"""Characters that Chinese writes and Japanese does not."""
_MACHINE = re.compile(
    r"(?-i:\b(?:NO|BAD|BYE)\s)|\[[A-Z]{4,}|\b[45]\d\d[ -]|-ERR\b|\bAADSTS\d|\b0x8\d|[\"'“「『:：]", re.IGNORECASE
)
"""Where a server's or a program's words begin."""
_ASKED: tuple[tuple[Lang, re.Pattern[str]], ...] = (
    ("ja", re.compile(r"です[かが]|ます[かが]|でしょう|とは[?？]|なぜ|って何")),
    ("zh", re.compile(r"什么|怎么|怎样|如何|为何|为啥|吗")),
    (
        "en",
        re.compile(
            r"(?i)\bwhat (?:does|do|is|should|can)\b|\bwhy (?:is|does|do|can|am)\b|\bhow (?:do|can|should) (?-i:I)\b"
            r"|(?-i:\bI) (?:get|got|see|am|can|have|try|tried)\b|\bmy\b"
        ),
    ),
)
"""How people ask, and servers do not."""
_SURELY_ENGLISH = frozenset({"please", "my", "is", "can", "can't", "cannot", "why", "how", "what"})


def language_of(text: str) -> Lang | None:
    """The language of a text, None where it does not tell (a bare domain or a code, say)."""
    if re.search(r"[\u3040-\u30ff]", text):
        return "ja"
    if re.search(rf"[{_SIMPLIFIED}]", text):
        return "zh"
    if re.search(r"[\u4e00-\u9fff]", text):
        return None  # 確認 is written alike in both
    bare = (word.strip(".,;:!?()\"'“”‘’") for word in text.split())
    words = [word for word in bare if re.fullmatch(r"[A-Za-z]?[a-z]+(?:['’-][a-z]+)*", word) and len(word) > 1]
    enough = 2 if any(word.lower() in _SURELY_ENGLISH for word in words) else 3  # a word or two may be a name
    return "en" if len(words) >= enough else None


def language_beside(text: str) -> Lang | None:
    """The language of the person who quotes an error, None where the text is the error alone.

    Mail programs speak their user's language, so Japanese and Chinese before any code count. English does only where
    somebody asks: servers and programs everywhere speak it.
    """
    begins = _MACHINE.search(text)
    before = language_of(text[: begins.start()] if begins else text)
    if before in ("ja", "zh"):
        return before
    return next((lang for lang, pattern in _ASKED if pattern.search(text)), None)
