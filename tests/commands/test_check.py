"""`check` as it is typed: the secret on standard input, batches, and output to whatever reads it."""

import json
import os
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from bot.commands import batch
from bot.core.model import Request
from bot.engine.check import Check
from bot.store.place import ROOT

SECRET = "S3cretInALine77"


def _environment(folder: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "MIGCHECK_STORE__URL": f"sqlite:///{folder}/bot.db", "LC_ALL": "C.UTF-8", **more}


def _bot(folder: Path, *arguments: str, typed: bytes = b"", **environment: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [sys.executable, "-m", "bot", *arguments],
        cwd=ROOT, env=_environment(folder, **environment), input=typed, capture_output=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("typed", [b"", b"\n", b"\r\n", b"p\xe4ssword\n"])
def test_what_cannot_be_the_password_is_not_sent(tmp_path: Path, typed: bytes) -> None:
    done = _bot(
        tmp_path, "check", "--imap", "127.0.0.1:993", "--account", "a@b.test", "--secret-stdin", "--json", typed=typed
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"--secret-stdin" in done.stderr
    assert b"ssword" not in done.stderr


LINES_WITH_SECRETS = (
    f'{{"domain": "a.test", "password": "{SECRET}"}}',
    f'{{"domain": "a.test", "--secret-stdin": "{SECRET}"}}',
    f'{{"domain": "a.test", "app_password": "{SECRET}"}}',
    f'{{"imap": "imap://taro:{SECRET}@imap.a.test"}}',
    f'{{"domain": "a.test", "account": "taro@a.test:{SECRET}"}}',
    f"a.test password={SECRET}",
    f"imaps://taro:{SECRET}@a.test",
    f"taro@a.test:{SECRET}",
    f"taro@a.test,{SECRET}",
    f"taro@a.test\t{SECRET}",
    f"taro@a.test：{SECRET}",
    f"Taro <taro@a.test> {SECRET}",
    f'{{"domain": "a.test", "account": "CORP\\\\taro:{SECRET}"}}',
)


@pytest.mark.parametrize("line", LINES_WITH_SECRETS)
def test_a_line_with_a_secret_is_refused_and_not_repeated(line: str) -> None:
    with pytest.raises(batch.LineError) as raised:
        batch.read_line(line)
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    "line",
    [
        "a.test",
        "Taro <taro@a.test>",
        "https://a.test:8443/x",
        '{"domain": "a.test", "account": "login.test\\\\taro@a.test", "mailbox": "CORP\\\\hanako"}',
        '{"domain": "password.test", "account": "pass@password.test", "imap": "imap.a.test:993"}',
    ],
)
def test_other_lines_are_read(line: str) -> None:
    assert batch.read_line(line)["domain"]


@pytest.mark.parametrize("standard_input", [True, False])
def test_what_is_no_text_spoils_its_own_line_alone(tmp_path: Path, standard_input: bool) -> None:
    lines = b'\xef\xbb\xbf{"domain": "x y"}\r\n\r\n\xff\xfe\n{"domain": "z"}\n{oops\nno domain'
    file = tmp_path / "lines"
    file.write_bytes(lines)
    source = ("-", lines) if standard_input else (str(file), b"")
    done = _bot(tmp_path, "check", "--batch", source[0], "--json", typed=source[1], PYTHONIOENCODING="utf-8:strict")
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    assert [report["cause"] for report in reports] == ["input.domain_invalid"] * 4
    assert done.returncode == 2
    assert b"line 5: not a JSON object" in done.stderr


def test_a_batch_takes_what_is_checked_from_its_lines(tmp_path: Path) -> None:
    for option in (["a.test"], ["--scenario", "m365"], ["--account", "a@a.test"], ["--imap", "imap.a.test"]):
        done = _bot(tmp_path, "check", "--batch", "-", "--json", *option)
        assert (done.returncode, done.stdout) == (2, b"")


def test_a_fault_of_our_own_spoils_its_own_line_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def run(check: Check) -> object:
        assert isinstance(check.request, Request)
        raise ZeroDivisionError

    monkeypatch.setattr(batch, "run", run)
    monkeypatch.setenv("MIGCHECK_STORE__URL", f"sqlite:///{tmp_path}/bot.db")
    file = tmp_path / "lines"
    file.write_text("a.test\nno domain\n")
    asked = Namespace(batch=str(file), json=True, secret_stdin=False, scenario="auto", lang=None)
    for key in ("domain", "imap", "smtp", "pop", "ews", "account", "mailbox"):
        setattr(asked, key, None)
    assert batch.batch_command(asked, "en") == 4
    out, err = capsys.readouterr()
    assert json.loads(out)["cause"] == "input.domain_invalid"
    assert "line 1: migcheck failed by a fault of its own" in err


def test_a_batch_ends_in_silence_where_nobody_reads_any_more(tmp_path: Path) -> None:
    pipe = subprocess.PIPE
    command = [sys.executable, "-m", "bot", "check", "--batch", "-", "--json"]
    child = subprocess.Popen(command, cwd=ROOT, env=_environment(tmp_path), stdin=pipe, stdout=pipe, stderr=pipe)
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.close()
    child.stdin.write(b"no domain\n" * 2000)
    child.stdin.close()
    assert child.stderr.read() == b""
    child.stderr.close()
    assert child.wait(60) == 4


@pytest.mark.parametrize("encoding", ["ascii", "cp932", "latin-1"])
def test_json_is_utf_8_and_words_come_out_whatever_the_terminal_speaks(tmp_path: Path, encoding: str) -> None:
    done = _bot(tmp_path, "check", "例 え", "--json", "--lang", "zh", PYTHONIOENCODING=encoding)
    assert json.loads(done.stdout.decode())["steps"][0]["findings"][0]["evidence"]["typed"] == "例 え"
    done = _bot(tmp_path, "check", "例 え", "--lang", "zh", PYTHONIOENCODING=encoding)
    assert (done.returncode, bool(done.stdout)) == (2, True)


def test_passwords_in_what_was_typed_are_not_kept(tmp_path: Path) -> None:
    for typed in (f"imaps://taro:{SECRET}@imap.a.test:993", f"password: {SECRET} x"):
        done = _bot(tmp_path, "check", "--imap", typed, "--json")
        assert done.returncode == 2
        kept = b"".join(path.read_bytes() for path in tmp_path.glob("bot.db*"))
        assert SECRET.encode() not in done.stdout + done.stderr + kept
