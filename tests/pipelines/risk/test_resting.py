"""The best own price, whatever came and went, beside a plain list."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.risk.resting import Resting

PRICES = [Decimal(f"{90 + n // 2}.{n % 2 * 5}{'0' * (n % 3)}") for n in range(40)]
prices = st.sampled_from(PRICES)


@pytest.mark.parametrize("is_buy", [True, False])
@given(added=st.lists(prices, max_size=90), kept=st.integers(0, 9), price=st.none() | prices)
def test_an_order_crosses_the_best_price_that_still_rests(
    is_buy: bool, added: list[Decimal], kept: int, price: Decimal | None
) -> None:
    resting, own = Resting(), sorted(added, reverse=is_buy)  # the best first
    ended = max(0, len(own) - kept)
    left = own[ended:]
    for ours in added:
        resting.side(is_buy).add(ours)
    for gone in [*own[:ended:2], *own[1:ended:2]]:
        resting.side(is_buy).remove(gone)
    best = left[0] if left else None
    meets = best is not None and (price is None or (price <= best if is_buy else price >= best))
    assert resting.crossed(not is_buy, price) == (best if meets else None)
    assert resting.crossed(is_buy, price) is None


@pytest.mark.parametrize("is_buy", [True, False])
def test_prices_without_orders_are_not_kept_for_ever(is_buy: bool) -> None:
    side = Resting().side(is_buy)
    best = PRICES[-1] if is_buy else PRICES[0]
    side.add(best - 1 if is_buy else best + 1)
    side.add(best)  # stays on top, so that nothing below it surfaces
    for number in range(2, 10_000):
        price = best - number if is_buy else best + number
        side.add(price)
        side.remove(price)
    assert len(side.heap) < 30
    assert len(side.counts) < 30
    assert side.heap[0][1] == best
