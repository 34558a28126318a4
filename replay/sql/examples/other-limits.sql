-- Which denials by position, notional or as a duplicate would the newest limits not have made?
-- (Of any version: denials_under(7). No other reason is judged, each by the facts that it told;
-- `tape replay risk --limits FILE` decides every request again instead.)
SELECT *
FROM denials_under((SELECT max(limits_version) FROM limits_changed))
ORDER BY _time, cl_ord_id
