"""What a server's refusal means: words in, cause, confidence and alternatives out."""

from bot.core.refusal.compiling import compile_rules
from bot.core.refusal.judging import THRESHOLD, explain
from bot.core.refusal.terms import NOT_A_FAILURE, UNRECOGNISED, Context, Explanation

__all__ = ["NOT_A_FAILURE", "THRESHOLD", "UNRECOGNISED", "Context", "Explanation", "compile_rules", "explain"]
