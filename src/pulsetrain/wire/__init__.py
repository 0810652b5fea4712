"""Bytes, still without I/O: codec, frames, spool framing, the subscription machine, the dialects."""
