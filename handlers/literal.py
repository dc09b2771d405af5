"""Foreign words made fit to be shown as they are, on every platform. Pure."""

import re

ELLIPSIS = "…"
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def clean(text: str) -> str:
    """Without control characters, marks of direction, invisible ones and halves of surrogate pairs; CR LF is LF."""
    return _INVISIBLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " "))


def cut(text: str, length: int) -> str:
    """At most `length` characters; what was cut off is marked."""
    return text if len(text) <= length else text[: length - 1] + ELLIPSIS
