"""Epochs in memory for the tests of every pipeline."""

from __future__ import annotations

from pipelines.batches import EventBatch, batch_of, cut, inputs_of, local_codec

__all__ = ["EventBatch", "batch_of", "cut", "inputs_of", "local_codec"]
