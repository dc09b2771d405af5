"""Commands within advice: what is to be typed letter by letter, apart from the words around it. Pure."""

import re

_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9._:-]*[A-Za-z0-9])?"
_DIG = rf"dig \+short (?:\+cd )?[A-Z]+ {_HOST}"
COMMAND = re.compile(
    r"(openssl s_client [^\n]*?</dev/null"
    rf"|{_DIG}(?: ; {_DIG})?|nslookup (?:-type=[a-z]+ )?{_HOST}|nc -vz {_HOST} \d+|telnet {_HOST} \d+"
    rf"|Test-NetConnection {_HOST} -Port \d+|python -m bot [a-z]+(?: --[a-z-]+)*|(?:Get|Set|New)-[A-Z][A-Za-z]+ [^\n]+)"
)
"""The tools that advice names. Those of Exchange end their line. The chat page knows the same pattern."""


def spans(text: str) -> tuple[tuple[str, bool], ...]:
    """The text in pieces, and of each whether it is a command."""
    return tuple((piece, bool(place % 2)) for place, piece in enumerate(COMMAND.split(text)) if piece)
