"""`explain`: an error text to its cause, without any network. Imports little, since people wait for it."""

import gc
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from bot.commands.status import BAD_INPUT, DONE
from bot.core.advice import Catalogue, Circumstances, advice_for_code, words_of
from bot.core.pasted import without_secrets
from bot.core.refusal import NOT_A_FAILURE, Context, Explanation, explain
from bot.core.told import advice_to_json
from bot.core.visible import decoded
from bot.knowledge import Knowledge, knowledge

_MAX_TEXT = 100_000
_MAX_BYTES = 4 * _MAX_TEXT


def explain_command(text: str | None, protocol: str | None, provider: str | None, lang: str, *, as_json: bool) -> int:
    """Print what the text means. Exit status 0; 2 for a provider that is not in the directory."""
    gc.disable()  # the process ends soon: looking for garbage takes longer than leaving it
    wisdom = knowledge()
    known = wisdom.provider(provider)
    if provider is not None and known is None:
        print(f"--provider: there is no provider {provider!r} in the directory (an example: zoho)", file=sys.stderr)
        return BAD_INPUT
    words = (text if text is not None else _read_text())[:_MAX_TEXT]
    if not words.strip():
        print(
            "explain: no text was given (an example: python -m bot explain '535 5.7.8 Bad credentials')",
            file=sys.stderr,
        )
        return BAD_INPUT
    words, seen = without_secrets(words)
    if seen:
        print(wisdom.texts(lang)["words"]["explain.secret"], file=sys.stderr)
    if protocol is None and "AADSTS" in words.upper():
        protocol = "oauth"  # Microsoft's sign-in page
    context = context_for(protocol, known)
    told = explain(words, context, wisdom.rules)
    print(_as_json(told, protocol, lang, wisdom) if as_json else _as_text(told, protocol, lang, wisdom))
    return DONE


def _read_text() -> str:
    """Standard input, in whichever encoding the text was saved; the terminal's own is asked after UTF-8."""
    data = sys.stdin.buffer.read(_MAX_BYTES) if sys.stdin else b""
    for encoding in ("utf-8-sig", sys.stdin.encoding if sys.stdin else "utf-8"):
        with suppress(UnicodeDecodeError):
            return data.decode(encoding)
    return decoded(data)


def context_for(protocol: str | None, provider: Mapping[str, Any] | None) -> Context:
    access = (provider or {}).get("access", {})
    return Context(
        protocol=protocol,
        provider=provider["id"] if provider else None,
        password=(provider or {}).get("password"),
        access=access.get(protocol) if protocol else None,
    )


def told_in(
    told: Explanation, protocol: str | None, lang: str, wisdom: Knowledge
) -> tuple[Catalogue, Circumstances, str]:
    """What advice for an explained text is made with: its catalogue, circumstances and service."""
    provider = wisdom.provider(told.provider)
    catalogue = Catalogue(wisdom.advice, wisdom.links, wisdom.texts(lang))
    service = {"oauth": "m365", None: "imap"}.get(protocol, protocol) or "imap"
    scenario = "m365" if service == "m365" else "saas" if provider else "manual"
    return catalogue, Circumstances(scenario, lang, provider), service


def _as_json(told: Explanation, protocol: str | None, lang: str, wisdom: Knowledge) -> str:
    import json  # noqa: PLC0415 - the text is what people wait for

    catalogue, circumstances, service = told_in(told, protocol, lang, wisdom)
    advice = () if told.code == NOT_A_FAILURE else advice_for_code(told.code, service, circumstances, catalogue)
    found: dict[str, Any] = {
        "code": told.code,
        "confidence": round(told.confidence, 3),
        "provider": told.provider,
        "alternatives": list(told.alternatives),
        "advice": [advice_to_json(entry) for entry in advice],
    }
    return json.dumps(found, ensure_ascii=False)


def _as_text(told: Explanation, protocol: str | None, lang: str, wisdom: Knowledge) -> str:
    catalogue, circumstances, service = told_in(told, protocol, lang, wisdom)
    phrases = catalogue.texts["words"]
    if told.code == NOT_A_FAILURE:
        return str(phrases["explain.none"])
    title, why = words_of(told.code, service, circumstances, catalogue)
    lines = [phrases["explain.cause"].format(title=title, confidence=round(told.confidence * 100)), why]
    if told.code == "login.unrecognised":
        lines = [phrases["explain.unknown"]]
    if told.alternatives:
        others = [
            words_of(code, service, circumstances, catalogue)[0]
            for code in told.alternatives
            if code in catalogue.texts["findings"]
        ]
        lines.append(phrases["explain.alternatives"].format(others=phrases["between"].join(others)))
    apart = wisdom.rules.get("apart", {})
    lines += [f"{phrases['explain.apart']} {apart[key][lang]}" for key in told.apart if key in apart]
    for entry in advice_for_code(told.code, service, circumstances, catalogue)[:3]:
        lines += ["", f"■ {entry.title}", f"  {phrases['who_line'].format(who=phrases[f'who.{entry.who}'])}"]
        lines += [f"  {i}. {action}" for i, action in enumerate(entry.actions, 1)]
        lines += [f"  {link.title} {link.url}" for link in entry.links]
    return "\n".join(lines)
