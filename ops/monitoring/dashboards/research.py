"""The page of whoever writes signals: what did they want, what did they get, at which price?"""

from __future__ import annotations

from typing import Final

from ops.monitoring.dashboards.parts import RATE, Row, panel

INSTRUMENT: Final = "{{strategy}} {{instrument}}"

SIGNALS: Final = Row(
    "What was wanted?",
    (
        panel(
            "Wanted and held",
            "short",
            ("trading_target_quantity", "wanted " + INSTRUMENT),
            (
                "sum by (strategy, instrument) (trading_position_quantity)",
                "held " + INSTRUMENT,
            ),
        ),
        panel(
            "Changes of mind",
            "ops",
            (
                f"sum by (strategy, instrument) (rate(trading_targets_total[{RATE}]))",
                INSTRUMENT,
            ),
        ),
        panel(
            "Asked for and denied",
            "ops",
            (
                f"sum by (strategy) (rate(trading_order_requests_total[{RATE}]))",
                "asked {{strategy}}",
            ),
            (
                f"sum by (strategy, reason) (rate(trading_order_denials_total[{RATE}]))",
                "{{reason}} {{strategy}}",
            ),
        ),
    ),
)
PRICES: Final = Row(
    "What did it get?",
    (
        panel(
            "Fills on price",
            "short",
            ("trading_mark_price_quote", "mark {{instrument}}"),
            (
                "trading_fill_price_quote and on (account, instrument, side) "
                f"sum by (account, instrument, side) (increase(trading_fills_total[{RATE}])) > 0",
                "{{side}} {{instrument}}",
            ),
            kind="events",
        ),
        panel(
            "Fills",
            "ops",
            (
                f"sum by (instrument, side, liquidity) (rate(trading_fills_total[{RATE}]))",
                "{{side}} {{instrument}} {{liquidity}}",
            ),
        ),
    ),
)
SLIPPAGE: Final = Row(
    "What did it cost?",
    (
        panel(
            "Slippage against the mark, half and worst twentieth",
            "percentunit",
            *(
                (
                    f"histogram_quantile({share}, sum by (instrument, liquidity, le) "
                    "(increase(trading_fill_slippage_ratio_bucket[30m])))",
                    f"{name} {{{{instrument}}}} {{{{liquidity}}}}",
                )
                for share, name in (("0.5", "50 %"), ("0.95", "95 %"))
            ),
        ),
        panel(
            "Profit and loss since midnight",
            "short",
            ("trading_profit_and_loss_quote", "{{account}}/{{strategy}}"),
        ),
    ),
)
CANARY: Final = Row(
    "What would another version do?",
    (
        panel(
            "Verdict of the newest canary",
            "short",
            ("tape_canary_verdict", "{{pipeline}}"),
            kind="stat",
            bad_from=1,
        ),
        panel(
            "Decisions that the newest canary changed",
            "short",
            ("tape_canary_changed_decisions", "{{pipeline}} {{kind}}"),
            kind="stat",
            bad_from=1,
        ),
        panel(
            "Share of decisions changed",
            "percentunit",
            (
                "sum by (pipeline) (tape_canary_changed_decisions)"
                " / sum by (pipeline) (tape_canary_decisions)",
                "{{pipeline}}",
            ),
            kind="bars",
            bad_from=0.01,
        ),
        panel(
            "Versions that run",
            "short",
            ("tape_build_info", "{{process}} {{version}}"),
            kind="stat",
        ),
    ),
)
ROWS: Final = (SIGNALS, PRICES, SLIPPAGE, CANARY)
