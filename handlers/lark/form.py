"""Forms as form containers, with what is wrong beside each field. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from bot.core.intake import EXAMPLES
from bot.core.message import Form, Input, Message, Text
from bot.core.model import SCENARIOS
from handlers.lark.parts import Part, note, plain, submit, words

_MOST_TYPED = 1000
_LONGEST_SECRET = 1000
"""Lark takes no more in a field."""
_TICK = "yes"


def form_part(form: Form, value: Mapping[str, str]) -> Part:
    """Any form of the dialogue. `value` names its case and message."""
    sends = {**value, "action": "submit", "form": form.name}
    elements = [part for one in form.inputs for part in _field(one)]
    return {"tag": "form", "name": f"form_{form.name}", "elements": [*elements, submit(form.submit, sends)]}


def secret_part(value: Mapping[str, str], texts: Mapping[str, str], code: str) -> Part:
    """The field for a secret, with the code that the offer names: masked on the screen, never filled in before."""
    field = {
        "tag": "input",
        "name": "secret",
        "input_type": "password",
        "show_icon": True,
        "required": True,
        "max_length": _LONGEST_SECRET,
        "width": "fill",
        "label": plain(texts["field.secret"], 100),
        "label_position": "top",
    }
    sends = submit(texts["form.send"], {**value, "action": "secret"})
    known = [words(texts["form.secret.code"].format(code=code))] if code else []
    return {
        "tag": "form",
        "name": "form_secret",
        "elements": [*known, note(texts["form.secret.warning"]), field, sends],
    }


def _field(one: Input) -> list[Part]:
    error = [words(f"✗ {one.error}", color="red")] if one.error else []
    if [value for value, _ in one.options] == [_TICK]:
        ticked = one.value == _TICK
        return [{"tag": "checker", "name": one.name, "checked": ticked, "text": plain(one.options[0][1], 100)}, *error]
    return [_choice(one) if one.options else _line(one), *error]


def _line(one: Input) -> Part:
    part: Part = {
        "tag": "input",
        "name": one.name,
        "required": not one.optional,
        "max_length": _MOST_TYPED,
        "width": "fill",
        "label": plain(one.label, 100),
        "label_position": "top",
    }
    part |= {"default_value": one.value[:_MOST_TYPED]} if one.value else {}
    return part | ({"placeholder": plain(one.example, 100)} if one.example else {})


def _choice(one: Input) -> Part:
    options = [{"text": plain(label, 100), "value": value} for value, label in one.options]
    part: Part = {
        "tag": "select_static",
        "name": one.name,
        "required": not one.optional,
        "width": "fill",
        "placeholder": plain(one.label, 100),
        "options": options,
    }
    return part | ({"initial_option": one.value} if one.value in dict(one.options) else {})


def typed_of(values: Mapping[str, object]) -> dict[str, str]:
    """A form's values as the dialogue takes them. A secret is none of them."""
    return {
        name: (_TICK if value else "") if isinstance(value, bool) else str(value or "")
        for name, value in values.items()
        if name != "secret"
    }


def start_form(
    texts: Mapping[str, str], typed: Mapping[str, str] | None = None, errors: Mapping[str, str] | None = None
) -> Message:
    """What begins a case where nothing was said yet."""
    values, wrong = typed or {}, errors or {}
    scenarios = tuple((name, texts.get(f"report.scenario.{name}", name)) for name in SCENARIOS)
    inputs = (
        Input("domain", texts["field.domain"], example=EXAMPLES["domain"]),
        Input("scenario", texts["field.scenario"], options=(("auto", texts["scenario.auto"]), *scenarios)),
        Input("account", texts["field.account"], example=EXAMPLES["account"]),
        Input("imap", texts["field.imap"], example="imap.example.co.jp:993"),
        Input("smtp", texts["field.smtp"], example="smtp.example.co.jp:465"),
        Input("pop", texts["field.pop"], example="pop.example.co.jp:995"),
        Input("ews", texts["field.ews"], example=EXAMPLES["ews"]),
        Input("mailbox", texts["field.mailbox"], example=EXAMPLES["mailbox"]),
    )
    filled = tuple(replace(one, value=values.get(one.name, ""), error=wrong.get(one.name, "")) for one in inputs)
    lead = texts["form.start.lead"]
    return Message(lead, (Text(texts["form.start"], "title"), Text(lead), Form("start", filled, texts["form.submit"])))
