-- What did risk deny, why, and under which limits?
SELECT strategy, instrument, reason, limits_version, count(*) AS denials, sum(order_qty) AS qty
FROM order_denied
GROUP BY ALL
ORDER BY denials DESC, strategy, instrument, reason
