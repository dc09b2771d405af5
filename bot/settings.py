"""app.yaml and MIGCHECK_* to frozen Settings. A wrong value is an error that names the key and never prints it."""

import os
from functools import cache
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from bot.core.limits import read_limit, read_span

ROOT = Path(__file__).resolve().parent.parent


class SettingsError(Exception):
    """The settings cannot be used; the message names each key, what is wrong with it, and shows no value."""


def _network(text: str) -> str:
    ip_network(text, strict=False)
    return text


def _nameserver(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not port.isdecimal():
        raise ValueError("not a name server; an example: 127.0.0.1:53")
    ip_address(host.strip("[]"))
    return text


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class TimeoutSettings(_Part):
    connect: float = Field(10.0, gt=0, le=300)
    tls: float = Field(10.0, gt=0, le=300)
    reply: float = Field(20.0, gt=0, le=300)
    total: float = Field(60.0, gt=0, le=3600)


class NetworkSettings(_Part):
    nameservers: tuple[Annotated[str, AfterValidator(_nameserver)], ...] = ()
    ca_file: Path | None = None
    public_address: str | None = None
    allow: tuple[Annotated[str, AfterValidator(_network)], ...] = ()
    timeouts: TimeoutSettings = TimeoutSettings()


class DiscoverySettings(_Part):
    ispdb_url: str = "https://autoconfig.thunderbird.net/v1.1"


class StoreSettings(_Part):
    url: str = "sqlite:///var/migcheck.db"
    retention_days: int = Field(30, ge=1)


def _queue_url(text: str | None) -> str | None:
    if not text:
        return None
    try:
        parts = urlsplit(text)
        named = parts.scheme in ("postgresql", "postgres") and (parts.port is None or parts.port > 0)
    except ValueError:
        named = False
    if not named:
        raise ValueError("not PostgreSQL; an example: postgresql://bot@db.example.net/migcheck")
    return text


class QueueSettings(_Part):
    """`url` may hold a password; `shown` is for people."""

    url: Annotated[str | None, AfterValidator(_queue_url)] = Field(None, repr=False)

    @property
    def shown(self) -> str:
        """The place without user, password and parameters."""
        if self.url is None:
            return "in this process"
        parts = urlsplit(self.url)
        where = parts.hostname or "the local socket"
        port = f":{parts.port}" if parts.port else ""
        return f"PostgreSQL at {where}{port}, database {parts.path.strip('/') or '(default)'}"


class ShutdownSettings(_Part):
    grace: float = Field(30.0, ge=0, le=3600)


class WebSettings(_Part):
    listen: str = "127.0.0.1:8080"
    public_url: str | None = None
    chat: bool | None = None
    chat_token: SecretStr | None = None
    suggestions: tuple[str, ...] = ()
    metrics: bool = False

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def origin(self) -> str:
        """Where people reach the pages, without a final slash."""
        return (self.public_url or f"http://{self.listen}").rstrip("/")

    @property
    def loopback(self) -> bool:
        host = self.address[0]
        return host == "localhost" or (
            (host.replace(".", "").isdecimal() or ":" in host) and ip_address(host).is_loopback
        )


class SecretSettings(_Part):
    entry: Literal["page", "modal", "off"] | None = None
    ttl: float = Field(600.0, gt=0)


def _limit(text: str) -> str:
    read_limit(text)
    return text


def _span(text: str) -> str:
    read_span(text)
    return text


_Limits = tuple[Annotated[str, AfterValidator(_limit)], ...]
_Span = Annotated[str, AfterValidator(_span)]


class SlackSettings(_Part):
    enabled: bool = False
    mode: Literal["http", "socket"] = "http"
    bot_token: SecretStr | None = None
    app_token: SecretStr | None = None
    signing_secret: SecretStr | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None
    encryption_key: SecretStr | None = None
    command: Annotated[str, Field(pattern=r"^/[a-z0-9_-]{1,31}$")] = "/migcheck"
    api_url: str = "https://slack.com/api/"


class LarkSettings(_Part):
    enabled: bool = False
    mode: Literal["webhook", "websocket"] = "webhook"
    app_id: str | None = None
    app_secret: SecretStr | None = None
    encrypt_key: SecretStr | None = None
    verification_token: SecretStr | None = None
    base_url: Annotated[str, Field(pattern=r"^https?://[^/\s]+/?$")] = "https://open.larksuite.com"


class M365Settings(_Part):
    client_id: str | None = None
    client_secret: SecretStr | None = None
    authority: Annotated[str, Field(pattern=r"^https?://[^/\s?#@]+/?$")] = "https://login.microsoftonline.com"


def _several(value: Any) -> Any:
    """One alone is a list of one: `*` as well as ["*"]."""
    return (value,) if isinstance(value, str) else value


_Names = Annotated[tuple[str, ...] | str, BeforeValidator(_several)]
"""Names; the union lets the environment have a bare word where otherwise JSON is asked for."""


class AccessSettings(_Part):
    admins: _Names = ()
    domains: _Names = ()


class LimitSettings(_Part):
    logins_per_account: _Limits = ("3/15m", "6/24h")
    checks_per_person: _Limits = ("30/1h",)
    probes_per_host: _Limits = ("60/1h",)


class WatchSettings(_Part):
    every: _Span = "15m"
    for_: _Span = Field("7d", alias="for")


class LogSettings(_Part):
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    format: Literal["console", "json"] = "console"


class Settings(BaseSettings):
    """Every setting; see app.yaml for what each one means."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix="MIGCHECK_", env_nested_delimiter="__", hide_input_in_errors=True
    )

    network: NetworkSettings = NetworkSettings()
    discovery: DiscoverySettings = DiscoverySettings()
    store: StoreSettings = StoreSettings()
    queue: QueueSettings = QueueSettings()
    shutdown: ShutdownSettings = ShutdownSettings()
    web: WebSettings = WebSettings()
    secrets: SecretSettings = SecretSettings()
    slack: SlackSettings = SlackSettings()
    lark: LarkSettings = LarkSettings()
    m365: M365Settings = M365Settings()
    access: AccessSettings = AccessSettings()
    limits: LimitSettings = LimitSettings()
    watch: WatchSettings = WatchSettings()
    log: LogSettings = LogSettings()

    @property
    def secret_entry(self) -> Literal["page", "modal", "off"]:
        """How a secret is taken: as configured, otherwise on a page where that is safe to reach."""
        if self.secrets.entry is not None:
            return self.secrets.entry
        parts = urlsplit(self.web.origin)
        safe = parts.scheme == "https" or parts.hostname in ("localhost", "127.0.0.1", "::1")
        return "page" if safe else "off"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic-settings' signature
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (
            init_settings,
            _PlainSource(settings_cls),
            _FileSource(settings_cls),
            YamlConfigSettingsSource(settings_cls, ROOT / "app.yaml"),
        )


def _names_a_file(key: str) -> bool:
    return key.startswith("migcheck_") and key.endswith("_file") and not key.endswith("network__ca_file")


class _PlainSource(EnvSettingsSource):
    """MIGCHECK_...: the value itself. What names a file is the next source's."""

    def _load_env_vars(self):  # type: ignore[no-untyped-def]  # noqa: ANN202 - pydantic-settings' signature
        return {key: value for key, value in super()._load_env_vars().items() if not _names_a_file(key.lower())}


class _FileSource(EnvSettingsSource):
    """MIGCHECK_..._FILE: the value is the named file's content. For tokens that a container gets as a file."""

    def _load_env_vars(self):  # type: ignore[no-untyped-def]  # noqa: ANN202 - pydantic-settings' signature
        found = {}
        for name, path in os.environ.items():
            key = name.lower()
            if _names_a_file(key):
                try:
                    found[key.removesuffix("_file")] = Path(path).read_text(encoding="utf-8").strip()
                except OSError as error:
                    raise SettingsError(f"{name}: {error.strerror}") from None
        return found


@cache
def load_settings() -> Settings:
    """The settings of this process. Raises SettingsError."""
    try:
        return Settings()
    except ValidationError as error:
        lines = [
            f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}"
            for e in error.errors(include_input=False, include_url=False)
        ]
        raise SettingsError("\n".join(lines)) from None
    except ValueError as error:
        raise SettingsError(str(error)) from None
