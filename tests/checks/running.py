"""Runs the bot's check inside this process, in a world of scripted servers, and holds every report to the schema."""

import contextlib
import functools
import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bot.asking import read_request
from bot.checks.link.dns import Resolver, nameservers
from bot.checks.link.line import Timeouts
from bot.checks.link.tls import TrustStore
from bot.core.cloud import SignIn
from bot.core.model import EVERY_SERVICE, Endpoint, Finding, Report, Request, Service, StepResult
from bot.core.report import report_from_json, report_to_json
from bot.core.secret import Secret
from bot.engine.check import Check, Network
from bot.engine.run import run
from bot.network import wisdom_in
from tests.leaks import find_leaks
from tests.servers.certs import Authority
from tests.servers.world import World, may_bind

ACCOUNT, SECRET = "taro@practice.test", "correct horse 7"
PATIENT = Timeouts(connect=8, tls=8, reply=8, total=30)
HASTY = Timeouts(connect=0.5, tls=0.5, reply=0.5, total=20)
"""For servers that never answer."""
NEEDS_PORTS = pytest.mark.skipif(not may_bind("127.0.0.1", 993), reason="ports below 1024 may not be bound here")
"""For tests in which well-known ports themselves matter."""
_SCHEMA = json.loads((Path(__file__).parents[1] / "report.schema.json").read_text())
_VALIDATOR = jsonschema.Draft202012Validator(_SCHEMA, format_checker=jsonschema.FormatChecker())


@functools.cache
def shared_root() -> tuple[Authority, Path]:
    """One trusted root a process, in a file of its own: reading the trust store costs 20 ms."""
    root = Authority.root()
    with tempfile.NamedTemporaryFile(prefix="migcheck-root-", suffix=".pem", delete=False) as file:
        file.write(root.pem)
    path = Path(file.name)
    TrustStore(str(path))
    return root, path


def make_world(**options: Any) -> World:
    """A world whose authority is the process's shared one."""
    world = World(**options)
    world.root = shared_root()[0]
    world.issuing = world.root.intermediate()
    return world


@contextlib.contextmanager
def network_in(world: World, **changes: Any) -> Iterator[Network]:
    """How a check reaches a world. `changes` replace parts of it; `nameserver_timeout` is in seconds."""
    resolver = Resolver(nameservers([world.names.address]), changes.pop("nameserver_timeout", 5.0))
    allow = changes.pop("allow", ("127.0.0.0/8",))
    made = Network(resolver, TrustStore(str(shared_root()[1])), changes.pop("timeouts", PATIENT), allow)
    try:
        yield replace(made, **changes)
    finally:
        resolver.close()


@dataclass(frozen=True, slots=True)
class Seen:
    """A report, the same as JSON, and the progress that was told on the way."""

    report: Report
    data: Mapping[str, Any]
    progress: list[StepResult] = field(default_factory=list)

    def step(self, name: str) -> StepResult:
        found = [step for step in self.report.steps if step.id == name]
        assert len(found) == 1, f"{name}: {[step.id for step in self.report.steps]}"
        return found[0]

    def codes(self, name: str) -> list[str]:
        return [finding.code for finding in self.step(name).findings]

    def finding(self, code: str, step: str | None = None) -> Finding:
        """The one finding of this code (in a step)."""
        steps = [s for s in self.report.steps if step in (None, s.id)]
        found = [f for s in steps for f in s.findings if f.code == code]
        assert found, f"{code} is not in {[(s.id, s.status, [f.code for f in s.findings]) for s in self.report.steps]}"
        return found[0]


def validated(report: Report) -> Mapping[str, Any]:
    """The report as JSON; every test's reports go through here."""
    data: Mapping[str, Any] = json.loads(json.dumps(report_to_json(report)))
    check_report(data)
    assert report_to_json(report_from_json(data)) == data
    return data


def check_report(data: Mapping[str, Any]) -> None:
    """A report against the schema and against what a report means."""
    _VALIDATOR.validate(data)
    statuses = [step["status"] for step in data["steps"]]
    verdict = next((word for word in ("fail", "unknown", "warn") if word in statuses), "pass")
    assert data["verdict"] == verdict
    failing = next((step for step in data["steps"] if step["status"] == "fail"), None)
    assert data["failing_step"] == (failing["id"] if failing else None)
    codes = {finding["code"] for step in data["steps"] for finding in step["findings"]}
    assert {advice["code"] for advice in data["advice"]} <= codes
    if data["cause"] is not None:
        assert data["cause"] in [finding["code"] for finding in failing["findings"]]
        assert data["advice"], f"no advice for {data['cause']}"
        assert data["advice"][0]["code"] == data["cause"]
        if not data["cause"].startswith("input."):
            assert any(advice["links"] for advice in data["advice"]), f"no link for {data['cause']}"
    _check_services(data["steps"])


def _check_services(steps: list[Mapping[str, Any]]) -> None:
    """Ids are unique, services stand in plan order, and nothing below a failing step was tried."""
    ids = [step["id"] for step in steps]
    assert len(ids) == len(set(ids))
    order = [step.partition(".")[0] for step in ids]
    assert order == sorted(order, key=("domain", *EVERY_SERVICE).index)
    for service in EVERY_SERVICE:
        own = [step for step in steps if step["id"].startswith(f"{service}.")]
        failed = next((i for i, step in enumerate(own) if step["status"] in ("fail", "unknown")), len(own))
        assert all(step["status"] == "skipped" and step["skipped_because"] for step in own[failed + 1 :])


_TELLING = 8
"""Characters from which a secret is no ordinary word, so that finding it in a report means a leak."""


async def run_check(
    network: Network,
    request: Request,
    secret: str | None = None,
    *,
    any_port: bool = True,
    sign_in: SignIn | None = None,
) -> Seen:
    """One check in a network, through `bot.engine.run`."""
    kept = Secret(secret) if secret is not None else None
    progress: list[StepResult] = []
    wisdom = wisdom_in(request.lang)
    check = Check("TEST-01", request, wisdom, network, kept, any_port, on_step=progress.append, sign_in=sign_in)
    report = await run(check)
    if kept is not None:
        kept.wipe()
    if secret is not None and len(secret) >= _TELLING:
        assert find_leaks(repr((report, progress)), secret) == []
    return Seen(report, validated(report), progress)


async def examine(
    world: World,
    domain: str | None = None,
    *,
    servers: Mapping[Service, Endpoint] | None = None,
    account: str | None = None,
    secret: str | None = None,
    any_port: bool = True,
    **network: Any,
) -> Seen:
    """Check a domain or named servers of a world."""
    options = {
        "domain": domain,
        "account": account,
        **{k: network.pop(k, None) for k in ("scenario", "ews", "mailbox")},
    }
    request = read_request(options, network.pop("lang", "en"))
    request = replace(request, endpoints={**request.endpoints, **(servers or {})})
    sign_in = network.pop("sign_in", None)
    with network_in(world, **network) as made:
        return await run_check(made, request, secret, any_port=any_port, sign_in=sign_in)
