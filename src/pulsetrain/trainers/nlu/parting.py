"""Which examples are learnt from, and which are held out to judge by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from .examples import Example, normal


def part(examples: Sequence[Example], share: float, seed: int) -> tuple[list[Example], list[Example]]:
    """Examples to learn from, and `share` of each intent to judge by.

    Where the file itself names splits, these are taken. Equal texts stay on one side: what was learnt by heart must
    not be judged. Each intent keeps at least one text to learn from.
    """
    if any(example.split for example in examples):
        learnt = [example for example in examples if example.split != "validation"]
        return learnt, [example for example in examples if example.split == "validation"]
    if not share:
        return list(examples), []
    texts: dict[str, dict[str, None]] = defaultdict(dict)
    home: dict[str, str] = {}
    for example in examples:
        text = normal(example.text)
        texts[home.setdefault(text, example.intent)][text] = None
    chance = np.random.default_rng(seed)
    held_out: set[str] = set()
    for intent in sorted(texts):
        of_intent = list(texts[intent])
        count = min(max(1, round(share * len(of_intent))), len(of_intent) - 1)
        held_out.update(of_intent[place] for place in chance.permutation(len(of_intent))[:count])
    learnt = [example for example in examples if normal(example.text) not in held_out]
    return learnt, [example for example in examples if normal(example.text) in held_out]
