"""Epochs in memory for the tests of every pipeline."""

from __future__ import annotations

from pipelines.batches import EventBatch, batch_of, cut, inputs_of

__all__ = ["EventBatch", "batch_of", "cut", "inputs_of"]
