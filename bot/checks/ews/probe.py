"""Exchange Web Services, one function a step: what answers, the log-in, and another mailbox by impersonation.

Everything goes over one connection, since NTLM authenticates that and nothing else. Without a secret only an NTLM
message of nobody is sent: its answer names the Windows domain, which people must type where it is not the mail domain.
"""

import base64
from dataclasses import replace
from urllib.parse import urlsplit

from bot.checks import httpauth
from bot.checks.ews import wire
from bot.checks.ews.http import Talk, line_to, open_line
from bot.checks.link.faults import NETWORK_ERRORS, Malformed
from bot.checks.link.line import Line
from bot.core.exchange import read_logon
from bot.core.secret import Secret
from bot.core.web import FOLLOWED, HELD_BACK, DomainNames, EwsReply, HttpFacts

_REDIRECTS = 5
_UNAUTHORISED = 401
_TALK, _SEEN, _KNOWN = "ews talk", "ews facts", "ews scheme of the connection"


async def find_endpoint(line: Line) -> HttpFacts:
    """What answers to a request without credentials, after redirects through the network guard."""
    talk, url, sent_to = Talk(line), line.endpoint.url, list[str]()
    while True:
        if sent_to:
            await talk.ready()
        answer = await talk.ask(url, body=wire.get_folder())
        target = _secure(wire.leads_to(answer))
        facts = _facts(answer, sent_to, target)
        if not target or wire.is_login_address(target) or target in sent_to or len(sent_to) >= _REDIRECTS:
            break
        try:
            talk, broken = await _go(talk, target)
        except Malformed:
            break
        sent_to.append(target)
        if broken is not None:
            return replace(facts, redirects=_shown(sent_to), broken=broken)
        url = target
    facts = await _ask_for_names(line, talk, url, facts)
    if sent_to and not _same_owner(line.endpoint.host, talk.line.endpoint.host):
        line.memory[HELD_BACK] = "ews.endpoint"
    line.memory[_TALK], line.memory[_SEEN] = talk, replace(facts, url=url)
    return facts


def _secure(target: str) -> str:
    """A redirect as it is followed: a server behind a proxy that does the TLS often names itself by http."""
    parts = urlsplit(target)
    plain = parts.scheme == "http" and parts.port in (None, 80)
    return parts._replace(scheme="https", netloc=parts.netloc.removesuffix(":80")).geturl() if plain else target


async def _go(talk: Talk, target: str) -> tuple[Talk, object]:
    """The talk with where a redirect leads, and what kept it from being had. Malformed where it is not followed."""
    line, net = talk.line, talk.line.net
    other = line_to(net, target)
    if (other.endpoint.host, other.endpoint.port) == (line.endpoint.host, line.endpoint.port):
        return talk, None
    net.lines.setdefault(("ews", other.endpoint), other)  # closed with the check's other lines
    return Talk(other), await open_line(other)


def _same_owner(host: str, other: str) -> bool:
    """Whether two hosts belong to one registered domain: a secret does not follow a redirect to somebody else."""
    if host == other:
        return True
    from publicsuffixlist import PublicSuffixList  # noqa: PLC0415 - a large table, for redirects only

    suffixes = PublicSuffixList()
    return suffixes.privatesuffix(host) is not None and suffixes.privatesuffix(host) == suffixes.privatesuffix(other)


def _facts(answer: wire.Answer, sent_to: list[str], target: str) -> HttpFacts:
    return HttpFacts(
        url=wire.without_query(answer.url),
        status=answer.status,
        headers=wire.telling(answer.headers),
        schemes=wire.schemes_of(answer),
        page=wire.page_of(answer),
        title=wire.title_of(answer),
        exchange=wire.of_exchange(answer),
        redirects=_shown(sent_to),
        location=wire.without_query(target) if target else "",
    )


def _shown(urls: list[str]) -> tuple[str, ...]:
    return tuple(wire.without_query(url) for url in urls)


async def _ask_for_names(line: Line, talk: Talk, url: str, facts: HttpFacts) -> HttpFacts:
    """The facts with the Windows domain's names, and with those schemes that do not take NTLM although offered.

    Where a log-in follows it tells the same; then it is asked for only where it is not sure that one can be tried.
    """
    if line.memory.get(FOLLOWED) and {"NTLM", "Basic"} & set(facts.schemes):
        return facts
    deaf: list[str] = []
    for scheme in ("NTLM", "Negotiate"):
        if facts.status != _UNAUTHORISED or scheme not in facts.schemes:
            continue
        value = f"{scheme} {base64.b64encode(wire.ntlm_negotiate()).decode()}"
        try:
            await talk.ready()
            answer = await talk.ask(url, [("Authorization", value)])
        except (*NETWORK_ERRORS, Malformed):
            deaf.append(scheme)
            continue
        names = wire.read_names(wire.token_in(answer, scheme) or b"")
        if names is not None and await talk.alive():
            return replace(facts, domain=names, deaf=tuple(deaf))
        facts = replace(facts, domain=names or facts.domain)
        deaf.append(scheme)  # a connection that ends with the challenge is of no use either
    return replace(facts, deaf=tuple(deaf))


async def log_in(line: Line, account: str, secret: Secret) -> EwsReply:
    """GetFolder on the account's own inbox: one attempt, by the strongest scheme that both sides have."""
    return await _open(line, account, secret, None)


async def impersonate(line: Line, account: str, secret: Secret, mailbox: str) -> EwsReply:
    """GetFolder on another mailbox, as the account that was logged in before."""
    talk: Talk = line.memory[_TALK]
    stream, scheme = line.memory.get(_KNOWN, (None, ""))
    if stream is talk.stream and await talk.alive():
        answer = await talk.ask(line.memory[_SEEN].url, _anchor(mailbox), wire.get_folder(mailbox))
        if answer.status != _UNAUTHORISED:
            return _reply(answer, line.memory[_SEEN], scheme, mailbox, None)
    return await _open(line, account, secret, mailbox)


async def _open(line: Line, account: str, secret: Secret, mailbox: str | None) -> EwsReply:
    talk: Talk = line.memory[_TALK]
    facts: HttpFacts = line.memory[_SEEN]
    name = read_logon(account).login_name
    for scheme in wire.SCHEMES.values():
        if scheme not in facts.schemes or scheme in facts.deaf:
            continue
        await talk.ready()
        by = _by_basic if scheme == "Basic" else _by_ntlm
        reply = await by(talk, facts, scheme, httpauth.Login(name, secret), mailbox)
        if reply is not None:
            if scheme != "Basic" and reply.accepted:
                line.memory[_KNOWN] = talk.stream, scheme
            return reply
    return EwsReply(_UNAUTHORISED, False, "", offered=facts.schemes, attempts=0, refused_mechanism=True)


async def _by_basic(
    talk: Talk, facts: HttpFacts, scheme: str, login: httpauth.Login, mailbox: str | None
) -> EwsReply | None:
    value = httpauth.basic(login, talk.stream)
    answer = await talk.ask(facts.url, [("Authorization", value), *_anchor(mailbox)], wire.get_folder(mailbox))
    return _reply(answer, facts, scheme, mailbox, None)


async def _by_ntlm(
    talk: Talk, facts: HttpFacts, scheme: str, login: httpauth.Login, mailbox: str | None
) -> EwsReply | None:
    """The three messages of NTLM (MS-NTHT, 3.1). None where it is not taken after all; nothing secret was sent then."""
    ntlm, first = await _begin(talk, facts, scheme, login)
    challenge = wire.token_in(first, scheme)
    if first.status != _UNAUTHORISED:
        return replace(_reply(first, facts, scheme, mailbox, None), attempts=0)
    if challenge is None or not await talk.alive():
        return None
    try:
        value = ntlm.answer(challenge)
    except httpauth.HttpAuthError as error:
        raise Malformed(str(error)) from None
    answer = await talk.ask(facts.url, [("Authorization", value), *_anchor(mailbox)], wire.get_folder(mailbox))
    return _reply(answer, facts, scheme, mailbox, wire.read_names(challenge))


async def _begin(talk: Talk, facts: HttpFacts, scheme: str, login: httpauth.Login) -> tuple[httpauth.Ntlm, wire.Answer]:
    """The first message and its answer; once more over a new connection where nobody's message has spoilt this one."""
    ntlm = httpauth.Ntlm(scheme, login, talk.stream, talk.line.endpoint.host)
    try:
        first = await talk.ask(facts.url, [("Authorization", ntlm.begin())])
        if facts.domain is None or first.status != _UNAUTHORISED or wire.token_in(first, scheme) is not None:
            return ntlm, first
    except ConnectionError:
        if facts.domain is None:
            raise
    await talk.reopen()
    ntlm = httpauth.Ntlm(scheme, login, talk.stream, talk.line.endpoint.host)
    return ntlm, await talk.ask(facts.url, [("Authorization", ntlm.begin())])


def _anchor(mailbox: str | None) -> list[tuple[str, str]]:
    """Exchange routes an impersonated request by this header."""
    return [("X-AnchorMailbox", mailbox)] if mailbox else []


def _reply(
    answer: wire.Answer, facts: HttpFacts, mechanism: str, mailbox: str | None, domain: DomainNames | None
) -> EwsReply:
    soap = wire.read_soap(answer.body)
    title = "" if soap else wire.title_of(answer)
    said = soap or wire.Soap(code=wire.windows_error(answer), text=title)
    return EwsReply(
        status=answer.status,
        accepted=soap is not None,
        mechanism=mechanism,
        code=said.code,
        fault=said.fault,
        text=said.text,
        version=said.version,
        headers=wire.telling(answer.headers),
        offered=facts.schemes,
        page=wire.page_of(answer),
        title=title,
        messages=said.messages,
        domain=domain or facts.domain,
        mailbox=mailbox or "",
        values=said.values,
    )
