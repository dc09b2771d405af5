"""The one place where a network error becomes a fact."""

import errno
import ssl
from collections.abc import Awaitable
from typing import TypeVar

from bot.checks.link.stream import EndOfStream, Overflow
from bot.core.model import Fault, FaultKind

T = TypeVar("T")

NETWORK_ERRORS = (OSError, TimeoutError, ssl.SSLError)
_UNREACHABLE = frozenset({
    errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.EADDRNOTAVAIL, errno.EACCES,
    errno.EPERM, errno.EAFNOSUPPORT, errno.EINVAL,
})  # fmt: skip


class Malformed(Exception):  # noqa: N818 - a fact, named as asyncio names such
    """What the server said cannot be read as its protocol."""


async def observe(probing: Awaitable[T], after: str) -> T | Fault:
    """What the probe saw, or the network error that ended it, as a fact. Errors of other kinds are the bot's own."""
    try:
        return await probing
    except (*NETWORK_ERRORS, Malformed) as error:
        return fault_of(error, after)


def fault_of(error: BaseException, after: str) -> Fault:
    kind, heard = _kind(error), ""
    if isinstance(error, EndOfStream):
        heard = str(error)
        return Fault(kind, after, "closed by the server", heard)
    return Fault(kind, after, _words(error), heard)


def _kind(error: BaseException) -> FaultKind:
    match error:
        case EndOfStream():
            return "closed"
        case Overflow():
            return "overflow"
        case Malformed():
            return "malformed"
        case ssl.SSLError():
            return "tls_alert" if "ALERT" in (error.reason or "") else "tls_error"
        case TimeoutError():
            return "timeout"
        case ConnectionRefusedError():
            return "refused"
        case ConnectionResetError() | BrokenPipeError() | ConnectionAbortedError():
            return "reset"
        case OSError() if error.errno in _UNREACHABLE:
            return "unreachable"
        case _:
            return "reset"


def _words(error: BaseException) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason or str(error)
    if isinstance(error, OSError) and error.errno:
        return errno.errorcode.get(error.errno, "") or type(error).__name__
    return str(error) or type(error).__name__
