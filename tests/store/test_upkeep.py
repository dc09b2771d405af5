"""Retention and erasure: what goes, what stays, and that nothing of it is left in the files."""

import random
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from bot.store.rows import Offer
from bot.store.store import Store
from tests.store.conftest import a_case, a_report, bytes_of

DAY = 86_400.0
MARK = "mark-of-the-erased-7391"


async def test_retention_deletes_by_last_change(store: Store) -> None:
    now = 100 * DAY
    await store.take("old", a_case("OLD", now=now - 31 * DAY), [{"kind": "Post"}])
    await store.take("young", a_case("YOUNG", person="web:bob", now=now - 29 * DAY), [])
    for case_id in ("OLD", "YOUNG"):
        await store.put_report(a_report(case_id), "ja", now - 31 * DAY)
        await store.put_message(case_id, "web:ann", "greeting", {}, now - 31 * DAY)
    await store.put_report(a_report("ALONE-OLD"), "ja", now - 31 * DAY)
    await store.put_report(a_report("ALONE-YOUNG"), "ja", now - 29 * DAY)
    await store.change_person("web:ann", lambda row: replace(row, lang="ja", updated=now - 31 * DAY))
    await store.change_person("web:bob", lambda row: replace(row, lang="ja", updated=now - 31 * DAY))
    counts = await store.expire(now, 30)
    assert counts == {"reports": 2, "messages": 1, "cases": 1, "offers": 0, "effects": 0, "events": 2, "people": 1}
    assert await store.case("OLD") is None
    assert await store.open_effects() == [], "what hangs on a case goes with it"
    assert await store.case("YOUNG") is not None
    assert await store.report("YOUNG") is not None, "a living case keeps its report"
    assert [await store.report(c) is not None for c in ("OLD", "ALONE-OLD", "ALONE-YOUNG")] == [False, False, True]


async def test_remains_of_living_cases_go_sooner(store: Store) -> None:
    now = 100 * DAY
    await store.take("seen-long-ago", a_case(now=now - 4 * DAY), [{"n": 1}, {"n": 2}])
    await store.take("seen-lately", a_case("OTHER", now=now - DAY), [])
    first, _ = await store.open_effects()
    await store.effects_done([first.id], now - 2 * DAY)
    await store.add_offer("dead", Offer("K7QF-2M", "web:ann", "1", expires=now - 2 * DAY))
    await store.add_offer("just-dead", Offer("K7QF-2M", "web:ann", "1", expires=now - 60))
    counts = await store.expire(now, 30)
    assert counts == {"reports": 0, "messages": 0, "cases": 0, "offers": 1, "effects": 1, "events": 1, "people": 0}
    assert len(await store.open_effects()) == 1, "what is not done is never deleted for its age"
    assert await store.offer("just-dead") is not None
    assert await store.take("seen-lately", a_case("NEW"), []) is None


async def test_an_erased_person_is_in_no_file_and_others_are_untouched(store: Store, tmp_path: Path) -> None:
    rng = random.Random(7)
    for number in range(60):
        person, mark = ("web:ann", MARK) if number % 3 else ("web:bob", "mark-of-bob")
        await _live(store, f"C{number:04}", person, mark, rng)
    await store.change_person("web:ann", lambda row: replace(row, lang="ja", state={"note": MARK}, updated=1000.0))
    assert MARK.encode() in bytes_of(tmp_path), "the test can fail"
    counts = await store.erase("web:ann")
    assert (counts["cases"], counts["reports"], counts["people"]) == (40, 40, 1)
    left = bytes_of(tmp_path)
    assert MARK.encode() not in left
    assert b"web:ann" not in left
    assert len(await store.cases_of("web:bob", 100)) == 20
    assert b"mark-of-bob" in left
    with closing(sqlite3.connect(tmp_path / "var" / "bot.db")) as found:
        assert found.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert found.execute("PRAGMA foreign_key_check").fetchall() == []


async def _live(store: Store, case_id: str, person: str, mark: str, rng: random.Random) -> None:
    """A case with all that belongs to one, in rows of many sizes that grow and shrink, so that pages split and merge."""
    case = a_case(case_id, person, text=mark * rng.randint(1, 300))
    await store.take(f"first-{case_id}", case, [{"text": mark * rng.randint(1, 40)}])
    case = replace(case, version=1, state={"text": mark * rng.randint(1, 300)})
    await store.take(f"second-{case_id}", case, [{"text": mark}])
    for turn in range(rng.randint(1, 4)):
        await store.put_message(case_id, person, "progress:1", {"text": mark * rng.randint(1, 200)}, 1000.0)
        await store.put_message(case_id, person, f"said:{turn}", {"text": mark * rng.randint(1, 60)}, 1000.0)
    await store.put_report(a_report(case_id, mark * rng.randint(1, 200)), "ja", 1000.0)
    await store.put_report(a_report(case_id, mark), "ja", 1001.0)
    await store.add_offer(f"token-{case_id}", Offer(case_id, person, mark, expires=2000.0))
    if rng.random() < 0.3:
        await store.expire(1000.0, 30)


async def test_what_retention_deleted_is_in_no_file(store: Store, tmp_path: Path) -> None:
    rng = random.Random(11)
    for number in range(30):
        await _live(store, f"C{number:04}", "web:ann", MARK, rng)
    await store.expire(1000.0 + 31 * DAY, 30)
    left = bytes_of(tmp_path)
    assert MARK.encode() not in left
    assert b"web:ann" not in left


async def test_erasing_somebody_unknown_deletes_nothing(store: Store) -> None:
    await store.take("e1", a_case(), [])
    assert set((await store.erase("web:nobody")).values()) == {0}
    assert await store.case("K7QF-2M") is not None
