"""Files that people attach to a message: which of them can be read, and what they say. Pure.

What a file says goes the same way as a text that was pasted: passwords in it are taken out there.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message as Mail
from typing import Any, Literal

from handlers.literal import cut

MOST_BYTES = 64 * 1024
MOST_FILES = 3
SUFFIXES = (".txt", ".eml", ".log", ".xml", ".mobileconfig", ".json")
_IMAGES = (".png", ".jpg", ".jpeg", ".gif", ".heic", ".webp", ".bmp", ".tif", ".tiff")
_RUNS = ((re.compile(r"[!-~]+"), 400), (re.compile(r"[^\s、。，．]+"), 1500))
"""Letters without a gap, and how many are kept: no name is as long, and to read a text takes the square of it.

Japanese and Chinese have no spaces, but full stops.
"""
_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}

Kind = Literal["text", "image", "large", "other"]


@dataclass(frozen=True, slots=True)
class File:
    """A file of a message. `url` is where Slack keeps it, which takes the bot's token."""

    name: str
    sort: str
    """The media type, as Slack tells it."""
    size: int
    url: str = field(repr=False)


def files_of(message: Mapping[str, Any]) -> tuple[File, ...]:
    """The files of a message. Those that Slack only refers to (other clouds, deleted ones) have no address here."""
    return tuple(_file(one) for one in message.get("files") or () if isinstance(one, dict))


def _file(shape: Mapping[str, Any]) -> File:
    elsewhere = bool(shape.get("is_external")) or shape.get("mode") in ("external", "tombstone", "hidden_by_limit")
    url = "" if elsewhere else str(shape.get("url_private") or "")
    size = shape.get("size")
    return File(
        str(shape.get("name") or shape.get("title") or ""),
        str(shape.get("mimetype") or ""),
        size if isinstance(size, int) else MOST_BYTES + 1,
        url,
    )


def kind_of(file: File) -> Kind:
    """What can be done with a file. A text that was pasted as a snippet has no suffix."""
    name = file.name.lower()
    if file.sort.startswith("image/") or name.endswith(_IMAGES):
        return "image"
    if not (name.endswith(SUFFIXES) or (file.sort == "text/plain" and "." not in name)):
        return "other"
    return "text" if file.size <= MOST_BYTES else "large"


def read_file(name: str, data: bytes) -> str | None:
    """What a file says, None where that is no text. Never raises."""
    said = _mail(data) if name.lower().endswith(".eml") else None
    text = said or _decoded(_profile(data))
    return shortened(text) if text is not None and text.strip() else None


def shortened(text: str) -> str:
    """The text without endless runs of characters."""
    for run, most in _RUNS:
        text = run.sub(lambda found, most=most: cut(found[0], most), text)  # type: ignore[misc]
    return text


def _profile(data: bytes) -> bytes:
    """Of a signed configuration profile the part that can be read."""
    start, end = data.find(b"<plist"), data.rfind(b"</plist>")
    return data[start : end + 8] if b"\0" in data and 0 <= start < end else data


def _decoded(data: bytes) -> str | None:
    """Unicode, or one of the code pages in which Windows writes Japanese and Chinese to this day."""
    marked = _MARKS.get(data[:2])
    likely = ("iso2022_jp",) if b"\x1b$" in data else ()
    for encoding in (marked,) if marked else (*likely, "utf-8-sig", "cp932", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeError:
            continue
        if _is_text(text) and not (encoding == "cp932" and _is_mistaken(text)):
            return text
    return None


def _is_mistaken(text: str) -> bool:
    """Whether Chinese was read as Japanese: it then has more half-width syllables than anybody writes."""
    narrow = sum(1 for letter in text if "\uff61" <= letter <= "\uff9f")
    return narrow * 4 > sum(1 for letter in text if letter > "\x7f")


def _is_text(text: str) -> bool:
    strange = sum(1 for letter in text if not letter.isprintable() and letter not in "\t\r\n\f\x1b\u3000\ufeff")
    return "\0" not in text and strange <= len(text) // 50


# A mail, as it is saved from a mail program: mostly the report that something could not be delivered.


def _mail(data: bytes) -> str | None:
    """Subject, words and delivery status of a mail; None where it cannot be taken apart."""
    from email import message_from_bytes  # noqa: PLC0415 - only for such files
    from email.policy import default  # noqa: PLC0415

    try:
        mail = message_from_bytes(data, policy=default)
        lines = [str(mail["subject"] or ""), *_said_in(mail)]
    except Exception:  # noqa: BLE001 - the package raises whatever its parsers do; then the bytes are read as they are
        return None
    text = "\n".join(line for line in lines if line.strip())
    return text if _is_text(text) else None


def _said_in(part: Mail) -> Iterator[str]:
    sort = part.get_content_type()
    if sort == "message/delivery-status":  # RFC 3464: blocks of fields
        for block in _parts(part):
            yield from (f"{name}: {value}" for name, value in block.items() if name.lower() in _STATUS)
    elif sort == "message/rfc822":
        return  # the mail that came back is nobody's business
    elif part.is_multipart():
        for inner in _parts(part):
            yield from _said_in(inner)
    elif sort in ("text/plain", "text/html") and part.get_content_disposition() != "attachment":
        words = _words(part)
        yield re.sub(r"<[^<>]*>", " ", words) if sort == "text/html" else words


_STATUS = ("status", "diagnostic-code", "remote-mta")


def _parts(part: Mail) -> Iterable[Mail]:
    inner = part.get_payload()
    return [one for one in inner if isinstance(one, Mail)] if isinstance(inner, list) else ()


def _words(part: Mail) -> str:
    data = part.get_payload(decode=True)
    if not isinstance(data, bytes):
        return ""
    try:
        return data.decode(part.get_content_charset() or "ascii")
    except (LookupError, UnicodeError):
        return _decoded(data) or ""
