"""What can go wrong at the log.

TapeError: exit 2 and one clear line
├── LogUnreachable, NotAllowed, TopicMissing, OffsetsGone, TransactionHangs
└── WriterError: crash-only, the process ends at once
    ├── Fenced           70  another writer has the id, or our transaction timed out
    ├── Aborted          71  the transaction cannot be committed
    ├── OutcomeUnknown   72  whether it was committed is known to the broker alone
    └── WriteForbidden    2  the principal may not write this: starting again would not help
"""

from __future__ import annotations

from schemas.errors import TapeError

ASK = "compare `tape acls diff`"  # said where the broker's access rules are in the way


class LogUnreachable(TapeError):
    """No broker answers."""


class NotAllowed(TapeError):
    """The broker's access rules do not let this principal."""


class TopicMissing(TapeError):
    """A topic that the pipeline needs does not exist."""


class OffsetsGone(TapeError):
    """Offsets that are needed lie before the first one the log still holds."""


class TransactionHangs(TapeError):
    """An open transaction hides records from read_committed readers for longer than allowed."""


class WriterError(TapeError):
    """The producer is dead; so must its process be. librdkafka lacks KIP-890 part 2: a late
    EndTxn could tear a later one.
    """

    exit_code = 71


class Fenced(WriterError):
    exit_code = 70


class Aborted(WriterError):
    exit_code = 71


class OutcomeUnknown(WriterError):
    exit_code = 72


class WriteForbidden(WriterError):
    exit_code = 2
