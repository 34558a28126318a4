-- Every fill with the newest quote that had reached us before it. One frame may change a quote
-- twice: of the same time, the later offset is the newer.
CREATE VIEW asof_quotes AS
WITH quotes AS (
    SELECT
        instrument, CAST(ts_recv_ns AS HUGEINT) * 1099511627776 + _offset AS sequence, bid_px,
        bid_qty, ask_px, ask_qty, ts_recv_ns, _position
    FROM quote_changed
)
SELECT
    f.*, q.bid_px, q.bid_qty, q.ask_px, q.ask_qty, q.ts_recv_ns AS quote_ts_recv_ns,
    f.ts_recv_ns - q.ts_recv_ns AS quote_age_ns, q._position AS quote_position
FROM fills f
ASOF LEFT JOIN quotes q
    ON f.instrument = q.instrument
    AND (CAST(f.ts_recv_ns AS HUGEINT) + 1) * 1099511627776 > q.sequence
