"""Forms of the ids; the randomness comes from the caller's floor."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets

_RUN = re.compile(r"r_[a-z2-7]{10}")
_UPLOAD = re.compile(r"u_[a-z2-7]{10}")


def _letters(count: int) -> str:
    return base64.b32encode(secrets.token_bytes(count)).decode().lower()[:count]


def new_run_id() -> str:
    """A fresh run id: 50 random bits, so that clients may choose their own."""
    return "r_" + _letters(10)


def retry_id(run: str) -> str:
    """The id of the run that tries `run` again by itself. One for each, so that no crash can lead to two."""
    digest = hashlib.sha256(f"retry of {run}".encode()).digest()
    return "r_" + base64.b32encode(digest).decode().lower()[:10]


def new_command_id() -> str:
    return "c_" + _letters(10)


def new_upload_id() -> str:
    return "u_" + _letters(10)


def new_model_id() -> str:
    return "m_" + _letters(10)


def new_generation() -> str:
    return _letters(8)


def new_token() -> str:
    """A bearer secret of 160 random bits."""
    return _letters(32)


def is_run_id(text: str) -> bool:
    return _RUN.fullmatch(text) is not None


def is_upload_id(text: str) -> bool:
    return _UPLOAD.fullmatch(text) is not None
