"""Detail is a privilege: what would help to guess passwords is told to admins and to the account's own person."""

from dataclasses import replace

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


def neutral(report: Report) -> Report:
    """The report as it is told to whoever may not know the finer cause: one answer for all refusals of credentials.

    The server's words go with the cause, and the transcript with them, since they say the same.
    """
    steps = tuple(_plain(step) for step in report.steps)
    told = _told(report.cause)
    advice = report.advice if told == report.cause else tuple(a for a in report.advice if a.code not in TELLING)
    return replace(report, steps=steps, cause=told, advice=advice, transcript={})


def _told(code: str | None) -> str | None:
    return NEUTRAL if code in TELLING else code


def _plain(step: StepResult) -> StepResult:
    if not any(finding.code in TELLING or finding.code == NEUTRAL for finding in step.findings):
        return step
    findings: list[Finding] = []
    for finding in step.findings:
        if finding.code in TELLING or finding.code == NEUTRAL:
            findings.append(Finding(NEUTRAL, "fail", {}))
        else:
            findings.append(finding)
    return replace(step, status="fail", findings=tuple(findings), notes={})
