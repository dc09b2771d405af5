"""Whose words are they: a server's reply told apart from what libraries, logs and programs put around it.

A reply begins with a mark that only servers write (`535 `, `NO `, `-ERR`, `[AUTHENTICATIONFAILED]`) or after
words that announce one ("server responded:"), and goes on to the end of its line and over indented lines.
"""

import re
from functools import lru_cache

# RFC 9051 section 7.1, RFC 5530, RFC 2449, RFC 3206 and what servers use besides
_CODES = (
    "AUTHENTICATIONFAILED|AUTHORIZATIONFAILED|ALERT|UNAVAILABLE|LIMIT|EXPIRED|PRIVACYREQUIRED|CONTACTADMIN|SERVERBUG"
    "|INUSE|IN-USE|AUTH|SYS/TEMP|SYS/PERM|LOGIN-DELAY|WEBALERT|NONEXISTENT|CLIENTBUG|OVERQUOTA|NOPERM|REFERRAL|CANNOT"
    "|THROTTLED|CORRUPTION|TEMPFAIL"
)
_REPLY = (
    r"(?m)(?:^|(?<=[\s:;'\"(>\[`]))"
    r"(?:[45]\d\d(?:[ -](?=[^\s\d])|[ -](?=[45]\.\d)|[,:] ?(?=b?['\"]|[45]\.\d))"  # RFC 5321 section 4.2
    r"|334 (?=\{)"  # the challenge by which a token is refused
    r"|[45]\.\d{1,2}\.\d{1,3}[ :](?=\S)"  # RFC 3463
    r"|(?:[A-Za-z_]{0,9}\d{1,8} |\* |[a-z] )?(?:NO|BAD|BYE)(?: (?=\S)|$)"
    rf"|(?:NO|BAD), |-ERR\b|\[ ?(?:{_CODES})\b)"
)
_ANNOUNCED = (
    r"(?i)(?:(?:server|host|mail service|it|he) (?:said|responded|replied|answered|returned)(?: with)?"
    r"|(?:server(?:'s)? )?(?:response|reply|answer)"
    r"(?: from [\w.-]+| was| text| status \"ok\" expected, but \"no\" received)?"
    r"|with message|info: some|following message|\bdata|antwortete?t?|serverantwort(?: war)?"
    r"|respuesta(?: del servidor)?(?: fue)?"
    r"|reponse(?: du serveur)?(?: etait)?|réponse(?: du serveur)?(?: était)?|risposta(?: del server)?|ответ сервера"
    r"|服务器(?:返回|响应|应答)(?:为|信息)?|伺服器回應|サーバー?(?:から)?の応答|応答|서버 응답)"
    r"(?:\s*[:=：]\s*|\s*\(\s*|\s+(?=['\"]))[\[('\"b]{0,4}"
)
_CAUSED = r"nested exception is:?|[Cc]aused by:|--->|[Ii]nner ?[Ee]xception:?|The above exception was the direct cause"
_FRAME = re.compile(r"^\s*(?:at |in |File \"|#\d|\.\.\. )")
# Names of exceptions: what a library made of the reply
_CLASS = r"\b(?:[A-Za-z_$][\w$]*[.\\/:]{1,2})*[A-Z]\w*?(?:Exception|Error)\b(?:\]| \(0x[0-9A-Fa-f]+\))?:?"
_CALL = (
    r"\b[\w$]+(?:\.[\w$<>]+){2,}(?=\s?\()"
    r"|\([\w/.:\\$-]+\.(?:js|java|py|php|cs|go|rb|ts|dart|kt)(?::\d+){0,2}\)|(?<!\w)\((?:[A-Z][a-z]+){2,}\)"
)


@lru_cache(maxsize=8)
def _pattern(source: str) -> re.Pattern[str]:
    return re.compile(source)


def find_said(words: str) -> str:
    """The replies that stand in the words, one a line; empty where no mark tells them apart."""
    spans = [found.start() for found in _pattern(_REPLY).finditer(words)]
    spans += [found.end() for found in _pattern(_ANNOUNCED).finditer(words)]
    said: list[str] = []
    done = -1
    for start in sorted(spans):
        if start < done:
            continue
        end = _end_of_reply(words, start)
        said.append(words[start:end])
        done = end
    return "\n".join(said)


def find_cause(words: str) -> str:
    """What stands after the last "caused by" of a chain of exceptions; empty where there is none."""
    last = None
    for last in _pattern(_CAUSED).finditer(words):  # noqa: B007 - the last one counts
        pass
    return words[last.end() :] if last else ""


def _end_of_reply(words: str, start: int) -> int:
    """The end of the line, or of the indented lines that carry the reply on."""
    end = _line_end(words, start)
    while end < len(words):
        line = words[end + 1 : _line_end(words, end + 1)]
        if not line[:1].isspace() or not line.strip() or _FRAME.match(line):
            break
        end += 1 + len(line)
    return end


def _line_end(words: str, start: int) -> int:
    found = words.find("\n", start)
    return len(words) if found < 0 else found


def strip_classes(words: str) -> str:
    """The words without the names of exceptions and calls."""
    if "xception" in words or "Error" in words:
        words = _pattern(_CLASS).sub(" ; ", words)
    return _pattern(_CALL).sub(" ", words) if "(" in words else words
