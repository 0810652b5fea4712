"""Language understanding: learns what a text is for (its intent), and what it speaks of (its entities).

Importing this package registers the trainer and is light; NumPy and SciPy come when it runs.
"""

from __future__ import annotations

from .trainer import train

__all__ = ["train"]
