"""Who said what when to one service's servers: bytes as they go by, made lines of text when the check is over.

Of what is sent while a secret is unwrapped only the amount is kept: see `Transcript.hide`, which the functions that
unwrap call (`bot.checks.sasl`, `bot.checks.httpauth`), and nobody else need think of it.
"""

import re
import time
from collections.abc import Callable, Collection, Iterator

from bot.core.visible import decoded, visible

MAX_BYTES = 32 * 1024
MAX_LINES = 200
"""What is kept of one service, over all its connections."""
TURN_BYTES = 8 * 1024
TURN_LINES = 60
"""What is kept of one turn, which lasts until the other side speaks: a long page shuts nothing out that comes later."""
MAX_LINE = 1000
"""Characters of a line."""
_ROUGH = 16
"""Hidden bytes are told in steps of so many, since the length of a password is part of it."""
_TO_BE_SURE = 490
"""Characters from which a scrubber also looks for the mere beginning of a secret where a text ends."""
_ODD = 0.25
"""The part of a line's characters that may be unprintable before it is called no text."""
_SHOWN_OF_ODD = 64
MORE = "… more was said than is kept"

Scrub = Callable[[str], str]


class _Turn:
    """All that one side said on a connection before the other one spoke.

    `who` is C: (we), S: (the server) or -- (a remark). `starts` tells where in `data` lines began to come, and when.
    `hidden` bytes followed that are not shown, `lost` ones that were too many.
    """

    __slots__ = ("at", "connection", "data", "hidden", "lost", "starts", "who")  # no dataclass: making one takes 1 ms

    def __init__(self, connection: int, who: str, hidden: int = 0) -> None:
        self.connection, self.who, self.hidden = connection, who, hidden
        self.at = time.monotonic()
        self.data = bytearray()
        self.starts: list[tuple[int, float]] = []
        self.lost = 0


class Transcript:
    """What is kept of one service's talks. `begun` is the check's beginning by the monotonic clock."""

    def __init__(self, begun: float) -> None:
        self._begun = begun
        self._turns: list[_Turn] = []
        self._left = MAX_BYTES
        self._connections = 0
        self._opening: bytes | None = None
        self._hiding = False

    def tape(self) -> "Tape":
        """What notes one more connection's bytes."""
        self._connections += 1
        return Tape(self, self._connections)

    def hide(self, opening: bytes) -> None:
        """Until `reveal`, keep of what is sent the amount alone, and once what the pattern `opening` matches."""
        self._hiding, self._opening = True, opening

    def reveal(self) -> None:
        """What is sent from now on has nothing to do with a secret."""
        self._hiding, self._opening = False, None

    def lines(self, scrubs: Collection[Scrub] = ()) -> tuple[str, ...]:
        """`0.123 C: a1 CAPABILITY`: seconds, a connection's number from the second one on, who, and what.

        Each of `scrubs` takes a secret of this check out of a text.
        """
        made: list[str] = []
        left = MAX_BYTES
        for turn in self._turns:
            number = f" [{turn.connection}]" if turn.connection > 1 else ""
            for at, text in _texts(turn, scrubs):
                line = f"{at - self._begun:.3f}{number} {turn.who} {text}".rstrip()
                left -= len(line.encode())
                if left < 0 or len(made) == MAX_LINES - 1:
                    return (*made, MORE)
                made.append(line)
        return (*made, MORE) if self._left <= 0 else tuple(made)

    def _add(self, turn: _Turn) -> _Turn:
        """The turn, kept where there is room for another one."""
        if len(self._turns) == MAX_LINES:
            self._left = 0
        if self._left > 0:
            self._turns.append(turn)
        return turn

    def _put(self, turn: _Turn, data: bytes) -> None:
        room = min(TURN_BYTES - len(turn.data), self._left)
        if room > 0 and turn.data.endswith(b"\n"):
            turn.starts.append((len(turn.data), time.monotonic()))
        if room < len(data):
            turn.lost += len(data) - room
            data = data[:room]
        turn.data += data
        self._left -= len(data)

    def _sent_openly(self, data: bytes) -> bytes:
        """The part of hidden words that is shown."""
        opening, self._opening = self._opening, None
        found = re.match(opening, data[:MAX_LINE]) if opening is not None else None
        return found.group() if found else b""


class Tape:
    """Notes the bytes of one connection."""

    def __init__(self, book: Transcript, connection: int) -> None:
        self.book, self._connection = book, connection
        self._turn = _Turn(connection, "")

    def sent(self, data: bytes) -> None:
        book = self.book
        if not book._hiding:  # noqa: SLF001 - one matter
            return self._say("C:", data)
        shown = book._sent_openly(data)  # noqa: SLF001
        self._turn = book._add(_Turn(self._connection, "C:", hidden=len(data) - len(shown)))  # noqa: SLF001
        return book._put(self._turn, shown)  # noqa: SLF001

    def heard(self, data: bytes) -> None:
        self._say("S:", data)

    def remark(self, text: str) -> None:
        """What happened to the connection, in our own words."""
        self._turn = _Turn(self._connection, "")
        self._say("--", text.encode())

    def _say(self, who: str, data: bytes) -> None:
        turn = self._turn
        if turn.who != who or turn.hidden:
            turn = self._turn = self.book._add(_Turn(self._connection, who))  # noqa: SLF001
        self.book._put(turn, data)  # noqa: SLF001


def _texts(turn: _Turn, scrubs: Collection[Scrub]) -> Iterator[tuple[float, str]]:
    """The lines of a turn and when they began to come."""
    lines = bytes(turn.data).split(b"\n")
    if not lines[-1] and len(lines) > 1:
        lines.pop()
    place, upcoming, at = 0, iter(turn.starts), turn.at
    start = next(upcoming, None)
    for number, line in enumerate(lines):
        while start is not None and start[0] <= place:
            at, start = start[1], next(upcoming, None)
        place += len(line) + 1
        if number == TURN_LINES:
            yield at, f"… {len(lines) - number} lines more"
            break
        last = number == len(lines) - 1
        text = _told(line.rstrip(b"\r"), turn.who, scrubs, cut=last and turn.lost > 0)
        yield at, f"{text} {_hidden(turn.hidden)}".strip() if last and turn.hidden > len(b"\r\n") else text
    if turn.lost:
        yield at, f"… {turn.lost:,} bytes more"


def _hidden(size: int) -> str:
    return f"<hidden, up to {-(-size // _ROUGH) * _ROUGH:,} bytes>"


def _told(raw: bytes, who: str, scrubs: Collection[Scrub], *, cut: bool) -> str:
    """A line as it is kept: without secrets, challenges, cookies and the like, every character visible."""
    text = _without_challenge(decoded(raw))
    if scrubs and cut and len(text) < _TO_BE_SURE:
        return "…"
    for scrub in scrubs:
        text = _scrubbed(text, scrub)
    text = _without_tokens(text) if who == "S:" else _without_query(text)
    return _readable(text)


def _scrubbed(text: str, scrub: Scrub) -> str:
    """The text without the secret, in one or in two bytes a character."""
    narrow = text.replace("\0", "")
    if narrow != text and scrub(narrow) != narrow:
        return scrub(narrow)
    return scrub(text)


def _without_challenge(text: str) -> str:
    """A line of SASL in base64 with its length alone: from SCRAM's signature a password can be guessed at leisure."""
    if text.startswith(("+ ", "334 ")):
        code, _, challenge = text.partition(" ")
        if re.fullmatch(r"(?:[A-Za-z0-9+/]{4})*[A-Za-z0-9+/]{2}[A-Za-z0-9+/=]{2}", challenge):
            return f"{code} <challenge, {len(challenge)} characters>"
    return text


def _without_tokens(text: str) -> str:
    """A server's line with the length alone of what a session may hang on, and of what only programs read."""
    name, colon, value = text.partition(":")
    match name.lower() if colon else "":
        case "set-cookie" | "set-cookie2":
            return f"{name}:{value.partition('=')[0]}=<{len(value.partition('=')[2])} characters>"
        case "www-authenticate" | "proxy-authenticate" | "authentication-info":
            return f"{name}:{_of_scheme(value)}"
        case "location" if "?" in value:
            return f"{name}:{value.partition('?')[0]}?<{len(value.partition('?')[2])} characters>"
    return re.sub(r"eyJ[\w.~+/-]{17,}=*|[A-Za-z0-9+/]{28,}=*", _length, text) if len(text) >= 28 else text  # noqa: PLR2004 - as the pattern


def _without_query(text: str) -> str:
    """Our line without the query of an address that a server may have sent us to."""
    return re.sub(r"^(GET|POST) ([^ ?]*\?)([^ ]+)", lambda m: f"{m[1]} {m[2]}<{len(m[3])} characters>", text)


def _of_scheme(value: str) -> str:
    """What is offered, and of what is said to a client of NTLM or Kerberos the length alone."""
    return re.sub(r"(?i)\b(NTLM|Negotiate) ([^\s,]+)", lambda m: f"{m[1]} <challenge, {len(m[2])} characters>", value)


def _length(match: "re.Match[str]") -> str:
    return f"<{len(match[0])} characters>"


def _readable(text: str) -> str:
    odd = 0 if text.isprintable() else sum(not c.isprintable() and c != "\t" for c in text)
    if odd > len(text) * _ODD and len(text) > _SHOWN_OF_ODD:
        return f"{visible(text[:_SHOWN_OF_ODD])}… <{len(text):,} characters that are no text>"
    shown = visible(text)
    return shown if len(shown) <= MAX_LINE else shown[: MAX_LINE - 1] + "…"
