"""What became of an order in doubt, by asking and never by sending again.

One round asks for open orders, then closed ones, then trades. An order found is resolved at once.
One that no round finds is ABSENT after two whole rounds, the second begun when the request in doubt
must be dead; a single missing answer proves nothing, for venues answer from replicas that lag. An
answer that failed begins its round anew; a full one is followed by the question for what is after.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Question = Literal["OPEN_ORDERS", "CLOSED_ORDERS", "TRADES"]
ROUND: Final[tuple[Question, ...]] = ("OPEN_ORDERS", "CLOSED_ORDERS", "TRADES")
ROUNDS: Final = 2


class Inquiry(NamedTuple):
    """One order in doubt. `dead_ns`: when its request can no longer arrive, `apart_ns` between the
    rounds; nanoseconds of one clock. `request_ids` of the answers that count. `others`: the venue's
    ids of orders of its instrument that this round's answers list under other names; `pages`: how
    many of its answers were full, the last of them up to the id `after`. `before`: ids of questions
    that were under way when the doubt began, whose answers may be older than it.
    """

    cl_ord_id: str
    dead_ns: int
    apart_ns: int
    round: int = 0
    asked: int = 0
    not_before_ns: int = 0
    request_ids: tuple[str, ...] = ()
    others: frozenset[str] = frozenset()
    pages: int = 0
    after: str | None = None
    before: frozenset[str] = frozenset()

    @property
    def absent(self) -> bool:
        """Two whole rounds found nothing."""
        return self.round == ROUNDS


def question(inquiry: Inquiry, at_ns: int) -> Question | None:
    """What to ask now; None while it waits, or when there is nothing left to ask."""
    if inquiry.absent or at_ns < inquiry.not_before_ns:
        return None
    return ROUND[inquiry.asked]


def not_found(
    inquiry: Inquiry, request_id: str, at_ns: int, others: frozenset[str] = frozenset()
) -> Inquiry:
    """After an answer that does not name the order, but perhaps others."""
    ids, known = (*inquiry.request_ids, request_id), inquiry.others | others
    if inquiry.asked + 1 < len(ROUND):
        return inquiry._replace(asked=inquiry.asked + 1, request_ids=ids, others=known, after=None)
    return inquiry._replace(
        round=inquiry.round + 1,
        asked=0,
        not_before_ns=max(at_ns + inquiry.apart_ns, inquiry.dead_ns),
        request_ids=ids,
        others=frozenset(),
        pages=0,
        after=None,
    )


def full(inquiry: Inquiry, request_id: str, after: str, others: frozenset[str]) -> Inquiry:
    """After such an answer that holds no more: the same question goes on behind its last row."""
    return inquiry._replace(
        request_ids=(*inquiry.request_ids, request_id),
        others=inquiry.others | others,
        pages=inquiry.pages + 1,
        after=after,
    )


def unanswered(inquiry: Inquiry, at_ns: int) -> Inquiry:
    """After a question without a usable answer: its round begins anew, later."""
    kept = inquiry.request_ids[: len(inquiry.request_ids) - inquiry.asked - inquiry.pages]
    return inquiry._replace(
        asked=0,
        not_before_ns=at_ns + inquiry.apart_ns,
        request_ids=kept,
        others=frozenset(),
        pages=0,
        after=None,
    )
