-- What did fills cost against the mark at decision time, by hour and instrument?
-- `slippage` is money, exact, above zero where we paid; bps are a ratio, so a DOUBLE.
SELECT
    date_trunc('hour', f._time) AS hour, f.instrument, count(*) AS fills,
    sum(f.notional) AS notional, sum((f.last_px - d.mark_px) * f.signed_qty) AS slippage,
    round(10000 * sum((f.last_px - d.mark_px) * f.signed_qty) / sum(f.notional), 3) AS slippage_bps
FROM fills f
JOIN order_approved d ON f.account = d.account AND f.cl_ord_id = d.cl_ord_id
GROUP BY ALL
ORDER BY hour, f.instrument
