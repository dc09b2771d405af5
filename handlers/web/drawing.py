"""The path of a check as a drawing (SVG): the step that fails, and the certificates where they are the matter. Pure.

The report page has it within its HTML, and the picture for support is made of the very same text.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bot.core.advice import words_of
from bot.core.message import Reader, decisive_step, report_message, time_of
from bot.core.model import Finding, Lang, Report, StepResult
from handlers.web.lettering import cut_to, wrapped
from handlers.web.report_view import Certificate, chains
from handlers.web.strokes import CARD, COLORS, SOFT, SUNK, box, element, moved, node, number, path, plain, words

WIDTH = 960.0
_EDGE, _GAP = 32.0, 18.0
_INNER = WIDTH - 2 * _EDGE
_FIRST_NODE, _LAST_NODE, _WIDEST_STEP = 236.0, WIDTH - 84.0, 112.0
_FAMILIES: Mapping[Lang, str] = {
    "ja": "'Noto Sans CJK JP', 'Noto Sans JP', 'IPAexGothic', 'IPAGothic', 'Hiragino Sans', 'Yu Gothic UI', sans-serif",
    "en": "'Noto Sans', 'DejaVu Sans', 'Liberation Sans', 'Noto Sans CJK JP', 'Segoe UI', sans-serif",
    "zh": "'Noto Sans CJK SC', 'Noto Sans SC', 'WenQuanYi Zen Hei', 'PingFang SC', 'Microsoft YaHei UI', sans-serif",
}
_MOST_HEADLINES, _MOST_CERTIFICATES = 3, 4
_CARD_WIDTH, _CARD_HEIGHT, _CARD_GAP = 203.0, 92.0, 28.0


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of the drawing, from its own top on."""

    svg: str
    height: float


def draw(report: Report, reader: Reader) -> str:
    """The drawing as SVG. It holds no account, and nothing that a server said but its certificates' names and dates."""
    weakest = decisive_step(report)
    pieces = [_head(report, reader), *_services(report, reader, weakest)]
    pieces += [] if weakest is None else _chain(report, weakest, reader)
    pieces.append(_foot(reader))
    color = COLORS[report.verdict]
    top, parts = _EDGE, [element("rect", kind=f"disc-{report.verdict}", width=WIDTH, height=6, fill=color)]
    for piece in pieces:
        parts.append(moved(0, top, piece.svg))
        top += piece.height
    ground = element("rect", kind="card", width=WIDTH, height=top, fill=CARD)
    lang: Lang = next(known for known in _FAMILIES if known == reader.circumstances.lang)
    return element(
        "svg",
        ground + "".join(parts),
        xmlns="http://www.w3.org/2000/svg",
        kind="drawing",
        width=WIDTH,
        height=top,
        viewBox=f"0 0 {number(WIDTH)} {number(top)}",
        role="img",
        aria_label=plain(description(report, reader)),
        font_family=_FAMILIES[lang],
    )


def description(report: Report, reader: Reader) -> str:
    """What the drawing shows, in words."""
    return reader.word("picture.alt", headline=report_message(report, reader).text)


# Its parts, from above.


def _head(report: Report, reader: Reader) -> _Piece:
    """Which case this is, and what came of it."""
    time, vantage = time_of(report), report.vantage
    checked = reader.word("picture.checked", time=time, vantage=vantage) if vantage else time
    lead = f"migcheck  ·  {reader.word('picture.case', case=report.case)}  ·  {checked}"
    headline = _headline(report_message(report, reader).text)
    svg = words(_EDGE, 12, cut_to(lead, 14, _INNER), 14, tone="soft") + node(_EDGE + 17, 50, report.verdict, 17)
    svg += _lines(_EDGE + 48, 58, 31, headline, 22, bold=True)
    return _Piece(svg, 58 + len(headline) * 31 + _GAP / 2)


def _headline(text: str) -> list[str]:
    """In lines: the cause on one of its own where all does not fit into one."""
    whole = wrapped(text, 22, _INNER - 48, 3, bold=True)
    parts = [line for part in re.split(r"(?<= [–－]) ", text) for line in wrapped(part, 22, _INNER - 48, 2, bold=True)]
    return parts if len(whole) > 1 and len(parts) <= _MOST_HEADLINES else whole


def _services(report: Report, reader: Reader, weakest: StepResult | None) -> list[_Piece]:
    """One row a service; below that of the weakest step what is wrong with it."""
    services: dict[str, list[StepResult]] = {}
    for step in report.steps:
        services.setdefault(step.id.partition(".")[0], []).append(step)
    pieces = []
    for steps in services.values():
        pieces.append(_row(steps, reader, weakest))
        if weakest is not None and weakest in steps:
            pieces.append(_callout(weakest, _places(len(steps))[steps.index(weakest)], reader))
    return pieces


def _row(steps: Sequence[StepResult], reader: Reader, weakest: StepResult | None) -> _Piece:
    places = _places(len(steps))
    name = wrapped(reader.service(steps[0].id), 16, _FIRST_NODE - _EDGE - 60, 2, bold=True)
    svg = _rule() + _lines(_EDGE, 38, 20, name, 16, bold=True)
    for begin, end, step in zip(places, places[1:], steps[1:], strict=False):
        svg += path(f"M{number(begin)} 32 H{number(end)}", width=3, dashed=step.status == "skipped")
    for place, step in zip(places, steps, strict=True):
        svg += _step(place, step, reader, _space(len(steps)) + 6, here=step is weakest)
    return _Piece(svg, 104)


def _step(place: float, step: StepResult, reader: Reader, room: float, *, here: bool) -> str:
    label = cut_to(reader.label(step.id), 13, room, bold=here)
    tone = step.status if here else "soft" if step.status == "skipped" else "ink"
    svg = node(place, 32, step.status, 17 if here else 13, ringed=here)
    svg += words(place, 70, label, 13, bold=here, tone=tone, anchor="middle")
    return svg + words(place, 88, reader.word(f"status.{step.status}"), 12, tone=step.status, anchor="middle")


def _space(count: int) -> float:
    """Between the steps of a service."""
    return min(_WIDEST_STEP, (_LAST_NODE - _FIRST_NODE) / max(1, count - 1))


def _places(count: int) -> list[float]:
    return [_FIRST_NODE + at * _space(count) for at in range(count)]


def _callout(step: StepResult, place: float, reader: Reader) -> _Piece:
    """What is wrong with a step, and where it was seen."""
    finding = next((one for one in step.findings if one.severity == step.status), None)
    title = ""
    if finding is not None:
        title, _ = words_of(finding.code, step.id.partition(".")[0], reader.circumstances, reader.catalogue)
    lead = reader.word("picture.fails_here" if step.status == "fail" else f"status.{step.status}")
    where = reader.word("support.where", **reader.where(step.id))
    room, left = _INNER - 40, _EDGE + 20
    heading = wrapped(title, 17, room, 2, bold=True)
    facts = [cut_to(plain(one), 14, room) for one in _facts(step, finding, reader)]
    below = 52 + len(heading) * 24
    svg = words(left, 26, cut_to(f"{lead} – {where}", 14, room, bold=True), 14, bold=True, tone=step.status)
    svg += _lines(left, 52, 24, heading, 17, bold=True) + _lines(left, below, 21, facts, 14)
    height = below + len(facts) * 21
    ground = element("rect", kind="sunk", x=_EDGE, width=_INNER, height=height, rx=8, fill=SUNK)
    ground += element("path", kind="sunk", d=f"M{number(place - 11)} 1 l11 -12 l11 12 z", fill=SUNK)
    ground += element(
        "rect", kind=f"disc-{step.status}", x=_EDGE, width=5, height=height, rx=2, fill=COLORS[step.status]
    )
    return _Piece(ground + svg, height + _GAP)


def _facts(step: StepResult, finding: Finding | None, reader: Reader) -> list[str]:
    """What somebody else can verify: the server, what OpenSSL says, names and dates. No words of a server."""
    evidence = finding.evidence if finding is not None else {}
    found = [(reader.word("evidence.target"), step.target)] if step.target else []
    if evidence.get("verify_code") is not None:
        found.append((reader.word("openssl_words"), f"{evidence['verify_code']} ({evidence.get('verify_text', '')})"))
    named = ("missing_issuer", "expected_name", "not_after", "aadsts")
    found += [(reader.word(f"evidence.{name}"), str(evidence[name])) for name in named if evidence.get(name)]
    if finding is not None:
        found.append((reader.catalogue.texts["web"]["report.finding.code"], finding.code))
    return [reader.word("named", name=name, value=value) for name, value in found]


def _chain(report: Report, step: StepResult, reader: Reader) -> list[_Piece]:
    """The certificates of a step, in the order in which the server sent them, and those that it did not send."""
    found = chains(replace(report, steps=(step,)), reader)
    if not found:
        return []
    texts = reader.catalogue.texts["web"]
    svg = words(_EDGE, 22, texts["report.chain"], 16, bold=True)
    for at, one in enumerate(found[0].certificates[:_MOST_CERTIFICATES]):
        left = _EDGE + at * (_CARD_WIDTH + _CARD_GAP)
        svg += path(f"M{number(left - 21)} 84 h14 m-5 -5 l5 5 l-5 5", color=SOFT) if at else ""
        svg += moved(left, 38, _certificate(one, texts))
    return [_Piece(svg, 38 + _CARD_HEIGHT + _GAP)]


def _certificate(one: Certificate, texts: Mapping[str, str]) -> str:
    missing, room = one.kind == "missing", _CARD_WIDTH - 24
    kind = texts[f"report.chain.{'intermediate' if missing else one.kind}"]
    svg = box(_CARD_WIDTH, _CARD_HEIGHT, bad=missing or one.expired, dashed=missing)
    svg += words(12, 24, cut_to(kind, 12, room), 12, tone="soft")
    svg += words(12, 46, cut_to(_common_name(one.subject), 14, room, bold=True), 14, bold=True)
    if missing or one.expired:
        said = texts["report.chain.missing"] if missing else f"{texts['report.chain.expired']} ({one.ends})"
        return svg + words(12, 72, cut_to(said, 13, room, bold=True), 13, bold=True, tone="fail")
    return svg + words(12, 72, cut_to(f"{one.begins} – {one.ends}", 12, room), 12, tone="soft")


def _common_name(subject: str) -> str:
    """The part of a distinguished name that people know a certificate by (RFC 4514)."""
    parts = (part.strip() for part in subject.split(","))
    return next((part[3:] for part in parts if part.upper().startswith("CN=")), subject)


def _foot(reader: Reader) -> _Piece:
    return _Piece(_rule() + words(_EDGE, 26, reader.catalogue.texts["web"]["report.made_by"], 13, tone="soft"), 44)


def _rule() -> str:
    return path(f"M{number(_EDGE)} 0 h{number(_INNER)}", width=1)


def _lines(x: float, y: float, height: float, lines: Sequence[str], size: float, *, bold: bool = False) -> str:
    return "".join(words(x, y + at * height, line, size, bold=bold) for at, line in enumerate(lines))
