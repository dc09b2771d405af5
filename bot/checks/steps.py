"""The literal table of all steps: what each one probes and how its facts are judged."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bot.checks.ews import judge as ews_judge
from bot.checks.greeting import judge_greeting
from bot.checks.imap import judge as imap_judge
from bot.checks.imap import probe as imap_probe
from bot.checks.link import judge as link_judge
from bot.checks.link.judge import Judge
from bot.checks.link.line import Line
from bot.checks.m365 import judge as m365_judge
from bot.checks.pop import judge as pop_judge
from bot.checks.pop import probe as pop_probe
from bot.checks.smtp import judge as smtp_judge
from bot.checks.smtp import probe as smtp_probe
from bot.checks.words import judge_login
from bot.core.cloud import SignIn
from bot.core.model import Facts, Security, Service
from bot.core.secret import Secret

Probe = Callable[..., Awaitable[Facts]]


@dataclass(frozen=True, slots=True)
class StepDef:
    """One step. `asks` says what its probe is given besides the line.

    Nothing, the log-in, the account's address, the log-in and the mailbox to open with it, the migrated domain and the
    account as names, or the account and how its person can sign in.
    """

    stage: str
    probe: Probe
    judge: Judge
    asks: Literal["nothing", "login", "address", "mailbox", "names", "sign_in"] = "nothing"


_DNS = StepDef("dns", Line.resolve, link_judge.judge_dns)
_CONNECT = StepDef("connect", Line.connect, link_judge.judge_connect)
_TLS = StepDef("tls", Line.secure, link_judge.judge_tls)


def _stages(
    greet: Probe, capabilities: Probe, log_in: Probe, start_tls: Probe, judge: Any
) -> dict[Security, tuple[StepDef, ...]]:
    greeting = StepDef("greeting", greet, judge_greeting)
    offer = StepDef("capability", capabilities, judge.judge_capability)
    login = StepDef("login", log_in, judge_login, "login")
    return {
        "tls": (_DNS, _CONNECT, _TLS, greeting, offer, login),
        "starttls": (_DNS, _CONNECT, greeting, StepDef("tls", start_tls, link_judge.judge_tls), offer, login),
    }


async def _read_mailbox(line: Line) -> Facts:
    from bot.checks.imap.mailbox import read_mailbox  # noqa: PLC0415 - aioimaplib can be loaded during a wait

    return await read_mailbox(line)


async def _find_endpoint(line: Line) -> Facts:
    from bot.checks.ews import probe  # noqa: PLC0415 - few checks are of an Exchange

    return await probe.find_endpoint(line)


async def _log_in_to_ews(line: Line, account: str, secret: Secret) -> Facts:
    from bot.checks.ews import probe  # noqa: PLC0415 - as above

    return await probe.log_in(line, account, secret)


async def _impersonate(line: Line, account: str, secret: Secret, mailbox: str) -> Facts:
    from bot.checks.ews import probe  # noqa: PLC0415 - as above

    return await probe.impersonate(line, account, secret, mailbox)


async def _find_tenants(line: Line, domain: str, account: str | None) -> Facts:
    from bot.checks.m365 import probe  # noqa: PLC0415 - few checks are of Microsoft 365

    return await probe.find_tenants(line, domain, account)


async def _find_realm(line: Line, domain: str, account: str | None) -> Facts:
    from bot.checks.m365 import probe  # noqa: PLC0415 - as above

    return await probe.find_realm(line, domain, account)


async def _sign_in(line: Line, account: str, way: SignIn) -> Facts:
    from bot.checks.m365 import signin  # noqa: PLC0415 - as above

    return await signin.sign_in(line, account, way)


async def _recall_sign_in(line: Line, account: str, way: SignIn) -> Facts:
    from bot.checks.m365 import signin  # noqa: PLC0415 - as above

    return await signin.recall(line, account, way)


_IMAP = _stages(imap_probe.greet, imap_probe.capabilities, imap_probe.log_in, imap_probe.start_tls, imap_judge)
_SMTP = _stages(smtp_probe.greet, smtp_probe.capabilities, smtp_probe.log_in, smtp_probe.start_tls, smtp_judge)
_POP = _stages(pop_probe.greet, pop_probe.capabilities, pop_probe.log_in, pop_probe.start_tls, pop_judge)
_MAILBOX = StepDef("mailbox", _read_mailbox, imap_judge.judge_mailbox)
_SUBMISSION = StepDef("submission", smtp_probe.submission, smtp_judge.judge_submission, "address")
_EWS = (
    _DNS,
    _CONNECT,
    _TLS,
    StepDef("endpoint", _find_endpoint, ews_judge.judge_endpoint),
    StepDef("login", _log_in_to_ews, ews_judge.judge_login, "login"),
    StepDef("impersonation", _impersonate, ews_judge.judge_impersonation, "mailbox"),
)

STEPS: Mapping[tuple[Service, Security], tuple[StepDef, ...]] = {
    ("imap", "tls"): (*_IMAP["tls"], _MAILBOX),
    ("imap", "starttls"): (*_IMAP["starttls"], _MAILBOX),
    ("smtp", "tls"): (*_SMTP["tls"], _SUBMISSION),
    ("smtp", "starttls"): (*_SMTP["starttls"], _SUBMISSION),
    ("pop", "tls"): _POP["tls"],
    ("pop", "starttls"): _POP["starttls"],
    ("ews", "tls"): _EWS,
    ("m365", "tls"): (
        StepDef("tenant", _find_tenants, m365_judge.judge_tenant, "names"),
        StepDef("realm", _find_realm, m365_judge.judge_realm, "names"),
        StepDef("signin", _sign_in, m365_judge.judge_signin, "sign_in"),
        StepDef("consent", _recall_sign_in, m365_judge.judge_consent, "sign_in"),
    ),
}
