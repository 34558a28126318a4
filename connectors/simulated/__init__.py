"""A simulated venue: a real HTTP and WebSocket server that speaks Binance Spot's order API.

    request ──limits, signature──> method ──> exchange (pure) ──> journal (fsync) ──> answer
    market source ──────────────────────────────^                      └──> private streams

Source of everything spoken: Binance developer documentation, "Spot", REST API, WebSocket API,
user data streams, errors. `docs/venue.md` lists what differs.
"""
