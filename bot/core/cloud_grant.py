"""The authorization code grant with PKCE on the bot's own pages: what goes to Microsoft, and what comes back.

RFC 6749, 4.1; RFC 7636; OpenID Connect Core 1.0, 3.1. All that one attempt needs follows from the token of its link and
from a random seed, which the browser keeps in a cookie and nobody else keeps at all. So whichever node the browser
comes back to can go on, and only for this browser: state, nonce and code verifier are made anew there, in memory.
"""

import base64
import hashlib
import hmac
import json
from dataclasses import asdict, dataclass, field
from urllib.parse import urlencode

from bot.core.cloud import Registration
from bot.core.cloud_mail import SCOPES
from bot.core.secret import Secret

BASIC = ("User.Read",)
"""The least that can be asked for: the sign-in itself is what is to be seen."""
RESERVED = ("openid", "profile", "offline_access")
_LABEL = 12
"""Characters that tell one link's cookie from another's; they protect nothing."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One press of the button on the sign-in page."""

    token: str = field(repr=False)
    seed: str = field(repr=False)
    mail: bool = False
    """Whether IMAP and SMTP of the account's mailbox are to be tried as well."""

    @property
    def state(self) -> str:
        """RFC 6749, 10.12. The part before the point says which cookie it is to be held against."""
        return f"{label_of(self.token)}.{self._made('state')}"

    @property
    def verifier(self) -> str:
        """RFC 7636, 4.1."""
        return self._made("verifier")

    @property
    def nonce(self) -> str:
        return self._made("nonce")

    def fits(self, state: str) -> bool:
        """Whether a state that came back is this attempt's."""
        return hmac.compare_digest(state.encode("utf-8", "replace"), self.state.encode())

    def _made(self, what: str) -> str:
        message = f"{what}:{int(self.mail)}:{self.token}".encode()
        return _coded(hmac.digest(self.seed.encode(), message, "sha256"))


@dataclass(frozen=True, slots=True)
class Returned:
    """What Microsoft sent back with the browser: a code, with what it is redeemed by, or an error in its words."""

    code: str = field(default="", repr=False)
    verifier: str = field(default="", repr=False)
    nonce: str = field(default="", repr=False)
    mail: bool = False
    error: str = ""
    error_subcode: str = ""
    error_description: str = ""


def label_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()[:_LABEL]


def address_to_sign_in(attempt: Attempt, app: Registration, account: str, domain: str) -> str:
    """Where the browser is sent. Consent is asked for what this attempt needs, the mail servers' permissions only then.

    One code is for one resource; further ones are consented to by the same page (Microsoft: extra scopes to consent).
    """
    scopes = [*RESERVED, *BASIC, *(SCOPES.values() if attempt.mail else ())]
    query = {
        "client_id": app.client_id,
        "response_type": "code",
        "redirect_uri": app.redirect,
        "response_mode": "query",  # a form sent from another site would come without the cookie (SameSite=Lax)
        "scope": " ".join(scopes),
        "state": attempt.state,
        "nonce": hashlib.sha256(attempt.nonce.encode()).hexdigest(),  # as msal holds it against the ID token
        "code_challenge": _coded(hashlib.sha256(attempt.verifier.encode()).digest()),
        "code_challenge_method": "S256",
        "login_hint": account,
        "prompt": "select_account",
    }
    return f"{app.authority}/{domain}/oauth2/v2.0/authorize?{urlencode(query)}"


def pack(returned: Returned) -> Secret:
    """For the way to the step that redeems it."""
    return Secret(json.dumps(asdict(returned)))


def unpack(text: str) -> Returned:
    """Raises ValueError where it is no grant."""
    try:
        return Returned(**json.loads(text))
    except TypeError:
        raise ValueError("not a grant") from None


def _coded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
