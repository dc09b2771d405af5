"""Detail is a privilege: what would help to guess passwords is told to admins and to the account's own person."""

from dataclasses import replace

from bot.core.advice import BY_TOKEN, advise
from bot.core.message import Reader
from bot.core.model import Finding, Report, StepResult

NEUTRAL = "login.wrong_credentials"
"""What everybody else is told: the log-in was refused for the credentials, and no more."""
TELLING = frozenset(
    {
        "login.mailbox_not_found",
        "login.mfa_required",
        "login.app_password_required",
        "login.account_locked",
        "login.account_disabled",
        "login.password_expired",
        "login.web_login_required",
        "login.account_moved",
        "login.protocol_disabled",
        "login.plan_without_protocol",
        "login.unrecognised",
        "ews.mailbox_not_found",
        "ews.account_without_mailbox",
    }
)
"""Refusals by which one can tell whether a user exists or a password was right."""


def neutral(report: Report, reader: Reader) -> Report:
    """The report as it is told to whoever may not know the finer cause: one answer for all refusals of credentials.

    The server's words go with the cause, and the transcript with them, since they say the same. Advice is given anew,
    so that none tells by its presence or its lack what the cause was.
    """
    steps = tuple(_plain(step) for step in report.steps)
    same = steps == report.steps
    advice = report.advice if same else advise(steps, reader.circumstances, reader.catalogue)
    return replace(report, steps=steps, cause=_told(report.cause), advice=advice, transcript={})


def _told(code: str | None) -> str | None:
    return NEUTRAL if code in TELLING else code


def _plain(step: StepResult) -> StepResult:
    if not any(finding.code in TELLING or finding.code == NEUTRAL for finding in step.findings):
        return step
    findings: list[Finding] = []
    for finding in step.findings:
        if finding.code in TELLING or finding.code == NEUTRAL:
            by_token = {k: v for k, v in finding.evidence.items() if k == "mechanism" and v in BY_TOKEN}
            findings.append(Finding(NEUTRAL, "fail", by_token))
        else:
            findings.append(finding)
    return replace(step, status="fail", findings=tuple(findings), notes={})
