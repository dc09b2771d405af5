"""`make demo`: the bot's chat page among practice domains, without any network.

The practice domains reach the bot as MIGCHECK_WEB__SUGGESTIONS, so that the page can offer them.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys

from tests.servers.practice import furnish
from tests.servers.world import World


async def main() -> int:
    async with World() as world:
        practices = await furnish(world)
        suggestions = json.dumps([f"{p.domain}|{p.account} / {p.secret}" for p in practices])
        for practice in practices:
            print(f"{practice.domain:26} {practice.account:32} {practice.secret:10} {practice.code or 'all good'}")
        environment = {**os.environ, **world.environment, "MIGCHECK_WEB__SUGGESTIONS": suggestions}
        bot = await asyncio.create_subprocess_exec(sys.executable, "-m", "bot", "run", env=environment)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, _end, bot)
        return await bot.wait()


def _end(bot: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        bot.terminate()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
