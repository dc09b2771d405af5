"""What is in the house: settings, store, knowledge."""

import asyncio
import os
import time

from bot.health.outcome import Outcome
from bot.knowledge import compile_all
from bot.settings import ROOT, Settings
from bot.store.rows import StoreError
from bot.store.store import open_store


async def check_settings(_: Settings) -> list[Outcome]:
    set_here = sum(name.startswith("MIGCHECK_") for name in os.environ)
    where = "app.yaml" if (ROOT / "app.yaml").exists() else "no app.yaml, every setting has its default"
    return [Outcome("pass", "settings", f"{where}; {set_here} from the environment")]


async def check_store(settings: Settings) -> list[Outcome]:
    """The store is opened (and brought up to date), written to, and asked for its revision."""
    begun = time.perf_counter()
    try:
        async with open_store(settings.store.url) as store:
            await store.try_writing(time.time())
            shown, revision = store.place.shown, await store.revision()
    except StoreError as error:
        return [Outcome("fail", "store", str(error), "correct store.url, or what is said of the file")]
    took = (time.perf_counter() - begun) * 1000
    kept = f"reports are kept for {settings.store.retention_days} days"
    return [Outcome("pass", "store", f"{shown}: opened and written in {took:.0f} ms, revision {revision}; {kept}")]


async def check_knowledge(_: Settings) -> list[Outcome]:
    try:
        known = await asyncio.to_thread(compile_all)
    except Exception as error:  # noqa: BLE001 - files that people edit can be wrong in any way
        where = str(error).splitlines()[0] if str(error) else ""
        return [Outcome("fail", "knowledge", f"{type(error).__name__}: {where}", "undo the last change in advice/")]
    languages = ", ".join(sorted(part.removeprefix("texts-") for part in known if part.startswith("texts-")))
    found = f"{len(known['severities'])} findings, {len(known['providers'])} providers, languages {languages}"
    return [Outcome("pass", "knowledge", found)]
