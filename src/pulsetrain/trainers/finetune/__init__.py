"""Fine-tuning of language models: to classify texts or pairs of texts, or to follow instructions.

Importing this package registers the trainer and is light; torch, transformers and peft come when it runs.
"""

from __future__ import annotations

from .trainer import train

__all__ = ["train"]
