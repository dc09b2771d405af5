"""Block Kit as HTML, as far as the bot's own messages, windows and App Home use it.

Sources: docs.slack.dev, "Blocks", "Block elements", "Composition objects".
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from markupsafe import Markup

from tests.preview.parts import Part, UnknownPartError, anchor, wrap

_TASKS = {"pending": "○", "in_progress": "◐", "complete": "✓", "error": "✗"}


def message(blocks: Iterable[Part], to: str = "", plan: Iterable[Part] = ()) -> Markup:
    """A message of the bot's; `to` says that only one person sees it, `plan` is what was streamed into it."""
    head = wrap(
        "sk-by",
        wrap("sk-name", "migcheck", tag="b"),
        wrap("sk-app", "APP", tag="span"),
        wrap("sk-time", to or "9:00", tag="span"),
    )
    return wrap("sk-message", wrap("sk-face", "m"), wrap("sk-content", head, _plan(plan), *map(block, blocks)))


def window(view: Part, errors: Mapping[str, str] | None = None) -> Markup:
    """A modal view; `errors` stand below their fields, as `response_action: errors` shows them."""
    known = {block.get("block_id") for block in view["blocks"]}
    assert set(errors or {}) <= known, "an error belongs to a field of the window"
    shown = [block(one, (errors or {}).get(one.get("block_id", ""), "")) for one in view["blocks"]]
    feet = [wrap("sk-button", text(view["close"]), tag="span")]
    feet += [wrap("sk-button sk-primary", text(view["submit"]), tag="span")] if "submit" in view else []
    head = wrap("sk-title", text(view["title"]), wrap("sk-x", "×", tag="span"))
    return wrap("sk-window", head, wrap("sk-fields", *shown), wrap("sk-feet", *feet))


def home(blocks: Iterable[Part]) -> Markup:
    return wrap("sk-home", *map(block, blocks))


def _plan(chunks: Iterable[Part]) -> Markup:
    """A streamed plan: its title and its tasks."""
    drawn = [_chunk(chunk) for chunk in chunks]
    return wrap("sk-plan", *drawn) if drawn else Markup()


def _chunk(part: Part) -> Markup:
    match part["type"]:
        case "plan_update":
            return wrap("sk-plan-title", part["title"])
        case "task_update":
            sign = wrap(f"sk-task-{part['status']}", _TASKS[part["status"]], tag="span")
            details = wrap("sk-details", part["details"]) if "details" in part else ""
            return wrap("sk-task", sign, wrap("sk-task-text", part["title"], details))
        case other:
            raise UnknownPartError(other)


def block(part: Part, error: str = "") -> Markup:
    """Any block. `error` is for inputs."""
    if part["type"] not in BLOCKS:
        raise UnknownPartError(part["type"])
    return BLOCKS[part["type"]](part, error) if part["type"] == "input" else BLOCKS[part["type"]](part)


def text(part: Part) -> str:
    """Nothing but `plain_text` is ever sent: it is shown letter by letter."""
    if part["type"] != "plain_text":
        raise UnknownPartError(part["type"])
    return part["text"]


def _context(part: Part) -> Markup:
    return wrap("sk-context", *(wrap("sk-note", text(one), tag="span") for one in part["elements"]))


def _input(part: Part, error: str) -> Markup:
    optional = wrap("sk-optional", " (optional)", tag="span") if part.get("optional") else ""
    hint = wrap("sk-hint", text(part["hint"])) if "hint" in part else ""
    wrong = wrap("sk-error", error) if error else ""
    return wrap("sk-input", wrap("sk-label", text(part["label"]), optional), element(part["element"]), wrong, hint)


def element(part: Part) -> Markup:
    """What can be pressed, typed into or chosen from."""
    if part["type"] not in ELEMENTS:
        raise UnknownPartError(part["type"])
    return ELEMENTS[part["type"]](part)


def _button(part: Part) -> Markup:
    look = "sk-button " + {"primary": "sk-primary", "danger": "sk-danger"}.get(part.get("style", ""), "")
    if "url" in part:
        return anchor(look, part["url"], text(part["text"]))
    return wrap(look, text(part["text"]), tag="span")


def _typed(part: Part) -> Markup:
    if "initial_value" in part:
        return wrap("sk-box", part["initial_value"])
    return wrap("sk-box sk-empty", text(part["placeholder"]) if "placeholder" in part else " ")


def _select(part: Part) -> Markup:
    chosen = part.get("initial_option")
    options = [wrap("", text(one["text"]), tag="li") for one in part["options"]]
    shown = wrap("sk-box sk-choice", text(chosen["text"]) if chosen else "…", tag="summary")
    return wrap("sk-select", shown, wrap("sk-options", *options, tag="ul"), tag="details")


def _conversations(part: Part) -> Markup:
    return wrap("sk-box sk-choice", f"# {part['initial_conversation']}" if "initial_conversation" in part else "…")


def _checkboxes(part: Part) -> Markup:
    return wrap("sk-ticks", *(wrap("sk-tick", "☐ ", text(one["text"])) for one in part["options"]))


# Rich text.


def _rich(part: Part) -> Markup:
    return wrap("sk-rich", *map(_line, part["elements"]))


def _line(part: Part) -> Markup:
    match part["type"]:
        case "rich_text_section":
            return wrap("sk-row", *map(_word, part["elements"]))
        case "rich_text_preformatted":
            return wrap("sk-pre", *map(_word, part["elements"]), tag="pre")
        case "rich_text_list":
            return _list(part)
        case other:
            raise UnknownPartError(other)


def _list(part: Part) -> Markup:
    tag = {"ordered": "ol", "bullet": "ul"}[part["style"]]
    items = Markup().join(wrap("", *map(_word, row["elements"]), tag="li") for row in part["elements"])
    first = Markup(' start="{}"').format(part["offset"] + 1) if "offset" in part else Markup()
    return Markup('<{} class="sk-list"{}>{}</{}>').format(Markup(tag), first, items, Markup(tag))


def _word(part: Part) -> Any:
    match part:
        case {"type": "text", "text": said, **rest}:
            style = rest.get("style", {})
            shown: Any = wrap("sk-code", said, tag="code") if style.get("code") else said
            return wrap("", shown, tag="b") if style.get("bold") else Markup.escape(shown)
        case {"type": "link", "url": url, "text": said}:
            return anchor("sk-link", url, said)
    raise UnknownPartError(part["type"])


BLOCKS: Mapping[str, Callable[..., Markup]] = {
    "header": lambda part: wrap("sk-header", text(part["text"])),
    "section": lambda part: wrap("sk-section", text(part["text"])),
    "context": _context,
    "divider": lambda _: wrap("sk-divider"),
    "actions": lambda part: wrap("sk-actions", *map(element, part["elements"])),
    "rich_text": _rich,
    "input": _input,
}
ELEMENTS: Mapping[str, Callable[[Part], Markup]] = {
    "button": _button,
    "plain_text_input": _typed,
    "static_select": _select,
    "conversations_select": _conversations,
    "checkboxes": _checkboxes,
}
KNOWN = frozenset({*BLOCKS, *ELEMENTS, "plain_text", "text", "link", "plan_update", "task_update"}) | {
    "rich_text_section", "rich_text_preformatted", "rich_text_list", "modal", "home",
}  # fmt: skip
"""Everything that has a `type` and can be drawn."""
