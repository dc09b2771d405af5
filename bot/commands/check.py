"""`check`: one check in the terminal."""

import argparse
import asyncio
import gc
import importlib
import json
import secrets
import sys
from collections.abc import Mapping
from typing import Any

from bot.asking import input_report, read_request, reader_for
from bot.checks.link.tls import TrustStore, strict_context
from bot.commands.status import BAD_INPUT, exit_status
from bot.core.case import case_id
from bot.core.cloud import DeviceCode, SignIn
from bot.core.intake import InputError
from bot.core.message import Reader, report_message
from bot.core.model import Lang, Report, Request
from bot.core.report import report_to_json
from bot.core.secret import Secret
from bot.engine.check import Check, Network
from bot.engine.run import run
from bot.network import open_network, wisdom_in
from bot.quick_settings import quick_settings
from bot.terminal import Progress, render

_HEAD_START = 0.001
"""Seconds in which the questions to the name servers are sent."""


def check_command(args: argparse.Namespace, lang: Lang) -> int:
    """Run `check`; the exit status is as docs/command-line.md says."""
    gc.freeze()
    gc.enable()
    if args.batch is not None:
        from bot.commands.batch import batch_command  # noqa: PLC0415 - most checks are single ones

        return batch_command(args, lang)
    problem = _problem(args)
    if problem is not None:
        print(f"check: {problem}", file=sys.stderr)
        return BAD_INPUT
    secret = _read_secret() if args.secret_stdin else None
    if args.secret_stdin and secret is None:
        print("check: --secret-stdin: the first line of standard input is empty or not UTF-8", file=sys.stderr)
        return BAD_INPUT
    report, reader = asyncio.run(_checked(vars(args), lang, secret))
    if args.json:
        print(json.dumps(report_to_json(report), ensure_ascii=False), flush=True)
    else:
        print(render(report_message(report, reader), reader), end="", flush=True)
    _keep(report, lang)
    return exit_status(report)


def _problem(args: argparse.Namespace) -> str | None:
    named = args.domain or args.imap or args.smtp or args.pop or args.ews
    if not named and not (args.scenario == "m365" and args.account):
        return "a domain or a server is needed (an example: python -m bot check example.co.jp)"
    if args.secret_stdin and not args.account:
        return "--secret-stdin needs --account (an example: --account taro@example.co.jp)"
    return None


def _read_secret() -> Secret | None:
    """The first line of standard input without its end, as it is: spaces belong to passwords.

    None where it cannot be the password that was meant: a log-in with it would only count as a failed one.
    """
    line = sys.stdin.buffer.readline().rstrip(b"\r\n") if sys.stdin else b""
    try:
        return Secret(line.decode()) if line else None
    except UnicodeDecodeError:
        return None


async def _checked(options: Mapping[str, Any], lang: Lang, secret: Secret | None) -> tuple[Report, Reader]:
    case, wisdom = case_id(secrets.randbits(30)), wisdom_in(lang)
    try:
        request = read_request(options, lang)
    except InputError as error:
        report = input_report(case, error, options, lang, wisdom)
        return report, reader_for(wisdom, lang, report=report)
    progress = Progress(reader_for(wisdom, lang, request))
    with open_network(quick_settings()) as network:
        sign_in = _sign_in(request, network, progress, reader_for(wisdom, lang, request))
        check = Check(
            case, request, wisdom, network, secret, True, progress.started, progress.finished, sign_in=sign_in
        )
        loading = asyncio.create_task(_load_the_rest(network.trust))
        try:
            report = await run(check)
        finally:
            loading.cancel()
            progress.end()
            if secret is not None:
                secret.wipe()
    return report, reader_for(wisdom, lang, request, report)


def _sign_in(request: Request, network: Network, progress: Progress, reader: Reader) -> SignIn | None:
    """How somebody signs in with Microsoft: the code goes to standard error, and they to their browser."""
    client_id = network.client_id
    if request.scenario != "m365" or not client_id or not network.signs_in:
        return None

    def show(code: DeviceCode) -> None:
        told = {"url": code.url, "code": code.code, "minutes": code.minutes}
        progress.note(reader.word("sign_in_code", account=request.account or "", app=client_id, **told))

    return SignIn(client_id, show)


async def _load_the_rest(trust: TrustStore) -> None:
    """What the check needs later, while it waits for the first answers."""
    await asyncio.sleep(_HEAD_START)
    strict_context(trust)
    for module in ("bot.checks.link.certificates", "bot.checks.imap.mailbox"):
        await asyncio.sleep(0)
        importlib.import_module(module)


def _keep(report: Report, lang: Lang) -> None:
    """Store the report after it was shown, so that nobody waits for the store. A store that fails costs only that."""
    from bot.store.keeping import keep_report  # noqa: PLC0415 - as above

    kept = quick_settings().store
    if (problem := keep_report(kept.url, report, lang, retention_days=kept.retention_days)) is not None:
        print(f"check: the report could not be stored: {problem}", file=sys.stderr)
