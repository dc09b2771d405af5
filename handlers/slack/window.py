"""Forms as windows (modal views), and the errors that stand beside their fields. Pure."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bot.core.intake import EXAMPLES, InputError
from bot.core.message import Block, Form, Input, Message, More
from bot.core.model import SCENARIOS
from handlers.literal import clean
from handlers.slack.parts import Part, context, plain, section
from handlers.slack.view import Names, blocks_of, error_at, title_of

_MOST_TYPED = 1000
_LONGEST_SECRET = 3000


def window(  # noqa: PLR0917 - a window has as many parts
    name: str,
    title: str,
    blocks: Iterable[Part],
    about: Mapping[str, str],
    words: Mapping[str, str],
    submit: str | None = None,
) -> Part:
    """A modal view. `about` comes back with it: which case and message it belongs to."""
    view: Part = {
        "type": "modal",
        "callback_id": f"migcheck.{name}",
        "private_metadata": json.dumps(dict(about)),
        "title": title_of(title),
        "close": plain(words["form.close"], 24),
        "blocks": list(blocks)[:100],
    }
    return view | ({"submit": plain(submit, 24)} if submit is not None else {})


def form_window(form: Form, lead: str, about: Mapping[str, str], words: Mapping[str, str]) -> Part:
    """Any form of the dialogue."""
    blocks = [*([section(lead)] if lead else []), *(input_block(one, words) for one in form.inputs)]
    title = words.get(f"form.{form.name}", words["form.start"])
    return window(f"form.{form.name}", title, blocks, about, words, form.submit)


def start_form(words: Mapping[str, str], domain: str = "", account: str = "") -> Form:
    """What `/migcheck` without anything asks for."""
    scenarios = tuple((name, words.get(f"report.scenario.{name}", name)) for name in SCENARIOS)
    return Form(
        "start",
        (
            Input("domain", words["field.domain"], domain, EXAMPLES["domain"]),
            Input("scenario", words["field.scenario"], "auto", options=(("auto", words["scenario.auto"]), *scenarios)),
            Input("account", words["field.account"], account, EXAMPLES["account"]),
            Input("imap", words["field.imap"], "", "imap.example.co.jp:993"),
            Input("smtp", words["field.smtp"], "", "smtp.example.co.jp:465"),
            Input("pop", words["field.pop"], "", "pop.example.co.jp:995"),
            Input("ews", words["field.ews"], "", EXAMPLES["ews"]),
            Input("mailbox", words["field.mailbox"], "", EXAMPLES["mailbox"]),
        ),
        words["form.submit"],
    )


def secret_window(about: Mapping[str, str], lead: str, words: Mapping[str, str]) -> Part:
    """The field for a secret. Slack has no masked one, hence the warning."""
    field = {
        "type": "input",
        "block_id": "secret",
        "label": plain(words["field.secret"], 2000),
        "element": {"type": "plain_text_input", "action_id": "migcheck.secret", "max_length": _LONGEST_SECRET},
    }
    blocks = [section(lead), context([words["form.secret.warning"]]), field]
    return window("secret", words["form.secret"], blocks, about, words, words["form.send"])


def share_window(
    preview: Message, origin: str | None, about: Mapping[str, str], words: Mapping[str, str], *, sure: bool
) -> Part:
    """Where to show a report, and what the others will see of it."""
    choose: Part = {
        "type": "conversations_select",
        "action_id": "migcheck.channel",
        "filter": {
            "include": ["public", "private"],
            "exclude_external_shared_channels": True,
            "exclude_bot_users": True,
        },
    }
    choose |= {"initial_conversation": origin} if origin else {}
    tick = {"text": plain(words["field.show_account"], 75), "value": "yes"}
    blocks: list[Part] = [
        section(words["talk.ask_share"]),
        {"type": "input", "block_id": "channel", "label": plain(words["field.channel"], 2000), "element": choose},
        {
            "type": "input",
            "block_id": "show_account",
            "optional": True,
            "label": plain(words["field.account"], 2000),
            "element": {"type": "checkboxes", "action_id": "migcheck.show_account", "options": [tick]},
        },
        *([] if sure else [context([words["form.share.unsure"]])]),
        {"type": "divider"},
        context([words["form.share.preview"]]),
        *blocks_of(preview.blocks, Names(words)),
    ]
    return window("share", words["form.share"], blocks, about, words, words["button.share_now"])


def more_window(blocks: Sequence[Block], names: Names) -> Part:
    """What a message keeps behind "more"."""
    hidden = [inner for block in blocks if isinstance(block, More) for inner in block.blocks]
    return window("more", names.words["form.more"], blocks_of(hidden, names), {}, names.words)


def input_block(one: Input, words: Mapping[str, str]) -> Part:
    """A field. What is wrong with it is its label, since that is what is read aloud there; a hint is only grey."""
    element: Part
    if one.options:
        options = [{"text": plain(label, 75), "value": value} for value, label in one.options]
        element = {"type": "static_select", "action_id": f"migcheck.{one.name}", "options": options}
        if (chosen := next((o for o in options if o["value"] == one.value), None)) is not None:
            element["initial_option"] = chosen
    else:
        element = {"type": "plain_text_input", "action_id": f"migcheck.{one.name}", "max_length": _MOST_TYPED}
        element |= {"initial_value": one.value[:_MOST_TYPED]} if one.value else {}
        element |= {"placeholder": plain(one.example, 150)} if one.example else {}
    return {
        "type": "input",
        "block_id": one.name,
        "label": plain(error_at(one, words) if one.error else one.label, 2000),
        "element": element,
        "optional": one.optional,
    }


def field_errors(errors: Iterable[InputError], words: Mapping[str, str], shown: Iterable[str]) -> dict[str, Any]:
    """The answer to a view whose fields cannot be read: what is wrong beside each, with an example."""
    fields = list(shown)
    said: dict[str, str] = {}
    for error in errors:
        name = error.field if error.field in fields else fields[0]
        label = words.get(f"field.{error.field}", error.field)
        said[name] = clean(words["input_error"].format(field=label, typed=error.typed[:100], example=error.example))
    return {"response_action": "errors", "errors": said}
