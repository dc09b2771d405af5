"""What both renderers need: a part that neither knows is an error, since it would be missing on the page."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

Part = Mapping[str, Any]


class UnknownPartError(Exception):
    """A view made something that the preview cannot draw."""


def wrap(cls: str, *inner: Any, tag: str = "div") -> Markup:
    """An element with a class; every string in it is escaped."""
    return Markup("<{0} class='{1}'>{2}</{0}>").format(Markup(tag), cls, Markup("").join(inner))


def anchor(cls: str, url: str, *inner: Any) -> Markup:
    return Markup("<a class='{}' href='{}' rel='noreferrer'>{}</a>").format(cls, url, Markup("").join(inner))
