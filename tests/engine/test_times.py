"""When steps began: those that discovery took, too."""

from bot.checks.link.line import Timeouts
from tests.checks.running import examine, make_world
from tests.servers.script import HANG


async def test_steps_begin_when_they_began() -> None:
    """Those that discovery took before their turn came as well; skipped ones not at all."""
    async with make_world() as world:
        world.domain("practice.test")
        await world.imap("imap.practice.test", greeting=HANG)
        await world.smtp("smtp.practice.test")
        seen = await examine(world, "practice.test", timeouts=Timeouts(5, 5, 0.5, 10))
    begun = {step.id: step.started for step in seen.report.steps if step.status != "skipped"}
    assert all(isinstance(at, float) for at in begun.values())
    found = seen.step("domain.servers")
    assert found.started is not None
    assert found.duration_ms is not None
    over = found.started + found.duration_ms / 1000
    for service in ("imap", "smtp"):
        connect, tls = seen.step(f"{service}.connect"), seen.step(f"{service}.tls")
        assert connect.started is not None
        assert tls.started is not None
        assert found.started <= connect.started <= tls.started < over, "they were taken while servers were looked for"
        assert connect.duration_ms
        assert tls.duration_ms
    assert begun["imap.greeting"] >= over - 0.01  # type: ignore[operator]
    assert seen.step("imap.capability").started is None
