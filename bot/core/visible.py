"""Foreign bytes as text, and text so that every character of it shows: nothing moves a cursor or turns a direction."""

import contextlib


def decoded(data: bytes) -> str:
    """A server's bytes as text: UTF-8 (a character that was cut off at the end is dropped), else GBK, else Latin-1."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        cut = error.reason == "unexpected end of data"
        return data[: error.start].decode() if cut else _legacy(data)


def _legacy(data: bytes) -> str:
    for codec in ("gb18030", "cp932"):
        with contextlib.suppress(UnicodeDecodeError):
            return data.decode(codec)
    return data.decode("latin-1")


def visible(text: str) -> str:
    r"""The text with what cannot be printed written as Python writes it: `\x1b[2J`."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode()
