"""What the Microsoft identity platform says of domains, to findings."""

from bot.checks.judging import Setting
from bot.core.cloud import MAY_CONSENT, MailHints, RealmFacts, SignInFacts, Tenant, TenantsFacts
from bot.core.cloud_mail import RESOURCE
from bot.core.model import Fault, Finding

_OF_CONSENT = frozenset({"m365.consent_required", "m365.admin_required"})
"""Refusals that come after somebody has signed in: they belong to the consent."""
_NO_TENANT = frozenset({"invalid_tenant", "invalid_domain"})


def judge_tenant(facts: TenantsFacts | Fault, setting: Setting) -> list[Finding]:
    if isinstance(facts, Fault):
        return [_unreachable(facts, setting)]
    own, admin = facts.own, facts.admin
    code = _code(own, setting)
    if code == "m365.domain_unknown":
        hinted = _hinted(facts.hints)
        unknown = setting.finding(code, **_evidence(own), **hinted, mail_at=(setting.provider or {}).get("id"))
        # The worldwide platform does not know tenants of other clouds; where the mail goes tells of them.
        elsewhere = [setting.finding("m365.other_cloud", domain=own.domain, cloud=facts.hints.cloud, **hinted)]
        return [unknown, *(elsewhere if facts.hints.cloud not in ("", "worldwide") else [])]
    if code == "m365.unreachable":
        return [setting.finding(code, **_evidence(own))]
    findings = [setting.finding(code, **_evidence(own))] if code else []
    if admin is None:
        return findings
    other = _code(admin, setting)
    if other == "m365.unreachable":
        return [*findings, setting.finding(other, **_evidence(admin))]
    if own.id and own.id == admin.id:
        return findings
    if not own.id and other == code:  # both in a cloud that tells no tenant from here
        return findings
    theirs = {"account_domain": admin.domain, "account_tenant": admin.id, "account_aadsts": admin.aadsts}
    return [setting.finding("m365.tenant_mismatch", domain=own.domain, tenant=own.id, **theirs), *findings]


def _code(tenant: Tenant, setting: Setting) -> str:
    """What an answer means for the domain; "" where a tenant of the worldwide cloud owns it."""
    if tenant.personal:
        return "m365.domain_unknown"
    if tenant.id:
        return "m365.other_cloud" if tenant.cloud else ""
    known = setting.rules.get("aadsts", {}).get(tenant.aadsts)
    if known in ("m365.domain_unknown", "m365.other_cloud"):
        return str(known)
    return "m365.domain_unknown" if tenant.error in _NO_TENANT and not known else "m365.unreachable"


def _hinted(hints: MailHints) -> dict[str, object]:
    return {"mx": list(hints.mx), "autodiscover": hints.autodiscover} if hints.cloud else {}


def _evidence(tenant: Tenant) -> dict[str, object]:
    return {
        "domain": tenant.domain,
        "tenant": tenant.id,
        "cloud": tenant.cloud,
        "region": tenant.region,
        "personal": tenant.personal or None,
        "status": tenant.status,
        "aadsts": tenant.aadsts,
        "server": tenant.text or tenant.error,
    }


def _unreachable(fault: Fault, setting: Setting) -> Finding:
    return setting.finding("m365.unreachable", reason=fault.kind, detail=fault.detail, server=fault.heard)


def judge_realm(facts: RealmFacts | Fault, setting: Setting) -> list[Finding]:
    if isinstance(facts, Fault):
        return [_unreachable(facts, setting)]
    known = {"domain": facts.domain, "status": facts.status, "namespace": facts.namespace}
    other = [setting.finding("m365.other_cloud", domain=facts.domain, cloud=facts.cloud)] if facts.cloud else []
    match facts.namespace:
        case "managed":
            return other
        case "federated":
            told = {"sign_in_at": facts.sign_in_at, "brand": facts.brand, "protocol": facts.protocol}
            return [*other, setting.finding("m365.federated", **known, **told)]
        case "":
            return [setting.finding("m365.unreachable", **known, server=facts.text)]
        case _:
            return [setting.finding("m365.domain_unknown", **known)]


def judge_signin(facts: SignInFacts | Fault, setting: Setting) -> list[Finding]:
    if isinstance(facts, Fault):
        return [_unreachable(facts, setting)]
    if facts.error:
        refusal = _refusal(facts, setting)
        return [] if refusal.code in _OF_CONSENT else [refusal]
    named = (setting.account or "").lower()
    if facts.names and named not in facts.names:
        return [setting.finding("m365.wrong_account", signed_in_as=list(facts.names), expected=setting.account)]
    return []


def judge_consent(facts: SignInFacts | Fault, setting: Setting) -> list[Finding]:
    """Whether whoever signed in may consent, and has; roles that the platform does not tell are nobody's fault."""
    if isinstance(facts, Fault):
        return [_unreachable(facts, setting)]
    if facts.error:
        return [_refusal(facts, setting)]
    findings = []
    if facts.roles is not None and not MAY_CONSENT.keys() & set(facts.roles):
        findings.append(setting.finding("m365.admin_required", roles=list(facts.roles), needed=[*MAY_CONSENT.values()]))
    if facts.missing:
        findings.append(setting.finding("m365.consent_required", missing=list(facts.missing)))
    if facts.no_mail is not None:
        findings += _of_mail(facts.no_mail, setting)
    return findings


def _of_mail(refused: SignInFacts, setting: Setting) -> list[Finding]:
    """A token for the mail servers may be refused alone. That nobody has consented to it is no fault."""
    refusal = _refusal(refused, setting, resource=RESOURCE)
    return [] if refusal.code in _OF_CONSENT else [refusal]


def _refusal(facts: SignInFacts, setting: Setting, **more: object) -> Finding:
    """The platform's number decides; one that the table does not know, or that is no failure, is a failed sign-in."""
    code = setting.rules.get("aadsts", {}).get(facts.aadsts, "m365.sign_in_failed")
    if setting.severities.get(code) != "fail":
        code = "m365.sign_in_failed"
    return setting.finding(
        code,
        aadsts=facts.aadsts,
        error=facts.error,
        suberror=facts.suberror,
        server=facts.text,
        correlation_id=facts.correlation,
        # A policy may stop this way of signing in alone.
        flow="device code" if code == "m365.conditional_access" and facts.by_code else "",
        **more,
    )
