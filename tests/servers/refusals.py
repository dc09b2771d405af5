"""Words with which real servers refuse a log-in, by the finding that they mean (without `login.`).

    ImapScript(refuse_all=IMAP["protocol_disabled"])

Taken from the protocols' documents (RFC 5530, 2449, 3206, 3463) and from what large providers answer.
"""

from tests.servers.script import CLOSE, HANG, Say

IMAP: dict[str, Say | str] = {
    "wrong_credentials": "{tag} NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)",
    "app_password_required": "{tag} NO [ALERT] Application-specific password required:"
    " https://support.google.com/accounts/answer/185833 (Failure)",
    "protocol_disabled": "{tag} NO [ALERT] You are yet to enable IMAP for your account."
    " Please contact your administrator (Failure)",
    "basic_auth_disabled": "{tag} NO AUTHENTICATE failed. Provided authentication mechanism is not supported",
    "web_login_required": "{tag} NO [WEBALERT https://accounts.practice.test/] Web login required.",
    "account_locked": "{tag} NO [AUTHENTICATIONFAILED] Account is temporarily locked after too many failures",
    "account_disabled": "{tag} NO [AUTHORIZATIONFAILED] Account has been disabled",
    "password_expired": "{tag} NO [EXPIRED] Password expired",
    "mailbox_not_found": "{tag} NO ERR.LOGIN.USERNOTEXIST",
    "account_moved": "{tag} NO [REFERRAL imap://taro;AUTH=*@imap2.practice.test/] Use the other server",
    "too_many_connections": "{tag} NO [LIMIT] Too many simultaneous connections",
    "rate_limited": "{tag} NO [AUTHENTICATIONFAILED] Too many failed login attempts, try again later",
    "mechanism_unsupported": "{tag} NO Unsupported authentication mechanism",
    "tls_required": "{tag} NO [PRIVACYREQUIRED] Plaintext authentication disallowed on non-secure connections.",
    "server_unavailable": "{tag} NO [UNAVAILABLE] Temporary authentication failure.",
    "bye": Say("* BYE Internal login failure. Error report written to server log.", after="close"),
    "bye_after_refusal": Say(
        "{tag} NO [AUTHENTICATIONFAILED] Authentication failed\r\n* BYE Too many failed attempts", after="close"
    ),
    "connection_closed": CLOSE,
    "timeout": HANG,
    "unrecognised": "{tag} NO Ommm",
}

SMTP: dict[str, Say | str] = {
    "wrong_credentials": "535 5.7.8 Authentication credentials invalid",
    "app_password_required": "534-5.7.9 Application-specific password required. For more information, go to\r\n"
    "534 5.7.9  https://support.google.com/mail/?p=InvalidSecondFactor - gsmtp",
    "protocol_disabled": "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the"
    " Tenant. Visit https://aka.ms/smtp_auth_disabled for more information.",
    "basic_auth_disabled": "535 5.7.139 Authentication unsuccessful, basic authentication is disabled.",
    "blocked_by_policy": "535 5.7.139 Authentication unsuccessful, user is locked by your organization's security"
    " defaults policy. Contact your administrator.",
    "web_login_required": "534-5.7.9 Please log in with your web browser and then try again. For more\r\n"
    "534-5.7.9 information, go to\r\n534 5.7.9  https://support.google.com/mail/?p=WebLoginRequired - gsmtp",
    "account_disabled": "535 Authentication failed: account disabled",
    "password_expired": "535 5.7.0 Password change required; change it at https://mail.practice.test/",
    "mailbox_not_found": "535 ERR.LOGIN.USERNOTEXIST",
    "rate_limited": "454 4.7.0 Too many login attempts, please try again later.",
    "mechanism_unsupported": "504 5.7.4 Unrecognized authentication type",
    "tls_required": "530 5.7.0 Must issue a STARTTLS command first",
    "server_unavailable": "454 4.7.0 Temporary authentication failure: Connection lost to authentication server",
    "closing": Say("421 4.3.2 Service shutting down", after="close"),
    "connection_closed": CLOSE,
    "timeout": HANG,
    "unrecognised": "535 Ommm",
}

POP: dict[str, Say | str] = {
    "wrong_credentials": "-ERR [AUTH] Authentication failed.",
    "app_password_required": "-ERR [AUTH] Application-specific password required:"
    " https://support.google.com/accounts/answer/185833",
    "protocol_disabled": "-ERR [SYS/PERM] Your account is not enabled for POP access."
    " Please visit your Gmail settings page and enable your account for POP access.",
    "web_login_required": "-ERR [AUTH] Web login required: https://support.google.com/mail/answer/78754",
    "account_disabled": "-ERR [AUTH] account is currently inactive",
    "too_many_connections": "-ERR [IN-USE] Unable to lock maildrop: mailbox is locked by another POP session",
    "rate_limited": "-ERR [LOGIN-DELAY] Too many authentication attempts. Please try again later.",
    "tls_required": "-ERR [AUTH] Plaintext authentication disallowed on non-secure (SSL/TLS) connections.",
    "server_unavailable": "-ERR [SYS/TEMP] Temporary system problem. Please try again later.",
    "connection_closed": CLOSE,
    "timeout": HANG,
    "unrecognised": "-ERR Ommm",
}

GREETINGS: dict[str, dict[str, Say | str]] = {
    "imap": {
        "refused": Say("* BYE [UNAVAILABLE] Too many connections from your address", after="close"),
        "preauth": "* PREAUTH [CAPABILITY IMAP4rev1] welcome back",
        "without_capabilities": "* OK ready",
    },
    "smtp": {
        "refused": Say("554 5.7.1 Service unavailable; client host blocked", after="close"),
        "busy": Say("421 4.7.0 Too many connections, try again later", after="close"),
        "many_lines": "220-smtp.practice.test\r\n220-no spam\r\n220 ESMTP ready",
    },
    "pop": {"refused": Say("-ERR [SYS/TEMP] try again later", after="close")},
}
"""First words that end or change the conversation; another service's are in `hostile.BANNERS`."""

ECHOES = (
    "secret",
    "secret_base64",
    "secret_base64url",
    "secret_url",
    "secret_form",
    "secret_hex",
    "secret_json",
    "secret_quoted",
    "sasl_plain",
)
"""The spellings in which `echo` gives a secret back."""


def echo(service: str, spelling: str) -> str:
    """A refusal that repeats the secret in one of ECHOES."""
    start = {"imap": "{tag} NO [AUTHENTICATIONFAILED]", "smtp": "535 5.7.8", "pop": "-ERR [AUTH]"}[service]
    return f"{start} no such password: {{{spelling}}} of {{user}}"
