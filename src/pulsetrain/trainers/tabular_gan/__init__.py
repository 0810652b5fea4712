"""The tabular GAN: learns a table and makes synthetic rows like it.

Importing this package registers the trainer and is light; torch and scikit-learn come when it runs.
"""

from __future__ import annotations

from .trainer import train

__all__ = ["train"]
