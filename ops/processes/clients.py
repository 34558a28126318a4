"""The log and the codec that the settings name. Light on purpose: what only reads and writes events
loads no pipeline.
"""

from __future__ import annotations

from connectors.log.kafka import KafkaLog
from ops.settings import Settings
from schemas.catalog import load_catalog
from schemas.codec import Codec
from schemas.ids import SchemaIds


def kafka_log(settings: Settings) -> KafkaLog:
    """The log that the settings name."""
    servers = settings.bootstrap_servers()
    return KafkaLog(servers, settings.topic_prefix, settings.kafka.client_options())


def codec_of(settings: Settings) -> Codec:
    """The codec with the ids of the registry that the settings name."""
    catalog = load_catalog()
    options, prefix = settings.registry.client_options(), settings.topic_prefix
    ids = SchemaIds.from_registry(settings.registry_url(), catalog, options, prefix)
    return Codec(catalog, ids)
