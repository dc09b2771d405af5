"""What the store keeps: cases and effects, conversations, reports, offers, people."""

import asyncio
import secrets
from dataclasses import replace
from pathlib import Path

import pytest

from bot.store.rows import Offer, OfferClosed, PersonRow, StaleCase
from bot.store.store import Store, open_store
from tests.store.conftest import URL, a_case, a_report, bytes_of

POST = {"kind": "Post", "text": "こんにちは"}


async def test_an_event_has_one_effect_however_often_it_comes(store: Store) -> None:
    case = a_case()
    assert await store.take("e1", case, [POST]) is not None
    assert await store.take("e1", replace(case, state={"phase": "other"}), [POST, POST]) is None
    stored = await store.case(case.id)
    assert stored == replace(case, version=1)
    assert [(e.case_id, e.effect, e.created) for e in await store.open_effects()] == [(case.id, POST, 1000.0)]


async def test_of_two_changes_at_once_one_wins_and_the_other_decides_again(store: Store, tmp_path: Path) -> None:
    await store.take("e1", a_case(), [])
    loaded = await store.case("K7QF-2M")
    assert loaded is not None
    async with open_store(URL, tmp_path) as other:
        presses = [
            asyncio.create_task(node.take(f"press-{n}", replace(loaded, state={"n": n}), [POST]))
            for n, node in enumerate((store, other, store, other))
        ]
        results = await asyncio.gather(*presses, return_exceptions=True)
    assert sorted(str(type(result).__name__) for result in results) == ["StaleCase", "StaleCase", "StaleCase", "list"]
    assert len(await store.open_effects()) == 1
    loser = next(n for n, result in enumerate(results) if isinstance(result, StaleCase))
    fresh = await store.case("K7QF-2M")
    assert fresh is not None
    assert await store.take(f"press-{loser}", fresh, []) is not None, "an event that lost was not seen"


async def test_a_new_case_does_not_take_over_the_id_of_another(store: Store) -> None:
    await store.take("e1", a_case(person="web:ann"), [])
    with pytest.raises(StaleCase):
        await store.take("e2", a_case(person="web:bob"), [POST])
    found = await store.case("K7QF-2M")
    assert found is not None
    assert found.person == "web:ann"
    assert await store.open_effects() == []


async def test_a_persons_cases_newest_first(store: Store) -> None:
    for number in range(5):
        await store.take(f"e{number}", a_case(f"CASE-{number}", now=1000.0 + number), [])
    await store.take("other", a_case("CASE-X", person="web:bob", now=2000.0), [])
    assert [case.id for case in await store.cases_of("web:ann", 3)] == ["CASE-4", "CASE-3", "CASE-2"]


async def test_effects_are_open_until_they_are_done(store: Store) -> None:
    await store.take("e1", a_case("ONE"), [{"n": 1}, {"n": 2}])
    await store.take("e2", a_case("TWO"), [{"n": 3}])
    one = await store.open_effects("ONE")
    await store.effects_done([one[0].id], 1001.0)
    assert [effect.effect["n"] for effect in await store.open_effects()] == [2, 3]


async def test_a_conversation_is_appended_and_amended(store: Store) -> None:
    await store.take("e1", a_case(), [])
    first = await store.put_message("K7QF-2M", "web:ann", "greeting", {"text": "<b>&"}, 1000.0)
    progress = await store.put_message("K7QF-2M", "web:ann", "progress:1", {"done": 1}, 1001.0, ref="171.1")
    assert await store.put_message("K7QF-2M", "web:ann", "progress:1", {"done": 2}, 1002.0) == progress
    found = await store.messages_of("web:ann")
    assert [(m.id, m.body, m.ref, m.created, m.updated) for m in found] == [
        (first, {"text": "<b>&"}, None, 1000.0, 1000.0),
        (progress, {"done": 2}, "171.1", 1001.0, 1002.0),
    ]
    assert await store.messages_of("web:ann", after=first) == found[1:]
    assert await store.messages_of("web:ann", changed_since=1002.0) == found[1:]
    assert await store.messages_of("web:ann", limit=1) == found[1:]
    assert await store.messages_of("web:ann", case_id="OTHER") == []
    assert await store.messages_of("web:bob") == []
    assert await store.message("K7QF-2M", "progress:1") == found[1]
    assert await store.message("K7QF-2M", "progress:2") is None


async def test_keys_belong_to_their_case(store: Store) -> None:
    await store.take("e1", a_case("ONE"), [])
    await store.take("e2", a_case("TWO"), [])
    one = await store.put_message("ONE", "web:ann", "report:1", {"of": 1}, 1000.0)
    assert one != await store.put_message("TWO", "web:ann", "report:1", {"of": 2}, 1000.0)


async def test_a_report_comes_back_as_it_was_with_its_notes(store: Store) -> None:
    report = a_report()
    await store.put_report(report, "ja", 1000.0)
    kept = await store.report(report.case)
    assert kept is not None
    assert (kept.report, kept.lang, kept.created) == (report, "ja", 1000.0)
    assert kept.notes == {"imap.login": {"tried": ["PLAIN"]}}
    assert await store.report("ABCD-EF") is None


async def test_the_key_of_a_report_opens_it_and_is_not_stored(store: Store, tmp_path: Path) -> None:
    report, key = a_report(), "a-key-that-nobody-can-guess"
    await store.put_report(report, "ja", 1000.0)
    await store.add_report_key(report.case, key)
    await store.add_report_key(report.case, "another-key")
    assert (await store.report_for(report.case, key)) is not None
    assert await store.report_for(report.case, key + "x") is None
    assert await store.report_for("ABCD-EF", key) is None
    assert key.encode() not in bytes_of(tmp_path)
    again = replace(report, verdict="unknown")
    await store.put_report(again, "ja", 1001.0)
    kept = await store.report_for(report.case, key)
    assert kept is not None
    assert kept.report.verdict == "unknown", "a recheck shows through the link that was given"
    assert await store.report_for(report.case, "another-key") is not None
    await store.revoke_keys(report.case)
    assert await store.report_for(report.case, "another-key") is None
    assert await store.report_for(report.case, key) is None
    assert await store.report(report.case) is not None


async def test_a_report_without_a_key_has_no_link(store: Store) -> None:
    await store.put_report(a_report(), "ja", 1000.0)
    assert await store.report_for("K7QF-2M", "") is None


async def spent(store: Store, token: str, now: float, case: str = "K7QF-2M") -> bool:
    """Whether an event of this moment could spend the offer."""
    row = await store.case(case)
    assert row is not None
    try:
        return await store.take(secrets.token_hex(8), replace(row, updated=now), [], spend=token) is not None
    except OfferClosed:
        after = await store.case(case)
        assert after == row, "an event that cannot spend its offer changes nothing"
    except StaleCase:
        pass
    return False


async def test_an_offer_is_spent_by_the_first_who_comes(store: Store, tmp_path: Path) -> None:
    await store.take("e1", a_case(), [])
    offer = Offer("K7QF-2M", "web:ann", "4711", expires=1600.0)
    await store.add_offer("the-token", offer)
    assert await store.offer("the-token") == offer, "looking spends nothing"
    async with open_store(URL, tmp_path) as other:
        tries = await asyncio.gather(*(spent(node, "the-token", 1100.0) for node in (store, other, store, other)))
    assert sorted(tries) == [False, False, False, True]
    looked = await store.offer("the-token")
    assert looked == replace(offer, spent=1100.0)
    assert not looked.open_at(1101.0)
    assert b"the-token" not in bytes_of(tmp_path)


async def test_offers_that_are_over_cannot_be_spent(store: Store) -> None:
    await store.take("e1", a_case(), [])
    offer = Offer("K7QF-2M", "web:ann", "4711", expires=1600.0)
    await store.add_offer("late", offer)
    await store.add_offer("killed", offer)
    await store.take("e2", a_case("OTHER"), [])
    await store.add_offer("other", replace(offer, case_id="OTHER"))
    assert not await spent(store, "late", 1600.0)
    await store.kill_offers("K7QF-2M", 1200.0)
    assert not await spent(store, "killed", 1201.0)
    assert not await spent(store, "unknown", 1201.0)
    assert await spent(store, "other", 1201.0, "OTHER")


async def test_what_is_kept_of_a_person(store: Store) -> None:
    assert await store.person("slack:U1") is None
    first = PersonRow("slack:U1", "en", {"seen": True}, 1000.0)
    assert await store.change_person("slack:U1", lambda _: first) == first
    changed = await store.change_person("slack:U1", lambda row: replace(row, lang="zh", state={}, updated=1001.0))
    assert changed == await store.person("slack:U1") == PersonRow("slack:U1", "zh", {}, 1001.0)


async def test_writing_is_tried_and_leaves_nothing(store: Store) -> None:
    await store.try_writing(1000.0)
    assert await store.expire(1000.0 + 400 * 86400, 1) == dict.fromkeys(
        ("reports", "messages", "cases", "offers", "effects", "events", "people"), 0
    )
