"""What only a live process adds to its records: risk signs its decisions."""

from __future__ import annotations

from collections.abc import Callable

from connectors.control import ControlWriter, identify
from connectors.log.interface import Log
from connectors.signing import Scope, Signer, make_key
from ops.settings import Settings
from pipelines.items import Encoded
from pipelines.risk.decisions import DECISIONS
from schemas.codec import Codec

Seal = Callable[[Encoded], Encoded]


def signing(settings: Settings, log: Log, codec: Codec) -> Seal:
    """Signs decisions with the key that the settings refer to, for this log alone.

    Without a reference, a key of the run folder serves, made when first needed. Raises `TapeError`
    for a key that cannot be had, and `NotThisLog`.
    """
    writer = ControlWriter(settings.kafka_options(), codec, settings.topic_prefix)
    identity = identify(log, codec, writer, settings.environment)
    if settings.risk.signing_key is None:
        make_key(settings.own_signing_key)
    scope = Scope(identity.environment, identity.log_id)
    signer = Signer(settings.signing_pem().reveal().encode(), scope)
    return lambda encoded: Encoded(signer.sign_all(encoded.records, DECISIONS))
