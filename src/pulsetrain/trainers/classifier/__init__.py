"""The classifier: learns to predict one column of a table from the others, classes or numbers.

Importing this package registers the trainer and is light; scikit-learn comes when it runs.
"""

from __future__ import annotations

from .trainer import train

__all__ = ["train"]
