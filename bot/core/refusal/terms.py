"""The values that the reading of a refusal takes and gives."""

from typing import NamedTuple

UNRECOGNISED = "login.unrecognised"
NOT_A_FAILURE = "none"


class Context(NamedTuple):
    """What is known besides the words. Everything may be unknown; nothing in it is secret."""

    protocol: str | None = None  # imap | smtp | pop | ews | oauth
    provider: str | None = None  # id in the provider directory
    password: str | None = None  # the provider's kind of password
    access: str | None = None  # enabled | disabled | admin | plan, for this service
    mechanism: str | None = None  # what was tried: PLAIN, LOGIN, CRAM-MD5, XOAUTH2, ...
    capabilities: tuple[str, ...] = ()
    account: str | None = None
    stage: str | None = None  # what was being done: greeting | login | mailbox | submission | ...


class Explanation(NamedTuple):
    """What the words mean."""

    code: str  # a code of findings.yaml, login.unrecognised, or none: the words report no failure
    confidence: float  # 0..1: how often an answer of this kind was right when it was measured
    provider: str | None  # the context's, else the one that the words betray
    alternatives: tuple[str, ...]  # other codes, likeliest first
    apart: tuple[str, ...]  # keys of what would tell the code from its alternatives
