"""What Lark takes as a card (JSON 2.0): properties, nesting, names, limits. Every breach is told by its place.

From open.larksuite.com, "Card JSON 2.0 structure", "breaking changes" and the pages of the components.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

MOST_BYTES, MOST_ELEMENTS, MOST_DEPTH, MOST_TABLES = 30 * 1024, 200, 5, 3
LOCALES = frozenset(
    [
        "zh_cn",
        "en_us",
        "ja_jp",
        "zh_hk",
        "zh_tw",
        "id_id",
        "vi_vn",
        "th_th",
        "pt_br",
        "es_es",
        "ko_kr",
        "de_de",
        "fr_fr",
        "it_it",
        "ru_ru",
        "ms_my",
        "hi_in",
    ]
)
_LAYOUT = {"margin", "element_id"}
_BOX = {"direction", "vertical_spacing", "horizontal_spacing", "vertical_align", "horizontal_align", "padding"}
_ALLOWED: Mapping[str, set[str]] = {
    "plain_text": {"content", "i18n_content", "text_size", "text_color", "text_align", "lines"},
    "div": {"text", "fields", "icon", "width"} | _LAYOUT,
    "markdown": {"content", "i18n_content", "text_size", "text_align", "icon"} | _LAYOUT,
    "hr": set(_LAYOUT),
    "img": {"img_key", "i18n_img_key", "alt", "title", "corner_radius", "scale_type", "size", "transparent", "preview"} | _LAYOUT,
    "column_set": {"columns", "flex_mode", "background_style", "horizontal_spacing", "horizontal_align", "action"} | _LAYOUT,
    "column": {"elements", "width", "weight", "background_style", "action"} | _BOX | _LAYOUT,
    "form": {"name", "elements"} | _BOX | _LAYOUT,
    "input": {"name", "required", "placeholder", "default_value", "i18n_default_value", "disabled", "width", "max_length", "input_type",
              "show_icon", "rows", "auto_resize", "max_rows", "label", "label_position", "value", "behaviors", "confirm", "fallback"} | _LAYOUT,
    "select_static": {"name", "required", "placeholder", "initial_option", "options", "width", "type", "disabled", "behaviors", "confirm"} | _LAYOUT,
    "checker": {"name", "checked", "text", "overall_checkable", "button_area", "checked_style", "padding", "confirm", "behaviors", "disabled"} | _LAYOUT,
    "button": {"text", "type", "size", "width", "icon", "hover_tips", "disabled", "disabled_tips", "confirm", "behaviors", "name",
               "required", "form_action_type"} | _LAYOUT,
    "collapsible_panel": {"header", "elements", "expanded", "border", "background_color"} | _BOX | _LAYOUT,
}  # fmt: skip
_ROOT = {"schema", "config", "card_link", "header", "body"}
_CONFIG = {"update_multi", "enable_forward", "enable_forward_interaction", "width_mode", "summary", "style", "locales",
           "streaming_mode", "streaming_config", "use_custom_translation"}  # fmt: skip
_HEADER = {"title", "subtitle", "template", "icon", "text_tag_list", "i18n_text_tag_list", "padding"}
_PANEL_HEADER = {
    "title",
    "background_color",
    "vertical_align",
    "padding",
    "position",
    "width",
    "icon",
    "icon_position",
    "icon_expanded_angle",
}
_BODY = {"elements"} | _BOX
_TEMPLATES = {
    "blue",
    "wathet",
    "turquoise",
    "green",
    "yellow",
    "orange",
    "red",
    "carmine",
    "violet",
    "purple",
    "indigo",
    "grey",
    "default",
}
_COLORS = _TEMPLATES | {"neutral", "black", "white", "lime"}
_SIZES = {"normal", "heading", "notation", "heading-0", "heading-1", "heading-2", "heading-3", "heading-4"}
_BUTTONS = {
    "default",
    "primary",
    "danger",
    "text",
    "primary_text",
    "danger_text",
    "primary_filled",
    "danger_filled",
    "laser",
}
_FIELDS = {"input", "select_static", "checker", "button"}
_NOT_WITHIN = {"form": {"form", "table"}, "column": {"form", "table"}, "collapsible_panel": {"form", "table"}}
_BEHAVIORS = {"callback": {"value"}, "open_url": {"default_url", "pc_url", "ios_url", "android_url"}}


def faults_of(content: str) -> list[str]:
    """What is wrong with the content of an interactive message."""
    if len(content.encode()) > MOST_BYTES:
        return [f"{len(content.encode())} bytes, {MOST_BYTES} are taken"]
    try:
        card = json.loads(content)
    except ValueError:
        return ["not JSON"]
    return faults_of_card(card)


def faults_of_card(card: Any) -> list[str]:
    return list(_card(card))


def _card(card: Any) -> Iterator[str]:
    if not isinstance(card, dict) or card.get("schema") != "2.0":
        yield "schema is not 2.0"
        return
    yield from _unknown(card, _ROOT, "")
    config = card.get("config", {})
    yield from _unknown(config, _CONFIG, "/config")
    if config.get("update_multi", True) is not True:
        yield "/config: update_multi must be true"
    if "summary" in config:
        yield from _unknown(config["summary"], {"content", "i18n_content"}, "/config/summary")
        yield from _languages(config["summary"], "/config/summary")
    header = card.get("header")
    if header is not None:
        yield from _unknown(header, _HEADER, "/header")
        yield from _text(header.get("title"), "/header/title")
        if header.get("template", "default") not in _TEMPLATES:
            yield "/header: no such template"
    body = card.get("body", {})
    yield from _unknown(body, _BODY, "/body")
    if not body.get("elements"):
        yield "/body: no elements"
    tags = [part["tag"] for part in elements_of(card)]
    if len(tags) > MOST_ELEMENTS:
        yield f"{len(tags)} elements, {MOST_ELEMENTS} are taken"
    if tags.count("table") > MOST_TABLES:
        yield "too many tables"
    for place, element in enumerate(body.get("elements", [])):
        yield from _element(element, f"/{place}", "", 1)
    names = [part["name"] for part in elements_of(card) if part.get("name")]
    if len(set(names)) != len(names):
        yield "the same name twice"
    has_form = "form" in tags
    if has_form and config.get("enable_forward", True):
        yield "a card with a form can be forwarded"


def _element(part: Any, path: str, within: str, depth: int) -> Iterator[str]:
    tag = part.get("tag") if isinstance(part, dict) else None
    if tag not in _ALLOWED or tag in ("plain_text", "column"):
        yield f"{path}: no such element: {tag}"
        return
    yield from _unknown(part, _ALLOWED[tag] | {"tag"}, f"{path}/{tag}")
    if tag in _NOT_WITHIN.get(within, set()) or (tag == "form" and within):
        yield f"{path}: {tag} within {within}"
    if depth > MOST_DEPTH:
        yield f"{path}: nested too deeply"
    if len(part.get("element_id", "")) > 20:
        yield f"{path}: element_id is too long"
    yield from _details(part, tag, path, within)
    for at, column in enumerate(part.get("columns", [])):
        yield from _unknown(column, _ALLOWED["column"] | {"tag"}, f"{path}/{at}")
        if column.get("tag") != "column" or not column.get("elements"):
            yield f"{path}/{at}: an empty column"
        for place, inner in enumerate(column.get("elements", [])):
            yield from _element(inner, f"{path}/{at}/{place}", within if within == "form" else "column", depth + 1)
    for place, inner in enumerate(part.get("elements", [])):
        yield from _element(inner, f"{path}/{place}", tag, depth + 1)


def _details(part: Mapping[str, Any], tag: str, path: str, within: str) -> Iterator[str]:
    form = within == "form"
    match tag:
        case "div":
            yield from _text(part.get("text"), path)
        case "markdown":
            if "<" in part.get("content", "<"):
                yield f"{path}: markup within markdown"
            yield from _languages(part, path)
            if any("<" in said for said in _said(part)):
                yield f"{path}: markup within markdown"
        case "img":
            yield from _text(part.get("alt"), f"{path}/alt")
            if not part.get("img_key"):
                yield f"{path}: no img_key"
            if part.get("scale_type", "crop_center") not in ("crop_center", "crop_top", "fit_horizontal"):
                yield f"{path}: no such scale_type"
        case "collapsible_panel":
            yield from _unknown(part.get("header", {}), _PANEL_HEADER, f"{path}/header")
            yield from _text(part.get("header", {}).get("title"), f"{path}/header/title")
        case "form":
            buttons = [p for p in elements_of(part) if p["tag"] == "button" and p.get("form_action_type") == "submit"]
            if not part.get("name") or len(buttons) != 1:
                yield f"{path}: a form needs a name and a button that sends it"
        case "button":
            yield from _button(part, path, form)
        case "input":
            yield from _input(part, path)
        case "select_static":
            yield from _select(part, path)
        case "checker":
            yield from _text(part.get("text"), path)
    if tag in _FIELDS and form and not part.get("name"):
        yield f"{path}: no name within a form"
    if tag in ("input", "select_static", "checker") and not form:
        yield f"{path}: a field outside of any form"


def _button(part: Mapping[str, Any], path: str, form: bool) -> Iterator[str]:
    yield from _text(part.get("text"), path, 100)
    if part.get("type", "default") not in _BUTTONS:
        yield f"{path}: no such type"
    if ("form_action_type" in part) != form or part.get("form_action_type", "submit") not in ("submit", "reset"):
        yield f"{path}: form_action_type belongs into forms, and there it must be"
    for behavior in part.get("behaviors", []):
        kind = behavior.get("type")
        if kind not in _BEHAVIORS:
            yield f"{path}: no such behavior"
            continue
        yield from _unknown(behavior, _BEHAVIORS[kind] | {"type"}, f"{path}/behaviors")
        if kind == "open_url" and not str(behavior.get("default_url")).startswith(("http://", "https://")):
            yield f"{path}: no address"
        value = behavior.get("value")
        if kind == "callback" and not (
            isinstance(value, dict) and isinstance(value.get("action"), str) and "case" in value
        ):
            yield f"{path}: a callback's value must have an action and a case"
    if not part.get("behaviors"):
        yield f"{path}: a button that does nothing"


def _input(part: Mapping[str, Any], path: str) -> Iterator[str]:
    kind = part.get("input_type", "text")
    if kind not in ("text", "multiline_text", "password"):
        yield f"{path}: no such input_type"
    if part.get("show_icon") is not None and kind != "password":
        yield f"{path}: show_icon is for passwords"
    if kind == "password" and part.get("default_value"):
        yield f"{path}: a password filled in"
    if not 1 <= part.get("max_length", 1000) <= 1000 or len(part.get("default_value", "")) > part.get(
        "max_length", 1000
    ):
        yield f"{path}: length"
    for name in ("label", "placeholder"):
        if name in part:
            yield from _text(part[name], f"{path}/{name}", 100)


def _select(part: Mapping[str, Any], path: str) -> Iterator[str]:
    options = part.get("options") or []
    if not options:
        yield f"{path}: nothing to choose"
    for option in options:
        yield from _unknown(option, {"text", "value", "icon"}, f"{path}/options")
        yield from _text(option.get("text"), f"{path}/options", 100)
    if "initial_option" in part and part["initial_option"] not in [option.get("value") for option in options]:
        yield f"{path}: initial_option is none of the options"


def _text(text: Any, path: str, most: int = 10_000) -> Iterator[str]:
    if not isinstance(text, dict) or text.get("tag") != "plain_text":
        yield f"{path}: not plain_text"
        return
    yield from _unknown(text, _ALLOWED["plain_text"] | {"tag"}, path)
    if not 1 <= len(text.get("content", "")) <= most:
        yield f"{path}: {len(text.get('content', ''))} characters"
    yield from _languages(text, path, most)
    if text.get("text_size", "normal") not in _SIZES or text.get("text_color", "default") not in _COLORS:
        yield f"{path}: no such size or colour"


def _languages(text: Mapping[str, Any], path: str, most: int = 10_000) -> Iterator[str]:
    """The same words in several languages, by Lark's names for these, beside `content`."""
    said = text.get("i18n_content", {})
    if not isinstance(said, dict):
        yield f"{path}: i18n_content is no object"
        return
    if wrong := set(said) - LOCALES:
        yield f"{path}: no such languages: {wrong}"
    if any(not isinstance(words, str) or not 1 <= len(words) <= most for words in said.values()):
        yield f"{path}: i18n_content has an empty or too long text, or none"
    if said and "content" not in text:
        yield f"{path}: i18n_content without content"


def _said(text: Mapping[str, Any]) -> list[str]:
    said = text.get("i18n_content", {})
    return [words for words in said.values() if isinstance(words, str)] if isinstance(said, dict) else []


def _unknown(part: Mapping[str, Any], known: set[str], path: str) -> Iterator[str]:
    yield from (f"{path}: unknown property {name}" for name in part if name not in known)


def elements_of(part: Any) -> Iterator[dict[str, Any]]:
    """Everything that counts as an element."""
    if isinstance(part, dict):
        if "tag" in part:
            yield part
        for inner in part.values():
            yield from elements_of(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from elements_of(inner)


def words_of(part: Any, locale: str | None = None) -> str:
    """All that a person reads in a card, in a language where there are several."""
    if isinstance(part, dict):
        said = (
            part.get("i18n_content", {}).get(locale, part.get("content"))
            if "content" in part
            else part.get("default_value")
        )
        own = [said] if isinstance(said, str) else []
        return "\n".join(
            [*own, *(words_of(v, locale) for k, v in part.items() if k not in ("i18n_content", "behaviors"))]
        )
    if isinstance(part, list):
        return "\n".join(words_of(inner, locale) for inner in part)
    return ""
