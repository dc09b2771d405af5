"""What is posted when somebody presses "Contact support"."""

from dataclasses import replace

from bot.core.abilities import Mind
from bot.core.access import Access, may_know
from bot.core.case import Case
from bot.core.handover import for_support, nothing_kept, places_of
from bot.core.message import Message
from bot.core.privilege import neutral
from bot.core.speech import reader
from bot.store.store import Store
from handlers.keys import fresh_key
from handlers.picture import picture_of


async def messages_for_support(
    case: Case, store: Store, mind: Mind, access: Access | None, origin: str
) -> tuple[Message, Message]:
    """The message as it is kept, and as it is shown: with the picture, and with links that open by their own key."""
    kept, wisdom = await store.report(case.id), mind.wisdom(case.lang)
    if kept is None:
        gone = nothing_kept(case, wisdom)
        return gone, gone
    report = kept.report if may_know(case, access) else neutral(kept.report, reader(case, wisdom, kept.report))
    picture = await picture_of(report, case.lang, mind)
    key = await fresh_key(store, case.id)
    shown = for_support(case, report, wisdom, places_of(origin, case.id, key), picture)
    bare = replace(picture, png=None) if picture is not None else None
    return for_support(case, report, wisdom, places_of("", case.id), bare), shown
