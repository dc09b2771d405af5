"""The exit statuses of the command line, as docs/command-line.md has them."""

TYPE_CHECKING = False  # as typing has it, whose import takes longer than this file
if TYPE_CHECKING:
    from bot.core.model import Report

DONE, FAILED, BAD_INPUT, UNKNOWN, OWN_FAULT = range(5)
_VERDICTS = {"pass": DONE, "warn": DONE, "fail": FAILED, "unknown": UNKNOWN}


def exit_status(report: "Report") -> int:
    """0 pass or warn, 1 a failing step, 2 bad input, 3 unknown."""
    if report.failing_step == "domain.input" and str(report.cause).endswith("_invalid"):
        return BAD_INPUT
    return _VERDICTS[report.verdict]
