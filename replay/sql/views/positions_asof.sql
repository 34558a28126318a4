-- The position of record of every strategy in every instrument at a moment, from the changes in the
-- days that are read: positions_asof('2026-03-02 14:00:00+00').
CREATE MACRO positions_asof(moment) AS TABLE
SELECT
    account, strategy, venue, instrument, position_qty, avg_px, realized_pnl, _time AS since,
    correlation_id, _position
FROM position_changed
WHERE _time <= CAST(moment AS TIMESTAMPTZ)
QUALIFY row_number() OVER (
    PARTITION BY account, strategy, venue, instrument ORDER BY _offset DESC
) = 1
