-- What risk answered, approvals and denials in one shape.
CREATE VIEW decisions AS
SELECT
    CASE _event
        WHEN 'OrderApproved' THEN 'APPROVED'
        WHEN 'OrderDenied' THEN 'DENIED'
        ELSE 'CANCEL_APPROVED'
    END AS decision,
    _time, account, strategy, strategy_version, venue, instrument, cl_ord_id, parent_id, parent_qty,
    child, side, ord_type, time_in_force, post_only, price, order_qty, reserved_notional, reason,
    facts, limits_version, mark_px, mark_ts_recv_ns, correlation_id, causation_id, ts_event_ns,
    ts_recv_ns, ts_recv, _topic, _partition, _offset, _timestamp_ms, _position, _id
FROM "risk.decision.v1"
WHERE _event IN ('OrderApproved', 'OrderDenied', 'CancelApproved')
