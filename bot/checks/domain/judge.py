"""What DNS and discovery say of the domain, to findings."""

from bot.checks.judging import Setting
from bot.core.model import DomainFacts, Fault, Finding, ServersFacts


def judge_exists(facts: DomainFacts | Fault, setting: Setting) -> list[Finding]:
    assert isinstance(facts, DomainFacts)
    evidence = {"name": facts.domain}
    if facts.mx.outcome == "bogus":
        return [setting.finding("dns.dnssec_bogus", detail=facts.mx.detail, **evidence)]
    if facts.mx.outcome == "failed":
        return [setting.finding("dns.resolver_failed", detail=facts.mx.detail, **evidence)]
    if facts.mx.outcome == "nxdomain":
        return [setting.finding("dns.domain_not_found", **evidence)]
    return []


def judge_mail(facts: DomainFacts | Fault, setting: Setting) -> list[Finding]:
    assert isinstance(facts, DomainFacts)
    if facts.mx.records == (".",):
        return [setting.finding("dns.null_mx", mx=["."])]
    if not facts.mx.records and not facts.address.records:
        return [setting.finding("dns.no_mail_records", name=facts.domain)]
    if setting.provider is not None:
        evidence = {"mx": list(facts.mx.records), "provider": setting.provider["id"]}
        if setting.provider["kind"] == "gateway":
            return [setting.finding("dns.mx_is_gateway", **evidence)]
        if setting.provider["kind"] == "destination":
            return [setting.finding("dns.mx_is_destination", **evidence)]
    return []


def judge_servers(facts: ServersFacts | Fault, setting: Setting) -> list[Finding]:
    assert isinstance(facts, ServersFacts)
    if facts.endpoints:
        return []
    return [
        setting.finding("dns.servers_not_found", tried=list(facts.tried), customer_hosts=list(facts.customer_hosts))
    ]
