"""Every figure that Tape shows: docs/metrics.md is made from this list.

Base units, names as Prometheus wants them, labels of few values: an order's id is never one.
`process` and `shard` come with the scrape, as labels of the target.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import GCCollector, PlatformCollector, ProcessCollector

from connectors.metrics.kinds import DECLARED, REGISTRY, counter, histogram, table

# A commit takes 2 to 4 ms on one broker, 20 where it follows the last one; seconds are trouble.
SHORT_S: Final = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1, 2, 5)
# What an order waits for: a venue answers in 1 to 300 ms; a second is the bound that is alerted on.
ORDER_S: Final = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
# Between paying a fifth of a percent too much and as much too little; a tick is often 1e-6.
SLIPPAGE: Final = (
    -0.002,
    -0.001,
    -0.0005,
    -0.0002,
    -0.0001,
    0,
    0.0001,
    0.0002,
    0.0005,
    0.001,
    0.002,
)
RECORDS: Final = (0, 1, 10, 100, 1_000, 5_000, 10_000, 20_000)

EVERY, PIPELINES, MARKET = "every process", "pipelines", "market"
STRATEGY, RISK, RECONCILIATION = "strategy", "risk", "reconciliation"
GATEWAY, CONNECTOR, CLOCK = "gateway", "connector", "clock"
WATCH, DESK, CONSOLE = "venue-watch", "desk", "console"
ARCHIVE = "archive (`tape archive --follow`)"

BUILD_INFO = table(
    EVERY, "tape_build_info", "1; what runs: its code version.", "process", "version"
)
READY = table(EVERY, "tape_ready", "1 where the process may do its work, as `/readyz` says.")
LOG_LINES = counter(EVERY, "tape_log_lines_total", "Lines said, also those left out.", "level")
CONFIG_INFO = table(
    EVERY,
    "tape_config_info",
    "1; the environment, and a digest of the settings: the same where they are.",
    "environment",
    "topic_prefix",
    "settings",
)
GC_PAUSE = counter(
    EVERY,
    "tape_gc_pause_seconds_total",
    "Spent on garbage; nothing else runs.",
    "generation",
)
PROCESS_IO = table(
    EVERY, "tape_process_io_bytes", "Read from and written to disks by the process.", "direction"
)
PROCESS_THREADS = table(EVERY, "tape_process_threads", "Threads of the process.")
HOST_CPU = table(
    EVERY, "tape_host_cpu_seconds", "Of the machine's CPUs since it started, all added.", "mode"
)
HOST_MEMORY = table(EVERY, "tape_host_memory_bytes", "Of the machine.", "kind")
HOST_LOAD = table(EVERY, "tape_host_load", "Tasks that run or want to, mean of a minute.")
HOST_NETWORK = table(
    EVERY,
    "tape_host_network_bytes",
    "Received and sent since the machine started, without loopback.",
    "device",
    "direction",
)

SPANS_SENT = counter(EVERY, "tape_spans_sent_total", "Spans delivered to the OTLP endpoint.")
SPANS_DROPPED = counter(EVERY, "tape_spans_dropped_total", "Spans lost on the way there.", "reason")

EPOCHS = counter(PIPELINES, "tape_epochs_total", "Epochs committed.", "pipeline", "shard", "reason")
EPOCHS_VERIFIED = counter(
    PIPELINES, "tape_epochs_verified_total", "Recorded epochs re-run, equal.", "pipeline", "shard"
)
EPOCH_RECORDS = histogram(
    PIPELINES, "tape_epoch_records", "Input records of an epoch.", RECORDS, "pipeline", "shard"
)
EPOCH_SECONDS = histogram(
    PIPELINES,
    "tape_epoch_duration_seconds",
    "From handing an epoch out to its commit.",
    SHORT_S,
    "pipeline",
    "shard",
)
TRANSACTION_SECONDS = histogram(
    PIPELINES,
    "tape_transaction_duration_seconds",
    "From the begin of an epoch's transaction to its commit.",
    SHORT_S,
    "pipeline",
    "shard",
)
RECORDS_READ = counter(
    PIPELINES, "tape_records_read_total", "Input records committed.", "pipeline", "shard", "topic"
)
RECORDS_WRITTEN = counter(
    PIPELINES, "tape_records_written_total", "Outputs committed.", "pipeline", "shard", "topic"
)
CONSUMER_LAG = table(
    PIPELINES,
    "tape_consumer_lag_records",
    "Offsets of an input partition that wait.",
    "pipeline",
    "shard",
    "topic",
    "partition",
)
LOG_TIME = table(
    PIPELINES, "tape_log_time_seconds", "Log time reached, as UTC.", "pipeline", "shard"
)
SNAPSHOT_BYTES = table(
    PIPELINES, "tape_snapshot_bytes", "Size of the newest snapshot.", "pipeline", "shard"
)
DEAD_LETTERS = counter(
    PIPELINES, "tape_dead_letters_total", "Records refused.", "pipeline", "topic", "reason"
)

MARKET_DATA_AGE = table(
    MARKET,
    "trading_market_data_age_seconds",
    "Since the newest trade, quote or depth was received at our socket.",
    "instrument",
)
MARK_PRICE = table(MARKET, "trading_mark_price_quote", "Newest mark.", "instrument")
FEED_GAPS = counter(MARKET, "trading_feed_gaps_total", "Gaps in a sequence.", "venue", "line")
FEED_DIVERGENCES = counter(
    MARKET, "trading_feed_divergences_total", "Lines that disagree about one message.", "venue"
)
FEED_STALE = counter(MARKET, "trading_feed_stale_total", "Lines that fell silent.", "venue", "line")
FEED_FAILOVERS = counter(
    MARKET, "trading_feed_failovers_total", "Changes of the leading line.", "venue", "reason"
)

TARGETS = counter(
    STRATEGY, "trading_targets_total", "Wanted positions changed.", "strategy", "instrument"
)
TARGET = table(
    STRATEGY,
    "trading_target_quantity",
    "Wanted position in base units, since it last changed while this process ran.",
    "strategy",
    "instrument",
)
REQUESTS = counter(
    STRATEGY, "trading_order_requests_total", "Orders asked for.", "strategy", "instrument", "side"
)

APPROVALS = counter(
    RISK, "trading_order_approvals_total", "Orders approved.", "strategy", "instrument"
)
DENIALS = counter(RISK, "trading_order_denials_total", "Orders denied.", "strategy", "reason")
POSITION = table(
    RISK,
    "trading_position_quantity",
    "Position in base units.",
    "account",
    "strategy",
    "instrument",
)
EXPOSURE = table(
    RISK,
    "trading_exposure_quote",
    "Positions at their marks and open buys, in the limits' currency.",
    "account",
    "strategy",
)
PNL = table(
    RISK,
    "trading_profit_and_loss_quote",
    "Realised and unrealised, less fees, since 00:00 UTC.",
    "account",
    "strategy",
)
FEES_UNPRICED = table(
    RISK,
    "trading_fees_unpriced_quantity",
    "Fees in an asset without a mark, in its units: no profit, loss or loss limit has them yet.",
    "account",
    "strategy",
    "asset",
)
OPEN_ORDERS = table(
    RISK, "trading_open_orders", "Orders approved and not ended.", "account", "strategy"
)
LIMIT_USE = table(
    RISK,
    "trading_limit_use_ratio",
    "Share of a limit that is used; 1 is all of it.",
    "limit",
    "account",
    "strategy",
    "instrument",
)
LIMITS_VERSION = table(RISK, "trading_limits_version", "Version of the limits in force.")
TRADING_STATE = table(
    RISK,
    "trading_state",
    "1 for the state of a scope: ACTIVE, PAUSED, REDUCING, HALTED.",
    "account",
    "strategy",
    "instrument",
    "state",
)

BREAKS = table(
    RECONCILIATION, "trading_breaks_open", "Breaks between log and venue.", "account", "kind"
)
DRIFT = table(
    RECONCILIATION,
    "trading_position_drift_percent",
    "Difference between log and venue that no order in flight explains.",
    "account",
    "instrument",
)
SNAPSHOT_AGE = table(
    RECONCILIATION,
    "trading_venue_snapshot_age_seconds",
    "Since an account's balances were last received.",
    "account",
)

ORDERS_SENT = counter(
    GATEWAY, "trading_orders_total", "Orders sent to the venue.", "account", "instrument", "side"
)
ORDERS_ACCEPTED = counter(
    GATEWAY, "trading_orders_accepted_total", "Orders accepted.", "account", "instrument"
)
REJECTIONS = counter(
    GATEWAY, "trading_order_rejections_total", "Orders the venue refused.", "account", "reason"
)
EXPIRED = counter(
    GATEWAY,
    "trading_decisions_expired_total",
    "Approvals that were not sent.",
    "account",
    "reason",
)
UNKNOWNS = counter(
    GATEWAY, "trading_order_outcomes_unknown_total", "Outcomes in doubt.", "account", "action"
)
FILLS = counter(
    GATEWAY,
    "trading_fills_total",
    "Fills told by the venue.",
    "account",
    "instrument",
    "side",
    "liquidity",
)
FILL_PRICE = table(
    GATEWAY,
    "trading_fill_price_quote",
    "Price of the newest fill while this process ran.",
    "account",
    "instrument",
    "side",
)
FILL_SLIPPAGE = histogram(
    GATEWAY,
    "trading_fill_slippage_ratio",
    "How much worse a fill's price is than the mark that risk used, of that mark; below 0: better.",
    SLIPPAGE,
    "account",
    "instrument",
    "liquidity",
)
FILL_SECONDS = histogram(
    GATEWAY,
    "trading_fill_latency_seconds",
    "From an order's sending to a fill's arrival; takers do not wait for the market.",
    ORDER_S,
    "account",
    "liquidity",
)
ACCEPT_SECONDS = histogram(
    GATEWAY,
    "trading_accept_latency_seconds",
    "From an order's sending to its acceptance.",
    ORDER_S,
    "account",
)
TICK_TO_ORDER_SECONDS = histogram(
    GATEWAY,
    "trading_tick_to_order_seconds",
    "From the tick's arrival at our socket to the order's stamp.",
    ORDER_S,
    "account",
)
GATEWAY_READY = table(GATEWAY, "trading_gateway_ready", "1 where orders may be sent.", "account")
GATEWAY_CANCEL_ONLY = table(
    GATEWAY, "trading_gateway_cancel_only", "1 without the log: cancels alone.", "account"
)
GATEWAY_SILENT = table(
    GATEWAY,
    "trading_gateway_silent",
    "1 where risk or clock say nothing, and all is canceled.",
    "account",
    "reason",
)
PRIVATE_STREAM = table(
    GATEWAY, "trading_private_stream_up", "1 where the venue's private stream is open.", "account"
)
STREAM_ENDS = counter(
    GATEWAY,
    "trading_private_stream_ends_total",
    "Private streams that ended.",
    "account",
    "reason",
)
DEAD_MAN_AGE = table(
    GATEWAY,
    "trading_dead_man_age_seconds",
    "Since the venue's dead-man's switch was last refreshed, or first to be, at the most.",
    "account",
)
DEAD_MAN_COUNTDOWN = table(
    GATEWAY,
    "trading_dead_man_countdown_seconds",
    "After which time without a refresh the venue cancels; none where it has no such switch.",
    "account",
)
VENUE_ANSWERS = counter(
    GATEWAY,
    "trading_venue_requests_total",
    "Private requests by what came of them: a class of status, or FAILED.",
    "account",
    "outcome",
)
FLATTEN_PROBES = counter(
    GATEWAY,
    "trading_flatten_probes_total",
    "Whether the desk could flatten, asked once a minute: ANSWERED, or what stood against it.",
    "account",
    "outcome",
)
BREAKER_OPEN = table(
    GATEWAY,
    "trading_venue_breaker_open",
    "1 where an endpoint has failed too often and gets no request, or one to try.",
    "account",
    "endpoint",
)
RATE_USE = table(
    GATEWAY,
    "trading_venue_rate_limit_use_ratio",
    "Share of the venue's weight per minute that is used, as the venue says.",
    "account",
)

FEED_UP = table(
    CONNECTOR,
    "trading_feed_connection_up",
    "Live connections of a line.",
    "venue",
    "line",
)
FEED_AGE = table(
    CONNECTOR,
    "trading_feed_frame_age_seconds",
    "Since a line's newest frame, or since the line began.",
    "venue",
    "line",
)
FEED_FRAMES = table(
    CONNECTOR,
    "trading_feed_frames",
    "Frames of the connections that are up.",
    "venue",
    "line",
)
FEED_ENDS = counter(
    CONNECTOR,
    "trading_feed_reconnects_total",
    "Connections that ended and were opened again.",
    "venue",
    "line",
    "reason",
)
UNCONFIRMED = table(
    CONNECTOR, "tape_unconfirmed_records", "Records that the log has not confirmed yet."
)
UNCONFIRMED_AGE = table(
    CONNECTOR, "tape_unconfirmed_age_seconds", "Age of the oldest of them; 0 where none waits."
)

TICKS = table(CLOCK, "tape_clock_ticks", "Ticks made since the start.")
TICKS_SKIPPED = table(CLOCK, "tape_clock_ticks_skipped", "Ticks not made while the log is away.")

ROUNDS = table(WATCH, "tape_watch_rounds", "Rounds of questions answered.", "account")
WATCH_FAILURES = table(WATCH, "tape_watch_failures", "Questions unanswered in a row.", "account")

PROCESS_STATE = table(
    DESK, "tape_process_state", "1 for the state of a process.", "supervised", "state"
)
PROCESS_RESTARTS = table(
    DESK, "tape_process_restarts", "How often a process was started again.", "supervised"
)

CONSOLE_CLIENTS = table(CONSOLE, "tape_console_clients", "Browsers that follow the page.")
CONSOLE_MESSAGES = counter(CONSOLE, "tape_console_messages_total", "Messages sent to browsers.")
CONSOLE_CONFLATED = counter(
    CONSOLE,
    "tape_console_conflated_total",
    "Steps that a browser missed because it did not read in time.",
)
CONSOLE_RECORDS = counter(
    CONSOLE, "tape_console_records_total", "Records of the log that the console has read."
)

CANARY_VERDICT = table(
    DESK,
    "tape_canary_verdict",
    "Of the newest canary: 0 within the policy, 1 beyond it, 2 it could not run.",
    "pipeline",
)
CANARY_TIME = table(
    DESK, "tape_canary_timestamp_seconds", "When that canary ended, in Unix time.", "pipeline"
)
CANARY_DECISIONS = table(
    DESK, "tape_canary_decisions", "Decisions that the newest canary compared.", "pipeline"
)
CANARY_CHANGES = table(
    DESK,
    "tape_canary_changed_decisions",
    "Those in which the candidate differs, by kind.",
    "pipeline",
    "kind",
)
DISK_FREE = table(DESK, "tape_disk_free_bytes", "Room left on a folder's disk.", "folder")
DISK_SIZE = table(DESK, "tape_disk_size_bytes", "Size of a folder's disk.", "folder")

ARCHIVE_BEHIND = table(
    ARCHIVE,
    "tape_archive_behind_seconds",
    "Since the last round that left nothing began: all older than that is archived.",
)
ARCHIVE_LEFT = table(
    ARCHIVE, "tape_archive_left_records", "Offsets that the last round had to leave.", "topic"
)

FIGURES: Final = DECLARED

ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)
