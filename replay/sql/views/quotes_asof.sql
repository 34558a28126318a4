-- The newest quote of every instrument at a moment of log time.
CREATE MACRO quotes_asof(moment) AS TABLE
SELECT venue, instrument, bid_px, bid_qty, ask_px, ask_qty, _time AS since, ts_recv_ns, _position
FROM quote_changed
WHERE _time <= CAST(moment AS TIMESTAMPTZ)
QUALIFY row_number() OVER (PARTITION BY instrument ORDER BY _offset DESC) = 1
