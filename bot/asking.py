"""Options as they are typed to a Request, and the report of what could not be read."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bot.core.advice import Circumstances, advise
from bot.core.cloud import domain_of_admin
from bot.core.exchange import read_ews
from bot.core.intake import (
    InputError,
    evidence_of,
    read_account,
    read_address,
    read_domain,
    read_endpoint,
    read_mailbox,
)
from bot.core.message import Reader
from bot.core.model import SERVICES, Endpoint, Finding, Lang, Report, Request, Service, StepResult, scenario_of
from bot.core.report import endpoints_of
from bot.core.wisdom import Wisdom


def read_request(options: Mapping[str, Any], lang: Lang) -> Request:
    """What is asked for. Raises InputError for the first field that cannot be used."""
    domain = read_domain(options["domain"]) if options.get("domain") else None
    scenario = scenario_of(options.get("scenario"))
    read = read_address if scenario == "m365" else read_account
    account = read(options["account"]) if options.get("account") else None
    if domain is None and account is not None and scenario == "m365":
        domain = domain_of_admin(account)
    endpoints: dict[Service, Endpoint] = {s: read_endpoint(options[s], s) for s in SERVICES if options.get(s)}
    if options.get("ews"):
        endpoints["ews"] = read_ews(options["ews"])
    mailbox = read_mailbox(options["mailbox"]) if options.get("mailbox") else None
    return Request(domain, scenario, account, endpoints, lang, mailbox)


def input_report(case: str, error: InputError, options: Mapping[str, Any], lang: Lang, wisdom: Wisdom) -> Report:
    """A report whose only step is the input that failed."""
    finding = Finding(error.code, wisdom.severities[error.code], evidence_of(error))
    step = StepResult("domain.input", "fail", (finding,), duration_ms=0)
    scenario = scenario_of(options.get("scenario")) or "manual"
    return Report(
        case=case,
        domain=None,
        provider=None,
        scenario=scenario,
        verdict="fail",
        failing_step=step.id,
        cause=error.code,
        steps=(step,),
        advice=advise((step,), Circumstances(scenario, lang), wisdom.catalogue),
        attempts={},
        vantage=None,
        started_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        duration_ms=0,
    )


def reader_for(wisdom: Wisdom, lang: Lang, request: Request | None = None, report: Report | None = None) -> Reader:
    """The words for a request or a report, with their own host names filled in."""
    provider = wisdom.providers.get(report.provider) if report and report.provider else None
    scenario = (report.scenario if report else None) or (request.scenario if request else None) or "manual"
    endpoints = dict(request.endpoints) if request else {}
    if report is not None:
        endpoints |= endpoints_of(report)
    domain = report.domain if report else request.domain if request else None
    account = request.account if request else None
    return Reader(wisdom.catalogue, Circumstances(scenario, lang, provider, domain, account, endpoints))
