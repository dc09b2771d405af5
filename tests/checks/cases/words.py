"""The groups greeting, capability, login, submission and mailbox: what servers say once they are connected to."""

from typing import Any

from bot.core.model import Security, Service
from tests.checks.acts import behind_starttls
from tests.checks.cases.table import Ground, Make, Table
from tests.servers.hostile import BANNERS, after_hello
from tests.servers.refusals import GREETINGS, IMAP, POP, SMTP
from tests.servers.script import CLOSE, HANG, RESET, Say

TABLE = Table()
_IMAP, _SMTP, _POP = (("imap",), ("smtp",), ("pop",))
_TLS: tuple[Security, ...] = ("tls",)
_UNTIL_LOGIN = {"AUTHENTICATE", "LOGIN", "AUTH", "USER", "PASS"}


def _serve(**script: Any) -> Make:
    async def make(ground: Ground) -> None:
        await ground.serve(**script)

    return make


def _say(name: str, code: str, stage: str, make: Make, **more: Any) -> None:
    make.__name__ = name
    TABLE.add(code, stage, **more)(make)


def _starts(words: str) -> Any:
    return lambda text: text.startswith(words)


def _holds(words: str) -> Any:
    return lambda text: words in text


# Greetings

_say("silent", "greeting.timeout", "greeting", _serve(greeting=HANG), hasty=True)
_say("slow", "greeting.timeout", "greeting", _serve(greeting=Say("* OK", manner="bytewise", pace=0.2)), hasty=True)
_say("closed", "greeting.closed", "greeting", _serve(greeting=CLOSE))
_say("garbage", "greeting.malformed", "greeting", _serve(greeting="what?"), server="what?")
_say("binary", "greeting.malformed", "greeting", _serve(greeting=bytes(range(128, 256)) + b"\r\n"), server=...)
_say("endless", "greeting.malformed", "greeting", _serve(greeting=Say("A", manner="endless")), detail=...)
_say("cut", "greeting.malformed", "greeting", _serve(greeting=Say(b"* OK", after="close")), server="* OK")
_say("reset", "greeting.closed", "greeting", _serve(greeting=RESET), securities=_TLS)


def _refused(service: Service, name: str, text: str) -> None:
    make = _serve(greeting=GREETINGS[service][name])
    _say(name, "greeting.refused", "greeting", make, services=(service,), server=_holds(text))


_refused("imap", "refused", "Too many connections from your address")
_refused("smtp", "refused", "554 5.7.1 Service unavailable")
_refused("smtp", "busy", "421 4.7.0 Too many connections")
for _words in ("521 Host does not accept mail", "550 5.7.1 Access denied", "450 4.7.1 Try again later"):
    _say(_words[:3], "greeting.refused", "greeting", _serve(greeting=_words), services=("smtp",), server=_words)
_refused("pop", "refused", "-ERR [SYS/TEMP] try again later")

_SPEAKS = {"imap": "imap", "smtp": "smtp", "pop": "pop3", "ssh": "ssh", "ftp": "ftp", "http": "http", "mysql": "mysql"}
for _name, _speaks in _SPEAKS.items():
    _others: tuple[Service, ...] = tuple(s for s in ("imap", "smtp", "pop") if s != _name)
    _make = _serve(greeting=BANNERS[_name])
    _say(_name, "greeting.wrong_service", "greeting", _make, services=_others, speaks=_speaks, server=...)

# Capabilities

_BARE: dict[str, Any] = {"greeting_capabilities": False}
_ASKS = {"imap": "CAPABILITY", "smtp": "EHLO", "pop": "CAPA"}
for _service, _verb in _ASKS.items():
    _of: tuple[Any, ...] = (_service,)
    for _kind, _words in (("hang", HANG), ("close", CLOSE), ("nonsense", Say("%&!")), ("flood", Say("x", "endless"))):
        _script: dict[str, Any] = {"replies": {_verb: _words}, **(_BARE if _service == "imap" else {})}
        _hasty = _kind == "hang"
        _say(
            _kind, "capability.no_answer", "capability", _serve(**_script), services=_of, securities=_TLS, hasty=_hasty
        )
_BAD = _serve(**_BARE, replies={"CAPABILITY": "{tag} BAD what?"})
_say("bad", "capability.no_answer", "capability", _BAD, services=_IMAP, securities=_TLS, server=_holds("BAD what?"))

_DISABLED = _serve(login_disabled=True, mechanisms=())
_say("disabled", "capability.login_disabled", "capability", _DISABLED, services=_IMAP, offered=...)
_TOKENS = {"mechanisms": ("XOAUTH2", "OAUTHBEARER")}
_OAUTH = _serve(login_disabled=True, **_TOKENS)
_NO_PASSWORD = "capability.no_password_mechanism"
_say("tokens", _NO_PASSWORD, "capability", _OAUTH, services=_IMAP, offered=lambda words: "AUTH=XOAUTH2" in words)
_say("tokens", _NO_PASSWORD, "capability", _serve(**_TOKENS), services=_SMTP, offered=["XOAUTH2", "OAUTHBEARER"])
_POP_TOKENS = _serve(**_TOKENS, user_command=False)
_say("tokens", _NO_PASSWORD, "capability", _POP_TOKENS, services=_POP, offered=["XOAUTH2", "OAUTHBEARER"])
_KERBEROS = _serve(mechanisms=("GSSAPI",))
_say("kerberos", _NO_PASSWORD, "capability", _KERBEROS, services=_SMTP, offered=["GSSAPI"])
_NO_AUTH = _serve(auth_line=False)
_say("no_auth", "capability.auth_not_offered", "capability", _NO_AUTH, services=_SMTP, offered=...)
_say("helo", "capability.auth_not_offered", "capability", _serve(helo_only=True), services=_SMTP, securities=_TLS)
_say("helo", "tls.starttls_missing", "tls", _serve(helo_only=True), services=_SMTP, securities=("starttls",))
_FIRST = _serve(replies={"EHLO": "530 5.7.0 Must issue a STARTTLS command first"})
_SERVER = _starts("530 5.7.0")
_say("first", "capability.tls_required", "capability", _FIRST, services=_SMTP, securities=_TLS, server=_SERVER)
_OLD_IMAP = _serve(**_BARE, replies={"CAPABILITY": "* CAPABILITY IMAP2 AUTH=PLAIN\r\n{tag} OK done"})
_REV = {"missing": "IMAP4rev1"}
_say("imap2", "capability.missing", "capability", _OLD_IMAP, services=_IMAP, securities=_TLS, **_REV)
_NO_USER = _serve(user_command=False, mechanisms=())
_say("no_user", "capability.missing", "capability", _NO_USER, services=_POP, missing="USER or SASL")

# Log-ins

_WORDS: dict[Service, dict[str, Say | str]] = {
    "imap": {
        **IMAP,
        "mfa_required": "{tag} NO [AUTHENTICATIONFAILED] Two-factor authentication is required",
        "plan_without_protocol": "{tag} NO IMAP is not included in your plan",
        "mailbox_not_found": "{tag} NO [AUTHENTICATIONFAILED] No such user",
        "username_format": "{tag} NO Please use the full email address as your user name",
        "blocked_by_policy": "{tag} NO [AUTHORIZATIONFAILED] Login from your IP address is not allowed",
        "basic_auth_disabled": "{tag} NO [AUTHENTICATIONFAILED] Basic authentication is disabled",
        "token_rejected": "{tag} NO [AUTHENTICATIONFAILED] Access token expired",
    },
    "smtp": {
        **SMTP,
        "mfa_required": "534 5.7.9 Two-factor authentication is required",
        "plan_without_protocol": "535 5.7.8 SMTP is not included in your plan",
        "account_locked": "535 5.7.8 Account is temporarily locked after too many failures",
        "mailbox_not_found": "535 5.1.1 No such user",
        "username_format": "535 5.7.8 User name must be your full email address",
        "too_many_connections": "421 4.7.0 Too many simultaneous connections",
        "token_rejected": "535 5.7.8 Access token expired",
    },
    "pop": {
        **POP,
        "mfa_required": "-ERR [AUTH] Two-factor authentication is required",
        "plan_without_protocol": "-ERR [SYS/PERM] POP is not included in your plan",
        "account_locked": "-ERR [AUTH] Account is temporarily locked after too many failures",
        "password_expired": "-ERR [AUTH] Password expired",
        "mailbox_not_found": "-ERR [AUTH] No such user",
        "username_format": "-ERR User name must be your full email address",
        "blocked_by_policy": "-ERR [AUTH] Login from your IP address is not allowed",
        "basic_auth_disabled": "-ERR [AUTH] Basic authentication is disabled",
        "account_moved": "-ERR this account has been migrated to another server",
        "token_rejected": "-ERR [AUTH] Access token expired",
        "mechanism_unsupported": "-ERR Unsupported authentication mechanism",
    },
}
_ELSEWHERE = {
    "username_format",
    "bye",
    "bye_after_refusal",
    "closing",
    "connection_closed",
    "timeout",
    "mechanism_unsupported",
}
for _who, _refusals in _WORDS.items():
    for _code, _reply in _refusals.items():
        if _code not in _ELSEWHERE and not (_who == "smtp" and _code == "unrecognised"):
            _make = _serve(refuse_all=_reply)
            _say(
                "words", f"login.{_code}", "login", _make, services=(_who,), securities=_TLS, server=..., mechanism=...
            )


def _bare_name(words: str) -> Make:
    """An account without its domain; a full address would not be told to be one."""

    async def make(ground: Ground) -> None:
        ground.account = "taro"
        await ground.serve(refuse_all=words)

    return make


for _who, _refusals in _WORDS.items():
    _make = _bare_name(str(_refusals["username_format"]))
    _say("bare", "login.username_format", "login", _make, services=(_who,), securities=_TLS, server=...)

_TEMPORARY = {"services": _IMAP, "securities": _TLS, "server": _holds("BYE Internal login failure")}
_say("bye", "login.server_unavailable", "login", _serve(refuse_all=IMAP["bye"]), **_TEMPORARY)
_CLOSING = {"services": _SMTP, "securities": _TLS, "server": _starts("421 4.3.2")}
_say("closing", "login.server_unavailable", "login", _serve(refuse_all=SMTP["closing"]), **_CLOSING)
_say("hangs_up", "login.connection_closed", "login", _serve(refuse_all=CLOSE))
_say("resets", "login.connection_closed", "login", _serve(refuse_all=RESET), securities=_TLS)
_say("silent", "login.timeout", "login", _serve(refuse_all=HANG), hasty=True, securities=_TLS)
_say("strange", "login.unrecognised", "login", _serve(refuse_all="571 Ommm"), services=_SMTP, securities=_TLS)

_NOT_TAKEN = _serve(unsupported=("PLAIN", "LOGIN"), login_disabled=True)
_MECHANISM = {"mechanism": "LOGIN", "offered": ["PLAIN", "LOGIN"]}
_say("all", "login.mechanism_unsupported", "login", _NOT_TAKEN, services=_IMAP, **_MECHANISM)
_say(
    "all", "login.mechanism_unsupported", "login", _serve(unsupported=("PLAIN", "LOGIN")), services=_SMTP, **_MECHANISM
)
_POP_NONE = _serve(unsupported=("PLAIN", "LOGIN"), user_command=False)
_say("all", "login.mechanism_unsupported", "login", _POP_NONE, services=_POP, **_MECHANISM)


# After the log-in

_FILTER = "550 5.7.1 Sending from outside the country is not allowed"
_MAIL = {"refused_at": "MAIL", "server": _FILTER}
_RCPT = {"refused_at": "RCPT", "server": _FILTER}
_say("sender", "submission.refused", "submission", _serve(mail=_FILTER), services=_SMTP, **_MAIL)
_say("recipient", "submission.refused", "submission", _serve(rcpt=_FILTER), services=_SMTP, **_RCPT)
_SLOWLY = _serve(mail=_FILTER, capabilities=("SIZE 1000",))
_say("one_by_one", "submission.refused", "submission", _SLOWLY, services=_SMTP, securities=_TLS, **_MAIL)
_GONE = _serve(replies={"MAIL": CLOSE})
_say("gone", "submission.refused", "submission", _GONE, services=_SMTP, securities=_TLS, detail=...)

_NO_INBOX = _serve(inbox="{tag} NO [UNAVAILABLE] Mailbox is being repaired")
_say("repair", "mailbox.unavailable", "mailbox", _NO_INBOX, services=_IMAP, server=_holds("Mailbox is being repaired"))
_UNKNOWN_CLIENT = _serve(inbox="{tag} NO EXAMINE Unsafe Login. Please contact kefu@188.com for help")
_say("unsafe", "mailbox.unavailable", "mailbox", _UNKNOWN_CLIENT, services=_IMAP, server=_holds("Unsafe Login"))
_HANGS = _serve(inbox=HANG)
_say("hang", "mailbox.unavailable", "mailbox", _HANGS, services=_IMAP, securities=_TLS, hasty=True, detail=...)
_DROPS = _serve(inbox=CLOSE)
_say("close", "mailbox.unavailable", "mailbox", _DROPS, services=_IMAP, securities=_TLS, detail=...)
_NO_LIST = _serve(replies={"LIST": "{tag} NO [SERVERBUG] cannot list"})
_say("list", "mailbox.list_failed", "mailbox", _NO_LIST, services=_IMAP, server=_holds("cannot list"))
_LIST_BAD = _serve(replies={"LIST": "{tag} BAD Unknown command"})
_say(
    "bad",
    "mailbox.list_failed",
    "mailbox",
    _LIST_BAD,
    services=_IMAP,
    securities=_TLS,
    server=_holds("Unknown command"),
)


@TABLE.add("tls.handshake_failed", "tls", securities=("starttls",), detail=...)
async def nothing_after_starttls(ground: Ground) -> None:
    await ground.hostile(behind_starttls(ground.service, after_hello()))
