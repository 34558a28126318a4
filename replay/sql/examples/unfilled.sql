-- Which orders ended without a fill, and why?
SELECT strategy, instrument, state, reason, count(*) AS orders, sum(order_qty) AS qty
FROM orders
WHERE filled_qty = 0
  AND state IN ('DENIED', 'DROPPED', 'REJECTED', 'ABSENT', 'CANCELED', 'EXPIRED')
GROUP BY ALL
ORDER BY orders DESC, strategy, instrument, state, reason
