"""The steps of a run as a streamed plan, one task a step. Pure; what is sent is Slack's `task_update`."""

from collections.abc import Mapping

from bot.core.message import Buttons, Message, StepMark, Steps
from handlers.literal import clean, cut
from handlers.slack.parts import Part
from handlers.slack.view import labelled, marked

_STATUS = {"pass": "complete", "warn": "complete", "fail": "error", "unknown": "error", "skipped": "pending"}
"""Of Slack's four states none says that a step is left out; the title does."""
_TITLE, _DETAILS = 75, 250


def tasks(message: Message, words: Mapping[str, str]) -> dict[str, Part]:
    """A task for each step of a progress message, by the step's id. `words` are the reader's."""
    found = {}
    for block in message.blocks:
        if isinstance(block, Steps):
            for service, marks in block.rows:
                found.update({mark.id: _task(service, mark, words) for mark in marks})
    return found


def _task(service: str, mark: StepMark, words: Mapping[str, str]) -> Part:
    left_out = mark.status == "skipped"
    label = marked(mark.label, mark.status, words) if left_out else mark.label
    task: Part = {
        "type": "task_update",
        "id": mark.id,
        "title": cut(clean(labelled(service, label, words)), _TITLE),
        "status": _STATUS.get(mark.status, "in_progress"),
    }
    return task | ({"details": cut(clean(mark.note), _DETAILS)} if mark.note else {})


def news(before: dict[str, Part], after: dict[str, Part]) -> list[Part]:
    """What has changed between two states."""
    return [task for name, task in after.items() if before.get(name) != task]


def pressable(message: Message) -> Message | None:
    """What can be pressed of a progress message, as one of its own: a plan holds nothing but tasks."""
    rows = tuple(block for block in message.blocks if isinstance(block, Buttons))
    return Message(rows[0].buttons[0].label, rows) if rows else None


def plan(title: str) -> Part:
    return {"type": "plan_update", "title": cut(clean(title), _TITLE)}
