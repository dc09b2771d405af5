"""Advice as it is told. Named tuples in a file of their own, since `explain` waits for nothing else of the model."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Link(NamedTuple):
    title: str
    url: str
    lang: str | None = None


class Advice(NamedTuple):
    """What to do about a finding, and who does it."""

    code: str
    title: str
    actions: tuple[str, ...]
    who: str
    links: tuple[Link, ...]


def advice_to_json(advice: Advice) -> dict[str, Any]:
    """As `report.schema.json` describes it."""
    return {
        "code": advice.code,
        "title": advice.title,
        "actions": list(advice.actions),
        "who": advice.who,
        "links": [_link_to_json(link) for link in advice.links],
    }


def _link_to_json(link: Link) -> Mapping[str, str]:
    return {"title": link.title, "url": link.url} | ({"lang": link.lang} if link.lang else {})
