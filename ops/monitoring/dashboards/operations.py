"""The page of whoever is on call: may we trade, are we seeing, is anything piling up?"""

from __future__ import annotations

from typing import Final

from ops.monitoring.dashboards.parts import RATE, Row, panel
from ops.monitoring.objectives import OBJECTIVES, Objective

LINE: Final = "{{venue}} {{line}}"
SCOPE: Final = "{{account}}/{{strategy}}"


def quantile(share: str, histogram: str, by: str) -> str:
    return f"histogram_quantile({share}, sum by ({by}, le) (rate({histogram}_bucket[{RATE}])))"


def budget(one: Objective) -> tuple[str, str]:
    """The share of the month's budget that is left."""
    bad = f"avg_over_time(slo:{one.name}:bad_ratio5m[30d])"
    return f"clamp_min(1 - {bad} / {one.budget}, 0)", f"{one.name} {{{{{one.by}}}}}"


STATE: Final = Row(
    "May we trade?",
    (
        panel(
            "Gateway may send",
            "bool",
            ("trading_gateway_ready", "{{account}}"),
            kind="stat",
            good_from=1,
        ),
        panel(
            "Stands against it",
            "bool",
            ("trading_gateway_cancel_only", "cancel only {{account}}"),
            ("trading_gateway_silent", "{{reason}} {{account}}"),
            ("trading_venue_breaker_open", "breaker {{endpoint}}"),
            kind="stat",
            bad_from=1,
        ),
        panel(
            "Trading state, where not ACTIVE",
            "short",
            ('trading_state{state!="ACTIVE"} == 1', SCOPE + "/{{instrument}} {{state}}"),
            kind="stat",
            bad_from=1,
        ),
        panel(
            "Processes that do not run",
            "short",
            ('tape_process_state{state!="RUNNING"} == 1', "{{supervised}} {{state}}"),
            ('up{job="tape"} == 0', "unseen {{process}}"),
            kind="stat",
            bad_from=1,
        ),
        panel(
            "Breaks open",
            "short",
            ("sum by (kind) (trading_breaks_open) > 0", "{{kind}}"),
            kind="stat",
            bad_from=1,
        ),
    ),
)
RISK: Final = Row(
    "How much is at risk?",
    (
        panel("Exposure", "short", ("trading_exposure_quote", SCOPE)),
        panel("Profit and loss since midnight", "short", ("trading_profit_and_loss_quote", SCOPE)),
        panel(
            "Use of limits",
            "percentunit",
            ("max by (limit, account, strategy) (trading_limit_use_ratio)", "{{limit}} " + SCOPE),
            kind="bars",
            bad_from=0.8,
        ),
        panel(
            "Drift against the venue",
            "percent",
            ("trading_position_drift_percent", "{{account}} {{instrument}}"),
            bad_from=1,
        ),
    ),
)
FEEDS: Final = Row(
    "Are we seeing?",
    (
        panel("Age of a line's newest frame", "s", ("trading_feed_frame_age_seconds", LINE)),
        panel("Age of market data", "s", ("trading_market_data_age_seconds", "{{instrument}}")),
        panel(
            "Connections up",
            "short",
            ("trading_feed_connection_up", LINE),
            ("trading_private_stream_up", "private {{account}}"),
        ),
        panel(
            "Faults of feeds",
            "short",
            (f"rate(trading_feed_gaps_total[{RATE}])", "gap " + LINE),
            (f"rate(trading_feed_divergences_total[{RATE}])", "divergence {{venue}}"),
            (f"rate(trading_feed_stale_total[{RATE}])", "silent " + LINE),
            (f"rate(trading_feed_failovers_total[{RATE}])", "failover {{venue}} {{reason}}"),
        ),
    ),
)
ORDERS: Final = Row(
    "Do orders get through?",
    (
        panel(
            "From sending to fill, takers",
            "s",
            (quantile("0.99", "trading_fill_latency_seconds", "account"), "99 % {{account}}"),
            (quantile("0.5", "trading_fill_latency_seconds", "account"), "50 % {{account}}"),
            (quantile("0.99", "trading_tick_to_order_seconds", "account"), "tick to order, 99 %"),
            bad_from=1,
        ),
        panel(
            "Orders and fills",
            "ops",
            (f"sum by (account) (rate(trading_orders_total[{RATE}]))", "orders {{account}}"),
            (f"sum by (account) (rate(trading_fills_total[{RATE}]))", "fills {{account}}"),
        ),
        panel(
            "Refused",
            "ops",
            (f"sum by (reason) (rate(trading_order_denials_total[{RATE}]))", "risk {{reason}}"),
            (f"sum by (reason) (rate(trading_order_rejections_total[{RATE}]))", "venue {{reason}}"),
            (f"sum by (reason) (rate(trading_decisions_expired_total[{RATE}]))", "old {{reason}}"),
            (f"sum by (action) (rate(trading_order_outcomes_unknown_total[{RATE}]))", "in doubt"),
        ),
        panel(
            "Venue's limit used",
            "percentunit",
            ("trading_venue_rate_limit_use_ratio", "{{account}}"),
            bad_from=0.7,
        ),
    ),
)
PIPELINES: Final = Row(
    "Is anything piling up?",
    (
        panel(
            "Lag",
            "short",
            ("sum by (pipeline, shard) (tape_consumer_lag_records)", "{{pipeline}}-{{shard}}"),
        ),
        panel(
            "Epochs, 99 %",
            "s",
            (quantile("0.99", "tape_epoch_duration_seconds", "pipeline"), "{{pipeline}}"),
            (
                quantile("0.99", "tape_transaction_duration_seconds", "pipeline"),
                "transaction {{pipeline}}",
            ),
        ),
        panel(
            "Dead letters",
            "ops",
            (
                f"sum by (topic, reason) (rate(tape_dead_letters_total[{RATE}]))",
                "{{topic}} {{reason}}",
            ),
        ),
        panel(
            "Lines of log",
            "ops",
            (
                f'sum by (level) (rate(tape_log_lines_total{{level!~"INFO|DEBUG"}}[{RATE}]))',
                "{{level}}",
            ),
        ),
    ),
)
PROMISES: Final = Row(
    "What is left of the promises?",
    (
        panel(
            "Budget of 30 days that is left",
            "percentunit",
            *map(budget, OBJECTIVES),
            kind="bars",
            good_from=0.2,
        ),
        panel(
            "Archive behind",
            "s",
            ("tape_archive_behind_seconds", "{{process}}"),
            kind="stat",
            bad_from=900,
        ),
        panel(
            "Disk left",
            "percentunit",
            ("tape_disk_free_bytes / tape_disk_size_bytes", "{{folder}}"),
            kind="bars",
            good_from=0.1,
        ),
        panel("Memory", "bytes", ("process_resident_memory_bytes", "{{process}}")),
        panel(
            "Processor", "percentunit", (f"rate(process_cpu_seconds_total[{RATE}])", "{{process}}")
        ),
    ),
)
ROWS: Final = (STATE, RISK, FEEDS, ORDERS, PIPELINES, PROMISES)
