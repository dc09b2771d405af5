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
from tests.servers.practice_clouds import furnish_clouds
from tests.servers.world import World


async def main() -> int:
    async with World() as world:
        practices = await furnish(world)
        exercises = await furnish_clouds(world)
        suggestions = [f"{p.domain}|{p.account} / {p.secret}" for p in practices]
        suggestions += [f"{exercise.said}|{exercise.hint}" for exercise in exercises]
        for practice in practices:
            print(f"{practice.domain:26} {practice.account:32} {practice.secret:10} {practice.code or 'all good'}")
        for exercise in exercises:
            print(f"{exercise.said:26} {exercise.hint}  {exercise.code}")
        told = {"MIGCHECK_WEB__SUGGESTIONS": json.dumps(suggestions)}
        environment = {**os.environ, **world.environment, **told}
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
