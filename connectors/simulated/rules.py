"""The rules of an instrument as exchangeInfo shows them."""

from __future__ import annotations

from typing import Final

from connectors.simulated.render import Json
from pipelines.exact import ZERO
from pipelines.matching.amounts import text
from pipelines.matching.model import Instrument, PlaceOrder

ORDER_TYPES: Final = ["LIMIT", "LIMIT_MAKER", "MARKET"]
STP_MODES: Final = ["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"]


def instrument_form(one: Instrument) -> Json:
    """A symbol of exchangeInfo."""
    return {
        "symbol": one.symbol,
        "status": "TRADING",
        "baseAsset": one.base,
        "baseAssetPrecision": 8,
        "quoteAsset": one.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ORDER_TYPES,
        "icebergAllowed": False,
        "ocoAllowed": False,
        "otoAllowed": False,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": True,
        "amendAllowed": False,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": _filters(one),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": PlaceOrder._field_defaults["self_trade_prevention"],
        "allowedSelfTradePreventionModes": STP_MODES,
    }


def _filters(one: Instrument) -> list[Json]:
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": text(one.tick),
            "maxPrice": text(one.px_max),
            "tickSize": text(one.tick),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": text(one.lot),
            "maxQty": text(one.qty_max),
            "stepSize": text(one.lot),
        },
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": text(ZERO),
            "maxQty": text(one.market_qty_max),
            "stepSize": text(ZERO),
        },
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": text(one.bid_multiplier_up),
            "bidMultiplierDown": text(one.bid_multiplier_down),
            "askMultiplierUp": text(one.ask_multiplier_up),
            "askMultiplierDown": text(one.ask_multiplier_down),
            "avgPriceMins": 0,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": text(one.notional_min),
            "applyMinToMarket": True,
            "maxNotional": text(one.notional_max),
            "applyMaxToMarket": True,
            "avgPriceMins": 0,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": one.open_orders_max},
    ]
