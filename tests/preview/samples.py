"""Cases and reports that the preview shows: plausible ones, of documentation's domains, made without any probe."""

from dataclasses import replace

from bot.core import speech
from bot.core.advice import advise
from bot.core.case import Case
from bot.core.model import Finding, Lang, Report, StepResult, Verdict, endpoint
from bot.core.report import failure_of, status_of, verdict_of
from bot.network import wisdom_in

DOMAIN, ACCOUNT = "example.co.jp", "taro@example.co.jp"
STAGES = {
    "domain": ("exists", "mail", "servers"),
    "imap": ("dns", "connect", "tls", "greeting", "capability", "login", "mailbox"),
    "m365": ("tenant", "realm", "signin", "consent"),
    "smtp": ("dns", "connect", "tls", "greeting", "capability", "login"),
}
SERVERS = {"imap": f"imap.{DOMAIN}:993", "smtp": f"smtp.{DOMAIN}:465"}

CHAIN = Finding(
    "tls.chain_incomplete",
    "fail",
    {
        "verify_code": 20,
        "verify_text": "unable to get local issuer certificate",
        "missing_issuer": "CN=Example Intermediate CA G2",
        "issuer_url": "http://ca.example.net/intermediate-g2.crt",
    },
)
IMAP_OFF = Finding(
    "login.protocol_disabled",
    "fail",
    {
        "server": "NO [ALERT] You are yet to enable IMAP for your account. Please contact your administrator (Failure)",
        "alternatives": ["login.plan_without_protocol"],
    },
)
EXPIRES = Finding("tls.expires_soon", "warn", {"not_after": "2026-12-02T23:59:59Z"})
NOT_FOUND = Finding(
    "dns.servers_not_found",
    "unknown",
    {"mx": ["mx1.gateway.example.net"], "tried": [f"imap.{DOMAIN}", f"mail.{DOMAIN}"]},
)
BOX = {"folders": 24, "inbox": 5120, "messages": 18432, "bytes": 2_345_678_901}


def case(lang: Lang, **more) -> Case:
    known = {
        "domain": DOMAIN,
        "account": ACCOUNT,
        "scenario": "manual",
        "phase": "reported",
        "run": 1,
        "blocked": "imap.tls",
    }
    return Case("K7QF-2M", "slack:T1:U1", "slack", "place", lang, **{**known, **more})


def steps(
    found: dict[str, Finding], *, login: bool = False, services: tuple[str, ...] = ("domain", "imap", "smtp")
) -> tuple[StepResult, ...]:
    """The steps of a whole check: what comes after a failure is skipped, and the log-in unless it was tried."""
    return tuple(step for service in services for step in _chain(service, found, login))


def _chain(service: str, found: dict[str, Finding], login: bool) -> list[StepResult]:
    made: list[StepResult] = []
    broken = None
    for stage in STAGES[service]:
        step, target = f"{service}.{stage}", SERVERS.get(service, DOMAIN)
        if broken or (stage in ("login", "mailbox") and not login):
            made.append(StepResult(step, "skipped", (), target, broken or "no_secret"))
            continue
        findings = (found[step],) if step in found else ()
        made.append(
            StepResult(step, status_of(findings), findings, target, None, 42.0, BOX if stage == "mailbox" else {})
        )
        broken = step if made[-1].status in ("fail", "unknown") else None
    return made


def _cloud() -> tuple[StepResult, ...]:
    """Microsoft 365 as far as it can be checked without a sign-in."""
    done = steps({}, services=("domain", "m365"))
    return tuple(
        replace(s, status="skipped", skipped_because="no_sign_in") if s.id.endswith((".signin", ".consent")) else s
        for s in done
    )


def report(lang: Lang, found: tuple[StepResult, ...], verdict: Verdict | None = None, **more) -> Report:
    """A report with its advice."""
    failing, cause = failure_of(found)
    bare = Report(
        "K7QF-2M", DOMAIN, None, "manual", verdict or verdict_of(found), failing, cause, found, (), {}, "203.0.113.7", "2026-11-24T09:00:00Z", 1834.0
    )  # fmt: skip
    known = replace(bare, **more)
    wisdom = wisdom_in(lang)
    circumstances = speech.reader(case(lang), wisdom, known).circumstances
    return replace(known, advice=advise(known.steps, circumstances, wisdom.catalogue))


def reports(lang: Lang) -> dict[str, Report]:
    """By kind."""
    tried = {"imap": 1, "smtp": 1}
    return {
        "report_fail": report(lang, steps({"imap.tls": CHAIN, "smtp.tls": replace(CHAIN)})),
        "report_fail_login": report(lang, steps({"imap.login": IMAP_OFF}, login=True), provider="zoho", attempts=tried),
        "report_warn": report(lang, steps({"imap.tls": EXPIRES}, login=True), attempts=tried),
        "report_pass": report(lang, steps({}, login=True), attempts=tried),
        "report_m365": report(lang, _cloud(), scenario="m365"),
        "report_pass_untested": report(lang, steps({})),
        "report_unknown": report(lang, steps({"domain.servers": NOT_FOUND}, services=("domain",))),
    }


ENDPOINTS = {"imap": endpoint(f"imap.{DOMAIN}", 993), "smtp": endpoint(f"smtp.{DOMAIN}", 465)}
