-- Every fill once: reconciliation may book one that the stream tells after all. Quantities are base
-- units, `notional` is exact in the quote currency.
CREATE VIEW fills AS
SELECT
    _time, account, strategy, venue, instrument, cl_ord_id, order_id, trade_id, side, last_px,
    last_qty, CASE side WHEN 'SELL' THEN -last_qty ELSE last_qty END AS signed_qty,
    last_px * last_qty AS notional, cum_qty, leaves_qty, commission, comm_currency,
    last_liquidity, reconciled, correlation_id, causation_id, ts_event_ns, ts_event, ts_recv_ns,
    ts_recv, _topic, _partition, _offset, _timestamp_ms, _position
FROM order_filled
QUALIFY row_number() OVER (
    PARTITION BY venue, account, instrument, order_id, trade_id ORDER BY _topic, _partition, _offset
) = 1
