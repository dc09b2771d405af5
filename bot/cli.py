"""The command line. Every command imports what it needs when it runs, so that help and `explain` start at once."""

import argparse
import gc
import io
import os
import sys
from collections.abc import Callable, Sequence

from bot.commands.status import BAD_INPUT, OWN_FAULT

TYPE_CHECKING = False  # as typing has it, whose import takes as long as all the rest of this file
if TYPE_CHECKING:
    from bot.core.model import Lang

LANGS = ("ja", "en", "zh")
SCENARIOS = ("auto", "saas", "manual", "m365", "exchange", "member")
_COLUMNS = 80


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit status is as docs/command-line.md says."""
    words = _with_pop_words(sys.argv[1:] if argv is None else argv)
    _set_output(words)
    args = _parser(next((word for word in words if not word.startswith("-")), None)).parse_args(words)
    try:
        return _run(args)
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # noqa: BLE001 - the last border: own faults say so and show no local variables
        if _is_broken_pipe(error):
            sys.stderr.close()
            return OWN_FAULT
        from bot.faults import own_fault, settings_fault  # noqa: PLC0415

        if (message := settings_fault(error)) is not None:
            print(message, file=sys.stderr)
            return BAD_INPUT
        print(own_fault(error), file=sys.stderr)
        return OWN_FAULT


def _with_pop_words(words: Sequence[str]) -> Sequence[str]:
    """The words with `-ERR`, which POP servers begin a refusal with, as the text that it is, and no option."""
    if "explain" not in words[:1] or "--" in words:
        return words
    said = [word for word in words if word.upper().startswith("-ERR")]
    return [*(word for word in words if word not in said), "--", *said] if said else words


def _set_output(words: Sequence[str]) -> None:
    """JSON is UTF-8 (RFC 8259, 8.1); of other output, what a terminal cannot show does not end the command."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        of_json = "--json" in words or "manifest" in words[:1]
        sys.stdout.reconfigure(encoding="utf-8" if of_json else None, errors="replace")


def _is_broken_pipe(error: Exception) -> bool:
    """Whether nobody reads any more, for all that several tasks tell of it."""
    if isinstance(error, ExceptionGroup):
        return error.split(BrokenPipeError)[1] is None
    return isinstance(error, BrokenPipeError)


class _Formatter(argparse.HelpFormatter):
    """Knows the width without shutil, which loads four compression libraries to tell it."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_width() - 2)


def _width() -> int:
    """Columns, as shutil.get_terminal_size tells them."""
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and int(told):
        return int(told)
    try:
        return os.get_terminal_size(1).columns or _COLUMNS
    except OSError:
        return _COLUMNS


def _parser(chosen: str | None) -> argparse.ArgumentParser:
    """The parser; only the chosen command has its options, since making all of them takes time."""
    parser = argparse.ArgumentParser(
        prog="python -m bot",
        description="Says why logging in to the old mail service fails when mail is migrated.",
        formatter_class=_Formatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", prog="python -m bot")
    for name, (told, add_options) in _COMMANDS.items():
        command = commands.add_parser(name, help=told, formatter_class=_Formatter)
        if name == chosen:
            add_options(command)
    return parser


def _add_run(run: argparse.ArgumentParser) -> None:
    run.add_argument(
        "--role", choices=("all", "web", "worker"), default="all", help="what this process does (default: all)"
    )


def _add_report(report: argparse.ArgumentParser) -> None:
    report.add_argument("case", metavar="CASE")
    report.add_argument("--json", action="store_true", help="as one JSON object")
    report.add_argument("--html", metavar="FILE", help="write the report page to FILE")
    report.add_argument("--lang", choices=LANGS, default=None)


def _add_explain(explain: argparse.ArgumentParser) -> None:
    explain.add_argument("text", metavar="TEXT", nargs="?", help="the error text; from standard input when absent")
    explain.add_argument("--protocol", choices=("imap", "smtp", "pop", "ews", "oauth"))
    explain.add_argument("--provider", metavar="ID", help="a provider of the directory")
    explain.add_argument("--lang", choices=LANGS, default=None)
    explain.add_argument("--json", action="store_true", help="as one JSON object")


def _add_manifest(manifest: argparse.ArgumentParser) -> None:
    manifest.add_argument("platform", choices=("slack", "lark"))


def _add_erase(erase: argparse.ArgumentParser) -> None:
    erase.add_argument("--person", metavar="ID", required=True)


def _add_audit(audit: argparse.ArgumentParser) -> None:
    audit.add_argument("--person", metavar="ID", help="of one person only")
    audit.add_argument("--since", metavar="7d|DATE", help="from that long ago, or from a day or time on")
    audit.add_argument("--json", action="store_true", help="one JSON object a line")


def _add_check(check: argparse.ArgumentParser) -> None:
    check.add_argument("domain", metavar="DOMAIN", nargs="?", help="the domain that is migrated")
    check.add_argument("--scenario", choices=SCENARIOS, default="auto")
    for service, port in (("imap", 993), ("smtp", 465), ("pop", 995)):
        check.add_argument(
            f"--{service}",
            metavar="HOST[:PORT]",
            help=f"the {service.upper()} server (default: discovered; port {port})",
        )
    check.add_argument("--ews", metavar="URL", help="the Exchange EWS address")
    check.add_argument("--account", metavar="ADDRESS", help="the account to log in as")
    check.add_argument("--mailbox", metavar="ADDRESS", help="Exchange: the mailbox to open as that account")
    check.add_argument("--secret-stdin", action="store_true", help="the secret is the first line of standard input")
    check.add_argument("--lang", choices=LANGS, default=None, help="default: from the locale, else ja")
    check.add_argument("--json", action="store_true", help="print the report as one JSON object")
    check.add_argument(
        "--batch", metavar="FILE", help="one domain or JSON object a line (- for standard input); with --json"
    )


_COMMANDS: dict[str, tuple[str, Callable[[argparse.ArgumentParser], object]]] = {
    "run": ("start the bot", _add_run),
    "check": ("one check in the terminal", _add_check),
    "report": ("print a stored report again", _add_report),
    "explain": ("say what an error text means", _add_explain),
    "manifest": ("print the app manifest that matches app.yaml", _add_manifest),
    "doctor": ("check the configuration", lambda _: None),
    "erase": ("erase what is kept of a person", _add_erase),
    "audit": ("who checked what", _add_audit),
}


def _run(args: argparse.Namespace) -> int:
    lang: Lang = getattr(args, "lang", None) or locale_language()
    match args.command:
        case "explain":
            from bot.commands.explain import explain_command  # noqa: PLC0415

            return explain_command(args.text, args.protocol, args.provider, lang, as_json=args.json)
        case "check":
            gc.disable()  # until everything is loaded: nothing of it is garbage
            from bot.commands.check import check_command  # noqa: PLC0415

            return check_command(args, lang)
        case "report":
            from bot.commands.report import report_command  # noqa: PLC0415

            return report_command(args.case, lang, as_json=args.json, html=args.html)
        case "manifest":
            from bot.manifest import manifest_command  # noqa: PLC0415

            return manifest_command(args.platform)
        case "doctor":
            from bot.commands.doctor import doctor_command  # noqa: PLC0415

            return doctor_command()
        case "erase":
            from bot.commands.report import erase_command  # noqa: PLC0415

            return erase_command(args.person)
        case "audit":
            from bot.commands.audit import audit_command  # noqa: PLC0415

            return audit_command(args.person, args.since, as_json=args.json)
        case _:
            from bot.app import run_command  # noqa: PLC0415

            return run_command(args.role)


def locale_language() -> "Lang":
    """The language of the locale where it is one of ours, else Japanese."""
    value = next((v for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (v := os.environ.get(name))), "")
    match value[:2]:
        case "en":
            return "en"
        case "zh":
            return "zh"
        case _:
            return "ja"
