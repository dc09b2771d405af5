"""What operators count of Lark: its errors, and forged requests."""

from bot.metrics import REGISTRY
from tests.lark.conftest import Start
from tests.servers.lark import FakeLark
from tests.servers.lark.state import Answer
from tests.servers.practice import ALL_GOOD

KINDS = ("rate_limited", "server", "lost", "refused")


def count(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"migcheck_{name}_total", labels) or 0.0


async def test_larks_errors_are_counted(lark: FakeLark, start: Start) -> None:
    ann = lark.person("ou_admin")
    before = {kind: count("platform_errors", platform="lark", kind=kind) for kind in KINDS}
    lark.script["message.reply"] += [Answer(429, wait=0.1), Answer(503, code=1), Answer(0), Answer(400, 230020)]
    lark.script["user.get"].append(Answer(404, code=-1))
    async with start() as bot:
        await ann.says(ALL_GOOD.domain)
        await ann.report()
        await bot.conversation.settle()
    after = {kind: count("platform_errors", platform="lark", kind=kind) - before[kind] for kind in KINDS}
    assert all(after.values()), after


async def test_a_forged_request_is_counted(lark: FakeLark, start: Start) -> None:
    before = count("requests_refused", platform="lark")
    async with start():
        assert (await lark.person("ou_admin").post("{}", {})).status == 401
    assert count("requests_refused", platform="lark") == before + 1
