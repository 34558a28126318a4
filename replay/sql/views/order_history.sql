-- Every event about every order. `stage`: 0 asked for, 1 decided, 2 of the gateway, 3 booked by
-- reconciliation; inside a stage an account's events stand in the order of `_offset`.
CREATE VIEW order_history AS
WITH told AS (
    SELECT 0 AS stage, * FROM "oms.order-request.v1"
    UNION ALL BY NAME SELECT 1 AS stage, * FROM "risk.decision.v1"
    UNION ALL BY NAME SELECT 2 AS stage, * FROM "oms.order-event.v1"
    UNION ALL BY NAME SELECT 3 AS stage, * FROM "recon.position.v1" WHERE _event = 'OrderFilled'
)
SELECT
    cl_ord_id, stage, _event AS event, _time, account, strategy, strategy_version, venue,
    instrument, parent_id, child, side, ord_type, time_in_force, post_only, price, order_qty,
    limits_version, reason, resolution, order_id, trade_id, last_px, last_qty, cum_qty, leaves_qty,
    correlation_id, causation_id, ts_recv_ns, ts_recv, _topic, _partition, _offset, _timestamp_ms,
    _position, _id
FROM told
WHERE cl_ord_id IS NOT NULL
