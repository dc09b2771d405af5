"""The literal table of all steps: what each one probes and how its facts are judged."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bot.checks.greeting import judge_greeting
from bot.checks.imap import judge as imap_judge
from bot.checks.imap import mailbox as imap_mailbox
from bot.checks.imap import probe as imap_probe
from bot.checks.link import judge as link_judge
from bot.checks.link.judge import Judge
from bot.checks.link.line import Line
from bot.checks.pop import judge as pop_judge
from bot.checks.pop import probe as pop_probe
from bot.checks.smtp import judge as smtp_judge
from bot.checks.smtp import probe as smtp_probe
from bot.checks.words import judge_login
from bot.core.model import Facts, Security, Service

Probe = Callable[..., Awaitable[Facts]]


@dataclass(frozen=True, slots=True)
class StepDef:
    """One step. `asks` says what its probe is given besides the line: nothing, the log-in, or the account's address."""

    stage: str
    probe: Probe
    judge: Judge
    asks: Literal["nothing", "login", "address"] = "nothing"


def _stages(
    greet: Probe, capabilities: Probe, log_in: Probe, start_tls: Probe, judge: Any
) -> dict[Security, tuple[StepDef, ...]]:
    dns = StepDef("dns", Line.resolve, link_judge.judge_dns)
    connect = StepDef("connect", Line.connect, link_judge.judge_connect)
    greeting = StepDef("greeting", greet, judge_greeting)
    offer = StepDef("capability", capabilities, judge.judge_capability)
    login = StepDef("login", log_in, judge_login, "login")
    return {
        "tls": (dns, connect, StepDef("tls", Line.secure, link_judge.judge_tls), greeting, offer, login),
        "starttls": (dns, connect, greeting, StepDef("tls", start_tls, link_judge.judge_tls), offer, login),
    }


_IMAP = _stages(imap_probe.greet, imap_probe.capabilities, imap_probe.log_in, imap_probe.start_tls, imap_judge)
_SMTP = _stages(smtp_probe.greet, smtp_probe.capabilities, smtp_probe.log_in, smtp_probe.start_tls, smtp_judge)
_POP = _stages(pop_probe.greet, pop_probe.capabilities, pop_probe.log_in, pop_probe.start_tls, pop_judge)
_MAILBOX = StepDef("mailbox", imap_mailbox.read_mailbox, imap_judge.judge_mailbox)
_SUBMISSION = StepDef("submission", smtp_probe.submission, smtp_judge.judge_submission, "address")

STEPS: Mapping[tuple[Service, Security], tuple[StepDef, ...]] = {
    ("imap", "tls"): (*_IMAP["tls"], _MAILBOX),
    ("imap", "starttls"): (*_IMAP["starttls"], _MAILBOX),
    ("smtp", "tls"): (*_SMTP["tls"], _SUBMISSION),
    ("smtp", "starttls"): (*_SMTP["starttls"], _SUBMISSION),
    ("pop", "tls"): _POP["tls"],
    ("pop", "starttls"): _POP["starttls"],
}
