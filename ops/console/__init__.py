"""The console: what a desk does, in a browser, now or at a past minute. Served on loopback.

One fold of the log's events (`state`) makes one page document (`document`); live it follows the
log, for a past moment it is filled from the archive: one code, so both show the same.

The page document. Numbers are strings (exact decimals), times ISO-8601 UTC with milliseconds, all
of log time (the highest timestamp of its partition up to a record); lists are newest first unless
said, 50 at most unless said:

    at, live, instrument, instruments, interval_s (60 where none is asked for), intervals_s: all
    candles     time (epoch seconds), open, high, low, close, volume: oldest first, 300
    trades      time, price, quantity, side
    book        time, bids, asks: [price, quantity], 10 each; null before there is one. Of an
                instrument without depth: its best bid and ask
    signals     time, strategy, instrument, target, reason
    fills       time, instrument, side, price, quantity, cl_ord_id
    orders      cl_ord_id, time, strategy, instrument, side, type, quantity, price, state, filled,
                reason: 100, by the time of the first record
    positions   account, instrument, position, venue, drift_percent, state: what is held first
    limits      name, scope, used, limit, share, each_order: all of them, most used first. `used`
                and `share` are null of limits on each order, and where risk's state is not held
    denials     time, instrument, strategy, reason, detail
    feeds       venue, line, state, age_s, gaps
    breaks      time, kind, instrument, detail, state: OPEN first
    epochs      pipeline, shard, epoch, time, events, age_s: by pipeline
    replays     time, pipeline, verdict, epochs, detail
    trading     scope, state, since, reason: what is latched, else the desk, ACTIVE
    kill        latched, reason, since
    accounts    those with a gateway, positions or balances, by name: all of them

`WS /api/live?instrument=I&interval=S` sends {"type": "page", "page"} first; then, at most five
times a second, {"type": "change", "at", "sections": {name: its whole new value}} with what changed
alone, of `candles` only those that changed (merge by time); and {"type": "beat", "at"} each second,
as long as the log is read: who hears nothing for three seconds shows nothing that is true. A client
says {"type": "watch", "instrument": I, "interval_s": S} for another page message; another one also
comes where there was no market and now is. `GET /api/page`,
`/api/span`, `/api/orders/ID` and `POST /api/kill` are described in docs/console.md.
"""
