"""Settings of operations: values that come from files, and the queue's address, whose password is never shown."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.settings import QueueSettings, Settings, SettingsError, load_settings

URL = "postgresql://bot:Practice-7-secret@db.example.net:5433/migcheck?sslmode=verify-full"


@pytest.fixture(autouse=True)
def _anew() -> None:
    load_settings.cache_clear()


def test_a_value_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("SLACK__BOT_TOKEN", "xoxb-1\n"), ("STORE__URL", URL), ("QUEUE__URL", URL)):
        path = tmp_path / name
        path.write_text(value)
        monkeypatch.setenv(f"MIGCHECK_{name}_FILE", str(path))
    monkeypatch.setenv("MIGCHECK_NETWORK__CA_FILE", f"{tmp_path}/root.pem")
    settings = load_settings()
    assert settings.slack.bot_token == SecretStr("xoxb-1")
    assert (settings.store.url, settings.queue.url) == (URL, URL)
    assert settings.network.ca_file == tmp_path / "root.pem", "this one is a path, not a file with the value"


def test_a_file_that_is_missing_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGCHECK_SLACK__BOT_TOKEN_FILE", "/nowhere/Practice-7-secret")
    with pytest.raises(SettingsError, match="MIGCHECK_SLACK__BOT_TOKEN_FILE: No such file") as refused:
        load_settings()
    assert "Practice-7-secret" not in str(refused.value)


def test_the_value_itself_goes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("from-file")
    monkeypatch.setenv("MIGCHECK_SLACK__BOT_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("MIGCHECK_SLACK__BOT_TOKEN", "from-environment")
    assert load_settings().slack.bot_token == SecretStr("from-environment")


def test_an_unknown_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGCHECK_SLACK__BOT_TOKKEN", "xoxb-1")
    with pytest.raises(SettingsError, match=r"slack\.bot_tokken"):
        load_settings()


def test_the_address_of_the_queue_is_shown_without_its_password() -> None:
    queue = QueueSettings(url=URL)
    assert queue.shown == "PostgreSQL at db.example.net:5433, database migcheck"
    assert "Practice-7-secret" not in f"{queue!r} {queue}"
    assert QueueSettings(url="postgresql:///migcheck").shown == "PostgreSQL at the local socket, database migcheck"
    assert QueueSettings().shown == QueueSettings(url="").shown == "in this process"
    assert QueueSettings(url="").url is None


@pytest.mark.parametrize(
    "url", ["sqlite:///var/x.db", "mysql://bot:hunter2@db/x", "redis://db", "postgresql://db:port"]
)
def test_another_kind_of_queue_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGCHECK_QUEUE__URL", url)
    with pytest.raises(SettingsError, match=r"queue\.url") as refused:
        load_settings()
    assert "hunter2" not in str(refused.value)


def test_how_long_a_node_may_take_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MIGCHECK_SHUTDOWN__GRACE", raising=False)
    assert Settings().shutdown.grace == 30
    monkeypatch.setenv("MIGCHECK_SHUTDOWN__GRACE", "-1")
    with pytest.raises(SettingsError, match=r"shutdown\.grace"):
        load_settings()
