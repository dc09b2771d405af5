"""The steps of a run as a streamed plan, one task a step. Pure; what is sent is Slack's `task_update`."""

from bot.core.message import Message, StepMark, Steps
from handlers.literal import clean, cut
from handlers.slack.parts import Part

_STATUS = {"pass": "complete", "warn": "complete", "fail": "error", "unknown": "error", "skipped": "complete"}
_TITLE, _DETAILS = 75, 250


def tasks(message: Message) -> dict[str, Part]:
    """A task for each step of a progress message, by the step's id."""
    found = {}
    for block in message.blocks:
        if isinstance(block, Steps):
            for service, marks in block.rows:
                found.update({mark.id: _task(service, mark) for mark in marks})
    return found


def _task(service: str, mark: StepMark) -> Part:
    task: Part = {
        "type": "task_update",
        "id": mark.id,
        "title": cut(clean(f"{service}: {mark.label}"), _TITLE),
        "status": _STATUS.get(mark.status, "in_progress"),
    }
    return task | ({"details": cut(clean(mark.note), _DETAILS)} if mark.note else {})


def news(before: dict[str, Part], after: dict[str, Part]) -> list[Part]:
    """What has changed between two states."""
    return [task for name, task in after.items() if before.get(name) != task]


def plan(title: str) -> Part:
    return {"type": "plan_update", "title": cut(clean(title), _TITLE)}
