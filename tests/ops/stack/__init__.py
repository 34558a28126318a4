"""Tests of `ops.stack`."""
