"""Settings that are kept between runs: the same as those that are judged, and never kept where they may be secret."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHOW = """
import sys
from bot.quick_settings import quick_settings
from bot.settings import SettingsError
try:
    s = quick_settings()
except SettingsError as error:
    sys.exit(f"refused: {error}")
print(s.network.nameservers, s.network.timeouts.connect, s.network.ca_file, s.store.url)
"""
QUICK = (
    SHOW.replace("from bot.settings import SettingsError", "SettingsError = ()")
    + "assert 'pydantic' not in sys.modules\n"
)


def run(code: str, **environment: str) -> subprocess.CompletedProcess:
    settings = {f"MIGCHECK_{name}": value for name, value in environment.items()}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def given(tmp_path):
    """Settings that no other test has."""
    return {
        "NETWORK__NAMESERVERS": json.dumps(["127.0.0.9:53"]),
        "NETWORK__CA_FILE": f"{tmp_path}/root.pem",
        "STORE__URL": f"sqlite:///{tmp_path}/store.db",
    }


def test_a_second_run_needs_no_pydantic_and_sees_the_same(given):
    first, second = run(SHOW, **given), run(QUICK, **given)
    assert (first.returncode, second.returncode) == (0, 0), second.stderr
    assert first.stdout == second.stdout
    assert "127.0.0.9:53" in second.stdout


def test_a_changed_value_counts_at_once(given):
    run(SHOW, **given)
    assert " 3.5 " in run(SHOW, **given, NETWORK__TIMEOUTS__CONNECT="3.5").stdout


def test_a_wrong_value_is_refused_every_time(given):
    run(SHOW, **given)
    for _ in range(2):
        refused = run(SHOW, **given, LOG__LEVEL="LOUD")
        assert refused.returncode == 1
        assert "log.level" in refused.stderr


@pytest.mark.parametrize(
    "secret",
    [{"WEB__CHAT_TOKEN": "Practice-7-token"}, {"STORE__URL": "postgresql://bot:Practice-7-token@127.0.0.1/migcheck"}],
)
def test_what_may_be_secret_is_kept_nowhere(given, secret):
    assert run(SHOW, **{**given, **secret}).returncode == 0
    assert "AssertionError" in run(QUICK, **{**given, **secret}).stderr
    for kept in (ROOT / ".cache" / "settings").iterdir():
        assert b"Practice-7-token" not in kept.read_bytes()
