"""What an open chat page is told of what several nodes write."""

from pathlib import Path

from bot.core.case import Case, case_to_json
from bot.store.rows import CaseRow
from bot.store.store import open_store
from handlers.web.stream import _News

CASE = Case("K7QF-2M", "web:hanako", "web", "", "en")


async def test_a_message_of_a_node_whose_clock_is_a_little_behind_is_told(tmp_path: Path) -> None:
    async with open_store(f"sqlite:///{tmp_path}/store.db") as store:
        row = CaseRow(CASE.id, CASE.person, CASE.surface, CASE.place, case_to_json(CASE), 1000.0, 1000.0)
        assert await store.take("e1", row, []) is not None
        news = _News(store, CASE.person, CASE.id, 0.0)
        await store.put_message(CASE.id, CASE.person, "one", {"text": "first"}, 1000.0)
        assert b"first" in await news.gather()
        await store.put_message(CASE.id, CASE.person, "two", {"text": "second"}, 999.5)
        told = await news.gather()
        assert b"second" in told
        assert b"first" not in told
        assert await news.gather() == b""
        cut = _News(store, CASE.person, CASE.id, 1000.0)
        assert b"second" not in await cut.gather()
        await store.put_message(CASE.id, CASE.person, "three", {"text": "third"}, 999.0)
        told = await cut.gather()
        assert b"third" in told
        assert b"second" not in told
