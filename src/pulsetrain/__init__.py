"""pulsetrain: the live server for training runs.

Importing this package is light: what a training script needs comes from :mod:`pulsetrain.sdk` at first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .sdk.run import Run as Run
    from .sdk.run import init as init
    from .trainers.registry import trainer as trainer

__all__ = ["Run", "__version__", "init", "trainer"]

_HOMES = {"Run": "pulsetrain.sdk.run", "init": "pulsetrain.sdk.run", "trainer": "pulsetrain.trainers.registry"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'pulsetrain' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
