-- Open, high, low, close of an instrument's trades by log time, in UTC multiples of a width:
-- bars('BTCUSDT.BINANCE', '1 minute'). All trades of an instrument lie in one partition, so offsets
-- order them.
CREATE MACRO bars(traded, width) AS TABLE
SELECT
    make_timestamptz(bar * epoch_ms(CAST(width AS INTERVAL)) * 1000) AS bar,
    open_px, high_px, low_px, close_px, volume_qty, notional, trades
FROM (
    SELECT
        _timestamp_ms // epoch_ms(CAST(width AS INTERVAL)) AS bar,
        arg_min(last_px, _offset) AS open_px, max(last_px) AS high_px, min(last_px) AS low_px,
        arg_max(last_px, _offset) AS close_px, sum(last_qty) AS volume_qty,
        sum(last_px * last_qty) AS notional, count(*) AS trades
    FROM trade_printed
    WHERE instrument = traded
    GROUP BY 1
)
ORDER BY bar
