"""The command line. Every command imports what it needs when it runs, so that help and `explain` start at once."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.core.model import Lang

LANGS = ("ja", "en", "zh")
SCENARIOS = ("auto", "saas", "manual", "m365", "exchange", "member")
PASS, FAILED, BAD_INPUT, UNKNOWN, OWN_FAULT = range(5)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit status is as docs/command-line.md says."""
    parser = _parser()
    args = parser.parse_args(argv)
    try:
        return _run(args)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return OWN_FAULT
    except Exception as error:  # noqa: BLE001 - the last border: own faults say so and show no local variables
        from bot.faults import own_fault, settings_fault  # noqa: PLC0415

        if (message := settings_fault(error)) is not None:
            print(message, file=sys.stderr)
            return BAD_INPUT
        print(own_fault(error), file=sys.stderr)
        return OWN_FAULT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bot", description="Says why logging in to the old mail service fails when mail is migrated."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="start the bot")
    run.add_argument(
        "--role", choices=("all", "web", "worker"), default="all", help="what this process does (default: all)"
    )
    _add_check(commands.add_parser("check", help="one check in the terminal"))
    report = commands.add_parser("report", help="print a stored report again")
    report.add_argument("case", metavar="CASE")
    report.add_argument("--json", action="store_true", help="as one JSON object")
    report.add_argument("--html", metavar="FILE", help="write the report page to FILE")
    report.add_argument("--lang", choices=LANGS, default=None)
    explain = commands.add_parser("explain", help="say what an error text means")
    explain.add_argument("text", metavar="TEXT", nargs="?", help="the error text; from standard input when absent")
    explain.add_argument("--protocol", choices=("imap", "smtp", "pop", "ews", "oauth"))
    explain.add_argument("--provider", metavar="ID", help="a provider of the directory")
    explain.add_argument("--lang", choices=LANGS, default=None)
    explain.add_argument("--json", action="store_true", help="as one JSON object")
    commands.add_parser("doctor", help="check the configuration")
    erase = commands.add_parser("erase", help="erase what is kept of a person")
    erase.add_argument("--person", metavar="ID", required=True)
    return parser


def _add_check(check: argparse.ArgumentParser) -> None:
    check.add_argument("domain", metavar="DOMAIN", nargs="?", help="the domain that is migrated")
    check.add_argument("--scenario", choices=SCENARIOS, default="auto")
    for service, port in (("imap", 993), ("smtp", 465), ("pop", 995)):
        check.add_argument(
            f"--{service}",
            metavar="HOST[:PORT]",
            help=f"the {service.upper()} server (default: discovered; port {port})",
        )
    check.add_argument("--account", metavar="ADDRESS", help="the account to log in as")
    check.add_argument("--secret-stdin", action="store_true", help="the secret is the first line of standard input")
    check.add_argument("--lang", choices=LANGS, default=None, help="default: from the locale, else ja")
    check.add_argument("--json", action="store_true", help="print the report as one JSON object")
    check.add_argument(
        "--batch", metavar="FILE", help="one domain or JSON object a line (- for standard input); with --json"
    )


def _run(args: argparse.Namespace) -> int:
    lang: "Lang" = getattr(args, "lang", None) or locale_language()
    match args.command:
        case "explain":
            from bot.explaining import explain_command  # noqa: PLC0415

            return explain_command(args.text, args.protocol, args.provider, lang, as_json=args.json)
        case "check":
            from bot.checking import check_command  # noqa: PLC0415

            return check_command(args, lang)
        case "report":
            from bot.reporting import report_command  # noqa: PLC0415

            return report_command(args.case, lang, as_json=args.json, html=args.html)
        case "doctor":
            from bot.doctor import doctor_command  # noqa: PLC0415

            return doctor_command()
        case "erase":
            from bot.reporting import erase_command  # noqa: PLC0415

            return erase_command(args.person)
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
