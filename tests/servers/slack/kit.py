"""What Slack accepts as blocks and views: slack_sdk's models, and limits and fields that they do not check."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

MOST_BYTES = 13_200
_TEXT = {"type", "text", "emoji", "verbatim"}


@dataclass(frozen=True, slots=True)
class Kind:
    """Fields that an object may have, those that it must have, and the most characters or items of a field."""

    may: frozenset[str]
    must: frozenset[str] = frozenset()
    most: Mapping[str, int] | None = None
    texts: Mapping[str, tuple[str, int]] | None = None
    """Fields that are text objects: which type (plain, any) and how long."""


def _kind(
    may: str, must: str = "", most: Mapping[str, int] | None = None, texts: Mapping[str, tuple[str, int]] | None = None
) -> Kind:
    return Kind(frozenset((may + " " + must + " type").split()), frozenset(must.split()), most, texts)


_INPUT = "action_id placeholder focus_on_load"
KINDS: Mapping[str, Kind] = {
    "section": _kind("block_id text fields accessory expand", "", {"fields": 10}, {"text": ("any", 3000)}),
    "header": _kind("block_id", "text", None, {"text": ("plain", 150)}),
    "context": _kind("block_id", "elements", {"elements": 10}),
    "divider": _kind("block_id"),
    "actions": _kind("block_id", "elements", {"elements": 25}),
    "input": _kind("block_id hint optional dispatch_action", "label element", None, {"label": ("plain", 2000), "hint": ("plain", 2000)}),
    "rich_text": _kind("block_id", "elements"),
    "rich_text_section": _kind("", "elements"),
    "rich_text_list": _kind("indent offset border", "elements style"),
    "rich_text_preformatted": _kind("border", "elements"),
    "rich_text_quote": _kind("border", "elements"),
    "button": _kind(
        "url value style confirm accessibility_label",
        "text action_id",
        {"url": 3000, "value": 2000, "action_id": 255, "accessibility_label": 75},
        {"text": ("plain", 75)},
    ),
    "plain_text_input": _kind(f"{_INPUT} initial_value multiline min_length max_length dispatch_action_config", "", {"action_id": 255}, {"placeholder": ("plain", 150)}),
    "static_select": _kind(f"{_INPUT} options option_groups initial_option confirm", "", {"options": 100, "action_id": 255}, {"placeholder": ("plain", 150)}),
    "checkboxes": _kind("action_id initial_options confirm focus_on_load", "options", {"options": 10}),
    "conversations_select": _kind(f"{_INPUT} initial_conversation default_to_current_conversation confirm response_url_enabled filter", "", None, {"placeholder": ("plain", 150)}),
    "text": _kind("style", "text"),
    "link": _kind("text style", "url"),
    "plain_text": _kind("emoji", "text"),
    "mrkdwn": _kind("verbatim", "text"),
}  # fmt: skip
"""The kinds that this project uses; another one is refused, so that it is looked up before it is used."""
_CHILDREN = {
    "rich_text": {"rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote"},
    "rich_text_section": {"text", "link"},
    "rich_text_preformatted": {"text", "link"},
    "rich_text_quote": {"text", "link"},
    "rich_text_list": {"rich_text_section"},
    "context": {"plain_text", "mrkdwn"},
    "actions": {"button", "static_select", "checkboxes", "conversations_select"},
}
_WHERE = {
    "message": {"section", "header", "context", "divider", "actions", "input", "rich_text"},
    "modal": {"section", "header", "context", "divider", "actions", "input", "rich_text"},
    "home": {"section", "header", "context", "divider", "actions", "input", "rich_text"},
}


def faults_of_blocks(blocks: Any, surface: str = "message") -> list[str]:
    """What Slack would refuse in these blocks; empty where they are sound."""
    if not isinstance(blocks, list):
        return ["blocks is no list"]
    most = 50 if surface == "message" else 100
    found = [f"{len(blocks)} blocks, {most} at most"] if len(blocks) > most else []
    if surface == "message" and (size := len(json.dumps(blocks, ensure_ascii=False).encode())) > MOST_BYTES:
        found.append(f"msg_blocks_too_long: {size} bytes")
    for place, block in enumerate(blocks):
        if not isinstance(block, dict) or block.get("type") not in _WHERE[surface]:
            found.append(f"/{place}: not a block of a {surface}")
            continue
        found += _faults(block, f"/{place}")
        found += _model_faults(block, f"/{place}")
    return found + _doubles(blocks)


def faults_of_view(view: Any) -> list[str]:
    """What Slack would refuse in a view."""
    if not isinstance(view, dict) or view.get("type") not in ("modal", "home"):
        return ["not a view"]
    modal = view["type"] == "modal"
    may = {"type", "blocks", "private_metadata", "callback_id", "external_id"}
    may |= {"title", "submit", "close", "clear_on_close", "notify_on_close", "submit_disabled"} if modal else set()
    found = [f"unknown field {name}" for name in view if name not in may]
    found += ["no title"] if modal and "title" not in view else []
    for name in ("title", "submit", "close"):
        if name in view:
            found += _text_faults(view[name], name, "plain", 24)
    if len(view.get("private_metadata", "")) > 3000:
        found.append("private_metadata is too long")
    if any(block.get("type") == "input" for block in view.get("blocks", [])) and modal and "submit" not in view:
        found.append("submit is needed where there is an input")
    try:
        View(**view).to_dict()
    except (SlackObjectFormationError, TypeError, AttributeError) as error:
        found.append(str(error))
    return found + faults_of_blocks(view.get("blocks"), view["type"])


def _faults(part: Mapping[str, Any], path: str) -> Iterator[str]:
    kind = KINDS.get(str(part.get("type")))
    if kind is None:
        yield f"{path}: unknown type {part.get('type')}"
        return
    yield from (f"{path}: unknown field {name}" for name in part if name not in kind.may)
    yield from (f"{path}: {name} is missing" for name in kind.must if name not in part)
    for name, most in (kind.most or {}).items():
        if len(part.get(name, "")) > most:
            yield f"{path}/{name}: longer than {most}"
    for name, (sort, most) in (kind.texts or {}).items():
        if name in part:
            yield from _text_faults(part[name], f"{path}/{name}", sort, most)
    yield from _option_faults(part, path)
    yield from _child_faults(part, path)


def _child_faults(part: Mapping[str, Any], path: str) -> Iterator[str]:
    allowed = _CHILDREN.get(part["type"])
    if allowed is not None:
        if not part.get("elements") and part["type"] != "rich_text_section":
            yield f"{path}: no elements"
        for place, child in enumerate(part.get("elements", [])):
            if child.get("type") not in allowed:
                yield f"{path}/elements/{place}: {child.get('type')} cannot stand here"
            yield from _faults(child, f"{path}/elements/{place}")
    if part["type"] in ("text", "plain_text", "mrkdwn") and not part.get("text"):
        yield f"{path}: empty text"
    for name in ("element", "accessory"):
        if isinstance(part.get(name), dict):
            yield from _faults(part[name], f"{path}/{name}")
    if part["type"] == "section" and not (part.get("text") or part.get("fields")):
        yield f"{path}: a section needs text or fields"


def _option_faults(part: Mapping[str, Any], path: str) -> Iterator[str]:
    options = part.get("options", [])
    values = [option.get("value") for option in options]
    for place, option in enumerate(options):
        if set(option) - {"text", "value", "description"}:
            yield f"{path}/options/{place}: unknown field"
        yield from _text_faults(option.get("text"), f"{path}/options/{place}", "any", 75)
    if len(set(values)) != len(values):
        yield f"{path}: the same value twice"
    if (initial := part.get("initial_option")) is not None and initial not in options:
        yield f"{path}: initial_option is none of the options"
    if "initial_value" in part and "max_length" in part and len(part["initial_value"]) > part["max_length"]:
        yield f"{path}: initial_value is longer than max_length"
    if part.get("style") not in (None, "primary", "danger") and part["type"] == "button":
        yield f"{path}: no such style"


def _text_faults(text: Any, path: str, sort: str, most: int) -> Iterator[str]:
    if not isinstance(text, dict) or text.get("type") not in ("plain_text", "mrkdwn"):
        yield f"{path}: not a text object"
        return
    if sort == "plain" and text["type"] != "plain_text":
        yield f"{path}: must be plain_text"
    if not 1 <= len(text.get("text", "")) <= most:
        yield f"{path}: {len(text.get('text', ''))} characters, 1 to {most} are taken"
    yield from (f"{path}: unknown field {name}" for name in text if name not in _TEXT)


def _model_faults(block: Mapping[str, Any], path: str) -> list[str]:
    """slack_sdk's own opinion."""
    try:
        parsed = Block.parse(dict(block))
        if parsed is None:
            return [f"{path}: slack_sdk does not know it"]
        parsed.to_dict()
    except (SlackObjectFormationError, TypeError, AttributeError) as error:
        return [f"{path}: {error}"]
    return []


def _doubles(blocks: list[Mapping[str, Any]]) -> list[str]:
    """block_ids are unique in a message or view, action_ids within a block."""
    ids = [block["block_id"] for block in blocks if isinstance(block, dict) and block.get("block_id")]
    found = ["the same block_id twice"] if len(set(ids)) != len(ids) else []
    for place, block in enumerate(blocks):
        actions = [e.get("action_id") for e in block.get("elements", []) if isinstance(e, dict) and e.get("action_id")]
        if len(set(actions)) != len(actions):
            found.append(f"/{place}: the same action_id twice")
    return found


def actions_of(blocks: Any) -> list[dict[str, Any]]:
    """Every button and menu that can be used in these blocks, with the block it stands in."""
    found = []
    for block in blocks or []:
        elements = [*block.get("elements", []), block.get("accessory"), block.get("element")]
        found += [
            e | {"block_id": block.get("block_id", "b0")}
            for e in elements
            if isinstance(e, dict) and e.get("action_id")
        ]
    return found


def words_of(blocks: Any) -> str:
    """All that a person reads in these blocks."""
    if isinstance(blocks, dict):
        own = [blocks["text"]] if isinstance(blocks.get("text"), str) else []
        return "\n".join([*own, *(words_of(v) for k, v in blocks.items() if isinstance(v, dict | list))])
    return "\n".join(words_of(part) for part in blocks or [] if isinstance(part, dict | list))
