"""Whether every link of the knowledge can be reached: `make links`. Needs a network, so it is no test."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import yaml

ADVICE = Path(__file__).parents[1] / "advice"
AT_ONCE = 16
REFUSES_PROGRAMS = {401, 403, 405, 429}


def links() -> Iterator[tuple[str, str]]:
    for topic, entries in yaml.safe_load((ADVICE / "links.yaml").read_text(encoding="utf-8")).items():
        yield from ((entry["url"], f"links.yaml: {topic}") for entry in entries)
    for path in sorted((ADVICE / "providers").glob("*.yaml")):
        for entry in yaml.safe_load(path.read_text(encoding="utf-8")).get("links", ()):
            yield entry["url"], path.name


async def look(session: aiohttp.ClientSession, gate: asyncio.Semaphore, url: str) -> str | None:
    """What is wrong with a link, None where it answers. Some sites refuse programs: that is no dead link."""
    async with gate:
        try:
            async with session.get(url) as answer:
                return None if answer.status < 400 or answer.status in REFUSES_PROGRAMS else str(answer.status)
        except (aiohttp.ClientError, TimeoutError) as error:
            return type(error).__name__


async def main() -> int:
    places: dict[str, list[str]] = {}
    for url, place in links():
        places.setdefault(url, []).append(place)
    gate = asyncio.Semaphore(AT_ONCE)
    headers = {"User-Agent": "Mozilla/5.0 (compatible; migcheck link check)"}
    async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=30)) as session:
        found = await asyncio.gather(*(look(session, gate, url) for url in places))
    dead = [(url, problem) for url, problem in zip(places, found, strict=True) if problem]
    for url, problem in dead:
        print(f"{problem:24} {url}  ({', '.join(places[url])})")
    print(f"{len(places)} links, {len(dead)} with a problem", file=sys.stderr)
    return 1 if dead else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
