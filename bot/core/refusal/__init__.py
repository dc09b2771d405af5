"""What a server's refusal means: words in, cause, confidence and alternatives out."""

from collections.abc import Mapping
from typing import Any

from bot.core.refusal.judging import explain
from bot.core.refusal.ranking import THRESHOLD
from bot.core.refusal.terms import NOT_A_FAILURE, UNRECOGNISED, Context, Explanation

__all__ = ["NOT_A_FAILURE", "THRESHOLD", "UNRECOGNISED", "Context", "Explanation", "compile_rules", "explain"]


def compile_rules(
    refusals: Mapping[str, Any],
    providers: Mapping[str, Mapping[str, Any]],
    aadsts: Mapping[Any, str] | None = None,
) -> dict[str, Any]:
    """The knowledge of refusals as plain data (dicts, lists, tuples, strings, numbers) for `explain`.

    `refusals` is advice/refusals.yaml, `providers` the provider files by id, `aadsts` the table of
    advice/aadsts.yaml. Raises ValueError where a phrase cannot be read.
    """
    from bot.core.refusal.compiling import compile_tables  # noqa: PLC0415 - not needed to explain

    return compile_tables(refusals, providers, aadsts)
