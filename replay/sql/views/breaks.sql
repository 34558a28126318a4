-- Every difference between log and venue, and how it ended; `cleared` is null while it is open.
CREATE VIEW breaks AS
SELECT
    f.account, f.venue, f.break_id, f.kind, f.instrument, f.asset, f.cl_ord_id, f.order_id,
    f.trade_id, f.log_qty, f.venue_qty, f.detail, f._time AS found, c._time AS cleared,
    c._time IS NULL AS open, c.person AS cleared_by, c.reason AS cleared_reason, f._position,
    c._position AS cleared_position
FROM break_found f
ASOF LEFT JOIN break_cleared c
    ON f.account = c.account AND f.break_id = c.break_id AND f._offset <= c._offset
