-- Open, high, low, close of an instrument's trades by log time, in UTC multiples of a width since
-- 1970, months and years those of the calendar: bars('BTCUSDT.BINANCE', '1 minute'). Without a time
-- zone until the end, so a client's does not matter. All trades of an instrument lie in one
-- partition, so offsets order them.
CREATE MACRO bars(traded, width) AS TABLE
SELECT
    make_timestamptz(epoch_us(bar)) AS bar,
    open_px, high_px, low_px, close_px, volume_qty, notional, trades
FROM (
    SELECT
        time_bucket(
            CAST(width AS INTERVAL), make_timestamp(_timestamp_ms * 1000), TIMESTAMP '1970-01-01'
        ) AS bar,
        arg_min(last_px, _offset) AS open_px, max(last_px) AS high_px, min(last_px) AS low_px,
        arg_max(last_px, _offset) AS close_px, sum(last_qty) AS volume_qty,
        sum(last_px * last_qty) AS notional, count(*) AS trades
    FROM trade_printed
    WHERE instrument = traded
    GROUP BY 1
)
ORDER BY bar
