"""Messages and effects to JSON and back, for the store and for the local chat page."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from bot.core import events, message, model

_CLASSES = {
    cls.__name__: cls
    for cls in (
        message.Text, message.Untrusted, message.Fields, message.Comparison, message.StepMark, message.Steps,
        message.Actions, message.More, message.Button, message.Buttons, message.Input, message.Form, message.Picture,
        message.Message, model.Link, model.Endpoint, model.Request, events.Post, events.Amend,
        events.OfferSecret, events.StartCheck, events.StopCheck, events.ForgetSecret, events.Meet, events.Watch,
        events.StopWatch, events.Share, events.Support, events.Typed, events.Pasted, events.Submitted,
    )
}  # fmt: skip


def to_json(value: Any) -> Any:
    """A value made of the classes above, as JSON; a class becomes an object with its name under "type"."""
    if is_dataclass(value) and not isinstance(value, type):
        return {"type": type(value).__name__} | {f.name: to_json(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, model.Link):
        return {"type": "Link"} | {name: to_json(part) for name, part in value._asdict().items()}
    if isinstance(value, Mapping):
        return {key: to_json(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(part) for part in value]
    return value


def from_json(data: Any) -> Any:
    """The value that `to_json` made this of. Lists become tuples. Raises KeyError for a type that is not known."""
    if isinstance(data, list):
        return tuple(from_json(part) for part in data)
    if not isinstance(data, Mapping):
        return data
    if "type" not in data:
        return {key: from_json(part) for key, part in data.items()}
    return _CLASSES[data["type"]](**{key: from_json(part) for key, part in data.items() if key != "type"})
