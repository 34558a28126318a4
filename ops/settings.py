"""The settings of every command: environment over file over default.

An environment variable is `TAPE_` and the path of the setting joined by two underscores:
`TAPE_KAFKA__BOOTSTRAP_SERVERS`. The file is `tape.toml` in the working folder, else the one beside
the code; `TAPE_CONFIG` names another. A secret is given by reference (`env:NAME`, `file:PATH`) and
resolved only where a client is built, so that no printed or recorded setting holds one.
"""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from ops.desk_settings import Code, DeskSettings, Section
from ops.references import (
    REFERENCE,
    Option,
    SettingsError,
    dotted,
    key_reference,
    options_of,
    own_key,
    pem_reference,
    require_known,
    resolved,
)
from ops.setting_sources import Environment, File
from ops.wrong_settings import checked, refuse_misspelt
from replay.archive.options import S3Options
from schemas.secret import Secret

ROOT = Path(__file__).resolve().parent.parent

Instrument = Annotated[str, Field(pattern=r"^\S+\.[A-Z0-9_]+$")]
"""`BTCUSDT.BINANCE`: one without its venue would be waited for in vain."""
AtLeastOne = Annotated[int, Field(ge=1)]
PemReference = Annotated[str | None, AfterValidator(pem_reference)]
KeyReference = Annotated[str | None, AfterValidator(key_reference)]
Options = Annotated[dict[str, Option], AfterValidator(dotted)]


class KafkaSettings(Section):
    """The broker. `options` are librdkafka's, by their own names."""

    bootstrap_servers: str | None = None
    options: Options = Field(default_factory=dict)

    def client_options(self) -> dict[str, Option | Secret]:
        """The options with their secrets read. Raises `SettingsError` for a dangling reference, and
        for what librdkafka does not know.
        """
        require_known(tuple(self.options.items()))
        return options_of(self.options)


class RegistrySettings(Section):
    """The schema registry's Confluent-compatible API; `options` are its client's own."""

    url: str | None = None
    options: Options = Field(default_factory=dict)

    def client_options(self) -> dict[str, Option | Secret]:
        """The options with their secrets read. Raises `SettingsError` for a dangling reference."""
        return options_of(self.options)


class StackSettings(Section):
    """The local stack. A port given here is taken at its word; without one any free port serves."""

    kafka_port: int | None = Field(default=None, ge=1, le=65535)
    controller_port: int | None = Field(default=None, ge=1, le=65535)
    registry_port: int | None = Field(default=None, ge=1, le=65535)
    guarded_port: int = Field(default=0, ge=0, le=65535)  # where clients sign in; 0: nowhere
    lasting: bool = True  # for hours: compiled for speed, which a minute's run does not earn back
    maven_repository: str | None = None


class EpochSettings(Section):
    """Bounds of an epoch and of what lies between snapshots; the protocol records what it did."""

    records_max: int = Field(default=40_000, ge=1)
    bytes_max: int = Field(default=16_000_000, ge=1)
    snapshot_factor: int = Field(default=8, ge=1)
    snapshot_bytes_min: int = Field(default=32_000_000, ge=0)
    interval_min_s: float = Field(default=0.0, ge=0.0)


class DeadLetterSettings(Section):
    """At most `share` of `records` consecutive offsets of a partition may be refused."""

    share: Decimal = Field(default=Decimal("0.01"), ge=0, le=1)
    records: int = Field(default=10_000, ge=1)


class MarketSettings(Section):
    """The `market` pipeline; `..._of` name a venue. Part of its version: what it decides by."""

    frame_bytes_max: int = Field(default=1_000_000, ge=1)
    frame_bytes_max_of: dict[Code, AtLeastOne] = Field(
        default_factory=lambda: {"COINBASE": 15_000_000}
    )
    stale_ms: int = Field(default=10_000, ge=1)
    stale_ms_of: dict[Code, AtLeastOne] = Field(default_factory=dict)
    mark_interval_ms: int = Field(default=100, ge=1)
    dead_letters: DeadLetterSettings = DeadLetterSettings()


class SignalSettings(Section):
    """One signal: its name on the log, its code, the instruments it follows, its fields.

    With `execution` (fields of `pipelines.execution.settings.Execution`) it trades.
    """

    name: str = Field(pattern=r"^[a-zA-Z0-9_.-]+$")
    uses: str
    instruments: list[Instrument] = Field(default_factory=list)
    options: dict[str, Any] = Field(default_factory=dict)
    execution: dict[str, Any] = Field(default_factory=dict)


class StrategySettings(Section):
    """The `strategy` pipeline. Part of its version, as the signals' own code is."""

    dead_letters: DeadLetterSettings = DeadLetterSettings()
    signals: list[SignalSettings] = Field(
        default_factory=lambda: [
            SignalSettings(name=name, uses=name) for name in ("ema-cross", "book-imbalance")
        ]
    )


class RiskSettings(Section):
    """The `risk` pipeline. What it decides by are events on the log, not settings."""

    signing_key: PemReference = None  # env:NAME or file:PATH of a private key in PEM


class GatewaySettings(Section):
    """The gateway of one account. `key` and `risk_keys` by reference; a `key` may also lie in AWS
    Secrets Manager (`aws:NAME`) or in a file that age encrypted (`age:PATH`, with `age_identity`).
    """

    venue: str = "BINANCE"
    url: str = "http://127.0.0.1:8791"
    socket_url: str = "ws://127.0.0.1:8791/ws-api/v3"
    key: KeyReference = None
    caps: Path | None = None
    risk_keys: list[str] = Field(default_factory=list)  # public keys in PEM; default: risk's own
    recv_window_ms: int = Field(default=1_000, ge=100, le=2_000)
    requests_per_second: int = Field(default=20, ge=2)
    requests_for_cancels: int = Field(default=10, ge=1)
    dead_man_ms: int = Field(default=10_000, ge=0)  # 0: never armed

    @field_validator("dead_man_ms")
    @classmethod
    def _can_be_refreshed(cls, dead_man_ms: int) -> int:
        """A shorter one runs out between two requests: the venue would cancel all that is open."""
        if 0 < dead_man_ms < 1_000:
            raise ValueError(f"{dead_man_ms} ms is too short: 0 for none, or at least 1000")
        return dead_man_ms

    @model_validator(mode="after")
    def _orders_have_a_share(self) -> Self:
        if self.requests_for_cancels >= self.requests_per_second:
            kept, all_ = self.requests_for_cancels, self.requests_per_second
            raise ValueError(
                f"requests_for_cancels, {kept}, is not below requests_per_second, {all_}"
            )
        return self


class WatchSettings(Section):
    """`venue-watch`: the gateway's venue, seen with a key that can only read, by reference."""

    key: KeyReference = None
    every_s: float = Field(default=5.0, gt=0.0)


class ReconciliationSettings(Section):
    """The `reconciliation` pipeline: when a difference to the venue counts. Part of its version."""

    grace_ms: int = Field(default=2_000, ge=0)
    stale_ms: int = Field(default=15_000, ge=1)
    drift_bps: int = Field(default=100, ge=0)
    balance_drift_max: Decimal = Field(default=Decimal("0.01"), ge=0)


class ArchiveSettings(Section):
    """Where the archive lies: a folder, or `s3://bucket/prefix`; default: in the run folder.

    `signing_key`: a private key in PEM, by reference; closed days are signed with it. The rest is
    for S3: see `replay.archive.options`.
    """

    root: str | None = None
    signing_key: PemReference = None
    endpoint_url: str | None = Field(default=None, pattern=r"^https?://[^/@]+(/[^@]*)?$")
    encryption: Literal["AES256", "aws:kms"] | None = None
    kms_key: str | None = None
    cache: Path | None = None
    cache_bytes: int = Field(default=S3Options.cache_bytes, ge=1)
    attempts: int = Field(default=S3Options.attempts, ge=1)
    timeout_s: float = Field(default=S3Options.timeout_s, gt=0.0)


class MetricsSettings(Section):
    """`/metrics`, `/livez` and `/readyz` of a process on loopback; 0: none. Under a supervisor each
    process is given a port of its own.
    """

    port: int = Field(default=0, ge=0, le=65535)


class TracesSettings(Section):
    """Spans to an OTLP endpoint over HTTP (docs/traces.md); none where no endpoint is set.

    `endpoint` is its base, as `OTEL_EXPORTER_OTLP_ENDPOINT` is, which serves where this is not set.
    `share` of the traces that no order is in are kept.
    """

    endpoint: str | None = None
    share: float = Field(default=0.01, ge=0.0, le=1.0)
    queue_max: int = Field(default=10_000, ge=1)

    @field_validator("endpoint")
    @classmethod
    def _without_secrets(cls, endpoint: str | None) -> str | None:
        """What signs in goes by `OTEL_EXPORTER_OTLP_HEADERS`: an address is shown."""
        parts = urlsplit(endpoint or "http://none")
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise ValueError("an address of the form http://host:port, without a name to sign in")
        return endpoint


class MonitoringSettings(Section):
    """`tape up --monitoring`. Webhooks in Alertmanager's form, each by reference.

    `every_s` is bounded: the rules look at 5 minutes, and two samples of them show nothing.
    """

    every_s: int = Field(default=5, ge=1, le=60)
    page_url: str | None = None
    slack_url: str | None = None
    watchdog_url: str | None = None

    @field_validator("page_url", "slack_url", "watchdog_url")
    @classmethod
    def _by_reference(cls, url: str | None) -> str | None:
        if url is not None and not REFERENCE.fullmatch(url):
            raise ValueError("an address may carry a secret: env:NAME or file:PATH")
        return url

    def urls(self) -> tuple[Secret | None, ...]:
        """Those of PAGE, SLACK and the watchdog. Raises `SettingsError` for a dangling one."""
        named = {"page_url": self.page_url, "slack_url": self.slack_url}
        named["watchdog_url"] = self.watchdog_url
        return tuple(
            None if url is None else resolved(f"monitoring.{name}", url)
            for name, url in named.items()
        )


class Settings(BaseSettings):
    """Everything a command can be told without a flag."""

    model_config = SettingsConfigDict(
        env_prefix="TAPE_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    kafka: KafkaSettings = KafkaSettings()
    registry: RegistrySettings = RegistrySettings()
    stack: StackSettings = StackSettings()
    epochs: EpochSettings = EpochSettings()
    market: MarketSettings = MarketSettings()
    strategy: StrategySettings = StrategySettings()
    reconciliation: ReconciliationSettings = ReconciliationSettings()
    risk: RiskSettings = RiskSettings()
    gateway: GatewaySettings = GatewaySettings()
    watch: WatchSettings = WatchSettings()
    desk: DeskSettings = DeskSettings()
    archive: ArchiveSettings = ArchiveSettings()
    metrics: MetricsSettings = MetricsSettings()
    traces: TracesSettings = TracesSettings()
    monitoring: MonitoringSettings = MonitoringSettings()
    environment: str = Field(default="simulation", pattern=r"^[a-zA-Z0-9._-]+$")
    topic_prefix: str = Field(default="", pattern=r"^[a-zA-Z0-9._-]*$")
    topic_partitions_max: int | None = Field(default=None, ge=1)  # when topics are made
    run_dir: Path = ROOT / ".run"
    age_identity: Path | None = None  # path of an identity file: what is in it is the secret
    shards: int = Field(default=1, ge=1)
    shard: int | None = Field(default=None, ge=0)

    @field_validator("run_dir")
    @classmethod
    def _absolute(cls, run_dir: Path) -> Path:
        try:
            return run_dir.expanduser().absolute()
        except RuntimeError:
            raise ValueError(f"{run_dir}: there is no such home folder") from None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (
            init_settings,
            Environment(settings_cls),
            File(settings_cls, toml_file=config_file()),
        )

    def bootstrap_servers(self) -> str:
        """The broker's address: the setting, else what `tape up` recorded in the run folder. Raises
        `SettingsError`.
        """
        servers = self.kafka.bootstrap_servers or self._recorded(
            "bootstrap_servers", "TAPE_KAFKA__BOOTSTRAP_SERVERS"
        )
        for one in servers.split(","):
            try:
                _ = urlsplit(f"//{one.strip()}").port
            except ValueError:
                raise SettingsError(
                    f"kafka.bootstrap_servers: {one.strip()!r} is not like HOST:PORT"
                ) from None
        return servers

    def registry_url(self) -> str:
        """The registry's address: the setting, else what `tape up` recorded in the run folder."""
        return self.registry.url or self._recorded("registry_url", "TAPE_REGISTRY__URL")

    def kafka_options(self) -> dict[str, Option | Secret]:
        """What every Kafka client starts from: the address and the user's own options."""
        return {"bootstrap.servers": self.bootstrap_servers(), **self.kafka.client_options()}

    @property
    def archive_root(self) -> str:
        """Where the archive lies."""
        return self.archive.root or str(self.run_dir / "archive")

    def with_archive(self, root: str) -> Settings:
        """The same with another archive."""
        return self.model_copy(update={"archive": self.archive.model_copy(update={"root": root})})

    @property
    def own_archive_key(self) -> Path:
        """Where the key lies that the archive makes for itself where none is named."""
        return self.run_dir / "archive-signing-key.pem"

    def archive_pem(self) -> Secret:
        """The archive's private key. Raises `SettingsError` for a dangling reference."""
        reference = self.archive.signing_key or f"file:{self.own_archive_key}"
        return resolved("archive.signing_key", reference)

    @property
    def own_signing_key(self) -> Path:
        """Where the key lies that risk makes for itself where none is named."""
        return self.run_dir / "risk-signing-key.pem"

    def signing_pem(self) -> Secret:
        """Risk's private key. Raises `SettingsError` for a dangling reference."""
        reference = self.risk.signing_key or f"file:{self.own_signing_key}"
        return resolved("risk.signing_key", reference)

    @property
    def simulated_folder(self) -> Path:
        """Where the desk's own simulated venue keeps its keys and its state."""
        return self.run_dir / "venue"

    @property
    def own_trading_key(self) -> Path:
        """The desk's key at its own simulated venue."""
        return self.simulated_folder / "trading-key.json"

    @property
    def own_reading_key(self) -> Path:
        """The same, of a key that only reads."""
        return self.simulated_folder / "reading-key.json"

    def gateway_key(self) -> Secret:
        """The trading key's text: the one referred to, else the one for the desk's own simulated
        venue. Raises `SettingsError` for a missing or dangling reference.
        """
        reference = self.gateway.key or own_key(self.own_trading_key)
        if reference is None:
            raise SettingsError("no trading key: set TAPE_GATEWAY__KEY to a reference")
        return resolved("gateway.key", reference)

    def watch_key(self) -> Secret:
        """The watching key's text, found as the trading key's is. Raises `SettingsError`."""
        reference = self.watch.key or own_key(self.own_reading_key)
        if reference is None:
            raise SettingsError("no key to watch with: set TAPE_WATCH__KEY to a reference")
        return resolved("watch.key", reference)

    def risk_pems(self) -> list[bytes]:
        """Risk's public keys. Raises `SettingsError` for a dangling reference."""
        own = f"file:{self.own_signing_key}.pub"
        named = self.gateway.risk_keys or [own]
        return [
            resolved("gateway.risk_keys", one).reveal().encode()
            if REFERENCE.fullmatch(one)
            else one.encode()
            for one in named
        ]

    def _recorded(self, name: str, variable: str) -> str:
        try:
            value = json.loads((self.run_dir / "stack.json").read_text())[name]
        except (OSError, ValueError, KeyError):
            raise SettingsError(
                f"no stack runs in {self.run_dir}: start one with `tape up`, or set {variable}"
            ) from None
        return str(value)


def config_file() -> Path | None:
    """The settings file in force, or None. Raises `SettingsError` if `TAPE_CONFIG` names none."""
    named = os.environ.get("TAPE_CONFIG")
    if named:
        if not Path(named).is_file():
            raise SettingsError(f"TAPE_CONFIG names {named}, which is not a file")
        return Path(named)
    found = (folder / "tape.toml" for folder in (Path.cwd(), ROOT))
    return next((path for path in found if path.is_file()), None)


def load(**overrides: Any) -> Settings:
    """The effective settings; `overrides` (a command's flags) win over everything. Raises
    `SettingsError`, also for a variable that is meant to be a setting and is none.
    """
    found = checked(config_file(), lambda: Settings(**overrides))
    refuse_misspelt(Settings, config_file())
    return found


def load_file(file: Path, **overrides: Any) -> Settings:
    """The settings of one file and `overrides`, whatever the environment says."""

    class _Alone(Settings):
        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *sources: Any, **named: Any
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return named["init_settings"], File(settings_cls, toml_file=file)

    return checked(file, lambda: _Alone(**overrides))
