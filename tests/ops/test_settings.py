"""Settings: environment over file over default, addresses of the local stack, masked secrets."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from ops import settings
from ops.masking import masked
from ops.references import SettingsError
from ops.supervisor.outage import needed
from schemas.errors import TapeError
from schemas.secret import MASK, Secret


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty settings file that is in force."""
    path = tmp_path / "tape.toml"
    path.touch()
    monkeypatch.setenv("TAPE_CONFIG", str(path))
    return path


def test_defaults_hold_without_file_and_environment(config: Path) -> None:
    loaded = settings.load()
    assert (loaded.topic_prefix, loaded.shards, loaded.kafka.options) == ("", 1, {})


def test_environment_wins_over_file_and_a_flag_over_both(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text('topic_prefix = "file."\nshards = 2\n[registry]\nurl = "http://file"\n')
    monkeypatch.setenv("TAPE_TOPIC_PREFIX", "env.")
    monkeypatch.setenv("TAPE_SHARDS", "3")
    loaded = settings.load(shards=4)
    assert (loaded.topic_prefix, loaded.shards) == ("env.", 4)
    assert loaded.registry_url() == "http://file"


def test_no_number_is_rounded(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A float would keep 17 digits of these, quantities have up to 28."""
    amount = "100000000.1234567891"
    config.write_text(
        f'[[strategy.signals]]\nname = "a"\nuses = "book-imbalance"\noptions.size = {amount}\n'
        f"[desk.balances]\nUSDT = {amount}\n"
    )
    found = settings.load()
    assert found.strategy.signals[0].options["size"] == Decimal(amount)
    assert found.desk.balances == {"USDT": Decimal(amount)}
    config.write_text("")
    listed = f'[{{"name": "a", "uses": "book-imbalance", "options": {{"size": {amount}}}}}]'
    monkeypatch.setenv("TAPE_STRATEGY__SIGNALS", listed)
    monkeypatch.setenv("TAPE_DESK__BALANCES", f'{{"USDT": {amount}}}')
    monkeypatch.setenv("TAPE_DESK__BALANCES__BTC", amount)
    found = settings.load()
    assert found.strategy.signals[0].options["size"] == Decimal(amount)
    assert found.desk.balances == {"USDT": Decimal(amount), "BTC": Decimal(amount)}


def test_venues_and_assets_in_names_of_variables(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text("[market.stale_ms_of]\nCOINBASE = 1\nBINANCE = 2\n")
    monkeypatch.setenv("TAPE_MARKET__STALE_MS_OF__COINBASE", "3")
    monkeypatch.setenv("TAPE_DESK__BALANCES__BTC", "4")
    found = settings.load()
    assert found.market.stale_ms_of == {"COINBASE": 3, "BINANCE": 2}
    assert found.desk.balances == {"BTC": 4}


def test_a_section_is_merged_from_file_and_environment(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text('[kafka]\nbootstrap_servers = "file:1"\n[kafka.options]\n"linger.ms" = 7\n')
    monkeypatch.setenv("TAPE_KAFKA__BOOTSTRAP_SERVERS", "env:1")
    monkeypatch.setenv("TAPE_KAFKA__OPTIONS__SASL_MECHANISM", "PLAIN")
    assert settings.load().kafka_options() == {
        "bootstrap.servers": "env:1",
        "linger.ms": 7,
        "sasl.mechanism": "PLAIN",
    }


def test_a_registry_s_options_may_come_from_the_environment(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAPE_REGISTRY__OPTIONS__BASIC_AUTH_USER_INFO", "me:literal")
    loaded = settings.load()
    assert loaded.registry.client_options() == {"basic.auth.user.info": Secret("me:literal")}
    assert "literal" not in json.dumps(masked(loaded))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        pytest.param("shards = 0", "shards", id="out of range"),
        pytest.param('shards = "many"', "shards", id="wrong type"),
        pytest.param("shrads = 2", "shrads", id="misspelt"),
        pytest.param("[kafka]\nservers = 'a'", "kafka.servers", id="misspelt in a section"),
        pytest.param("shards = ", "tape.toml", id="not TOML"),
        pytest.param("[watch]\nevery_s = inf", "watch.every_s", id="never"),
        pytest.param(
            "[gateway]\nrequests_per_second = 5", "gateway: requests_for_cancels, 10,", id="budget"
        ),
        pytest.param(
            '[[strategy.signals]]\nname = "a"\nuses = "b"\ninstruments = ["BTCUSDT"]',
            "strategy.signals.0.instruments.0",
            id="an instrument without its venue",
        ),
        pytest.param("[gateway]\nkey = 'literal'", "gateway.key", id="key"),
        pytest.param("[gateway]\ndead_man_ms = 10", "gateway.dead_man_ms", id="seconds"),
        pytest.param("[monitoring]\nevery_s = 300", "monitoring.every_s", id="too seldom"),
        pytest.param("[risk]\nsigning_key = 'literal'", "risk.signing_key", id="private key"),
        pytest.param("topic_prefix = 'a b'", "topic_prefix", id="not a topic's name"),
    ],
)
def test_a_wrong_file_is_one_line_that_names_the_setting(
    config: Path, text: str, named: str
) -> None:
    config.write_text(text)
    with pytest.raises(SettingsError) as caught:
        settings.load()
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_misspelt_setting_is_told_in_plain_words(config: Path) -> None:
    config.write_text("shrads = 2")
    with pytest.raises(SettingsError, match=r"^setting shrads: there is no such setting$"):
        settings.load()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("TAPE_KAFKA_BOOTSTRAP_SERVERS", "TAPE_KAFKA__BOOTSTRAP_SERVERS is"),
        ("TAPE_KAFAK__BOOTSTRAP_SERVERS", "TAPE_KAFKA__BOOTSTRAP_SERVERS is"),
        ("TAPE_GATEWAY_URL", "TAPE_GATEWAY__URL is"),
        ("TAPE_MARKET_DEAD_LETTERS_SHARE", "TAPE_MARKET__DEAD_LETTERS__SHARE is"),
        ("TAPE_RUNDIR", "TAPE_RUN_DIR is"),
        ("TAPE_METRICS_PORT", "TAPE_METRICS__PORT is"),
        ("TAPE_QUEUE__SIZE", "there is no such section"),
    ],
)
def test_a_misspelt_variable_is_told(
    config: Path, monkeypatch: pytest.MonkeyPatch, name: str, says: str
) -> None:
    monkeypatch.setenv(name, "9092")
    with pytest.raises(SettingsError, match=f"^{name} in the environment is no setting: {says}$"):
        settings.load()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TAPE_KAFKA_PORT", "tcp://10.0.0.7:9092"),
        ("TAPE_METRICS_PORT", "tcp://10.0.0.7:9090"),
        ("TAPE_METRICS_PORT_9090_TCP_ADDR", "10.0.0.7"),
        ("TAPE_REGISTRY_SERVICE_HOST", "10.0.0.7"),
        ("TAPE_MARKET_SERVICE_PORT_METRICS", "9090"),
        ("TAPE_LOG_LEVEL", "DEBUG"),
        ("TAPE_LIBRARY", "of somebody else"),
    ],
)
def test_what_kubernetes_and_others_set_is_let_be(
    config: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    settings.load()


def test_a_variable_that_a_setting_refers_to_may_look_like_one(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAPE_GATEWAY_KEY", "a secret")
    with pytest.raises(SettingsError, match="TAPE_GATEWAY__KEY is"):
        settings.load()
    config.write_text('[gateway]\nkey = "env:TAPE_GATEWAY_KEY"\n')
    assert settings.load().gateway.key == "env:TAPE_GATEWAY_KEY"
    config.write_text("")
    monkeypatch.setenv("TAPE_GATEWAY__KEY", "env:TAPE_GATEWAY_KEY")
    assert settings.load().gateway.key == "env:TAPE_GATEWAY_KEY"


def test_a_file_that_is_no_text_is_not_toml(config: Path) -> None:
    config.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match=r"tape\.toml is not TOML"):
        settings.load()
    with pytest.raises(SettingsError, match=r"tape\.toml is not TOML"):
        settings.load_file(config)


def test_a_wrong_list_in_the_environment_is_named_and_not_shown(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAPE_DESK__FEEDS", "not to be seen")
    with pytest.raises(SettingsError, match=r"^setting desk: the environment's value is not JSON$"):
        settings.load()


@pytest.mark.parametrize(
    ("feed", "says"),
    [
        pytest.param(
            'venue = "BYNANCE"\nsymbols = ["BTCUSDT"]',
            "unknown venue 'BYNANCE': one of BINANCE, BINANCE_USDM, COINBASE",
            id="misspelt venue",
        ),
        pytest.param('venue = "HITBTC"\nsymbols = ["BTCUSD"]', "no protocol", id="only a parser"),
        pytest.param(
            'venue = "COINBASE"\nsymbols = ["BTCUSD"]', "such as BTC-USD", id="another's symbol"
        ),
        pytest.param(
            'venue = "BINANCE"\nsymbols = ["BTCUSDT"]\nurl = "host:1"',
            "'host:1' is not an address of the form ws://HOST:PORT",
            id="no WebSocket",
        ),
    ],
)
def test_a_feed_that_cannot_be_subscribed_is_named(config: Path, feed: str, says: str) -> None:
    config.write_text(f"[[desk.feeds]]\n{feed}\n")
    with pytest.raises(SettingsError, match=rf"^setting desk\.feeds\.0: .*{says}"):
        settings.load()


FEED = '[[desk.feeds]]\nvenue = "BINANCE"\nsymbols = ["BTCUSDT"]\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param(FEED + FEED, r"desk: feeds has line A of BINANCE twice", id="a venue twice"),
        pytest.param(FEED + 'lines = ["a", "A"]', r"desk: feeds has line A of BINANCE", id="line"),
        pytest.param(FEED + 'lines = ["../a"]', r"desk\.feeds\.0\.lines\.0: ", id="no name"),
    ],
)
def test_a_line_of_a_venue_is_one_process(config: Path, text: str, says: str) -> None:
    """Of two with one name only the second would run."""
    config.write_text(text)
    with pytest.raises(SettingsError, match=rf"^setting {says}"):
        settings.load()


@pytest.mark.parametrize(
    ("option", "says"),
    [
        pytest.param('nope = "1"', 'No such configuration property: "nope"', id="unknown"),
        pytest.param('acks = "many"', "Invalid value", id="wrong value"),
    ],
)
def test_an_option_that_librdkafka_refuses_is_a_wrong_setting(
    config: Path, option: str, says: str
) -> None:
    config.write_text(f"[kafka.options]\n{option}\n")
    with pytest.raises(SettingsError, match=says):
        settings.load().kafka.client_options()


def test_a_named_file_that_is_not_there_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TAPE_CONFIG", str(tmp_path / "absent.toml"))
    with pytest.raises(SettingsError, match=r"absent\.toml"):
        settings.load()


def test_a_file_in_the_working_folder_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("TAPE_CONFIG")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tape.toml").write_text("shards = 5")
    assert settings.load().shards == 5


def test_a_run_folder_of_nobody(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAPE_RUN_DIR", "~nobody-of-that-name/run")
    with pytest.raises(SettingsError, match=r"^setting run_dir: ~nobody-of-that-name/run: "):
        settings.load()


@pytest.mark.parametrize("wrong", ["http://[::1", "http://h:b", "http://h:99999"])
def test_an_address_of_a_registry_that_is_none(
    config: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    monkeypatch.setenv("TAPE_KAFKA__BOOTSTRAP_SERVERS", "localhost:9092")
    monkeypatch.setenv("TAPE_REGISTRY__URL", wrong)
    with pytest.raises(TapeError, match="is not a registry's address like"):
        needed(settings.load())


@pytest.mark.parametrize("wrong", ["[::1", "a:b", "h:99999"])
def test_an_address_of_a_broker_that_is_none(
    config: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    monkeypatch.setenv("TAPE_KAFKA__BOOTSTRAP_SERVERS", f"localhost:9092, {wrong}")
    with pytest.raises(SettingsError, match="is not like HOST:PORT") as refused:
        settings.load().bootstrap_servers()
    assert repr(wrong) in str(refused.value)


def test_addresses_are_those_that_up_recorded(tmp_path: Path) -> None:
    loaded = settings.load(run_dir=tmp_path)
    with pytest.raises(SettingsError, match="tape up"):
        loaded.bootstrap_servers()
    record = {"bootstrap_servers": "127.0.0.1:1", "registry_url": "http://127.0.0.1:2"}
    (tmp_path / "stack.json").write_text(json.dumps(record))
    assert loaded.bootstrap_servers() == "127.0.0.1:1"
    assert loaded.registry_url() == "http://127.0.0.1:2"


def test_secrets_are_read_by_reference_and_masked_when_given_literally(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("from a file\n")
    monkeypatch.setenv("BROKER_LOGIN", "from the environment")
    config.write_text(
        f"""
        [kafka.options]
        "sasl.password" = "file:{tmp_path}/secret"
        "sasl.username" = "env:BROKER_LOGIN"
        "ssl.key.password" = "literal"
        [registry]
        url = "http://me:literal@registry:1/"
        [stack]
        maven_repository = "https://me:literal@host/maven2"
        [[desk.feeds]]
        venue = "BINANCE"
        symbols = ["BTCUSDT"]
        url = "ws://me:literal@host:1"
        """
    )
    loaded = settings.load()
    assert loaded.kafka.client_options()["sasl.password"] == Secret("from a file")
    assert loaded.kafka.client_options()["sasl.username"] == Secret("from the environment")
    printed = json.dumps(masked(loaded))
    assert "literal" not in printed
    assert MASK in printed
    assert f"file:{tmp_path}/secret" in printed


@pytest.mark.parametrize("reference", ["env:TAPE_NOT_SET", "file:/absent/secret"])
def test_a_dangling_reference_names_the_option(config: Path, reference: str) -> None:
    config.write_text(f'[kafka.options]\n"sasl.password" = "{reference}"')
    with pytest.raises(SettingsError, match=r"sasl\.password"):
        settings.load().kafka.client_options()


def test_a_file_that_is_no_text_names_the_option(config: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("canary", "utf-16")
    config.write_text(f'[kafka.options]\n"sasl.password" = "file:{tmp_path}/secret"')
    with pytest.raises(SettingsError, match=r"sasl\.password .*: it is no text") as refused:
        settings.load().kafka.client_options()
    assert "canary" not in str(refused.value)
