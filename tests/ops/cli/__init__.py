"""Tests of `ops.cli`."""
