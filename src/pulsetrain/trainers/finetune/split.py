"""Which examples are learnt from, which are held out, and in which order they are seen. Pure, given a seed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from .examples import Dialogue, Example, Labelled

MAX_HELD_OUT = 5000
BUCKETS = 32
"""Batches among which examples are sorted by length: enough for even lengths, few enough to stay mixed."""


def split(examples: Sequence[Example], share: float, seed: int) -> tuple[list[Example], list[Example]]:
    """Examples to learn from and examples to judge by; at least one of each.

    Texts that occur more than once stay on one side, so that nothing is judged by what was learnt. Each label is held
    out in proportion, as far as it has enough texts.
    """
    groups: dict[object, list[Example]] = defaultdict(list)
    for example in examples:
        groups[_asked(example)].append(example)
    strata: dict[str, list[list[Example]]] = defaultdict(list)
    for group in groups.values():
        first = group[0]
        strata[first.label if isinstance(first, Labelled) else ""].append(group)
    random = np.random.default_rng(seed)
    learnt: list[Example] = []
    held_out: list[Example] = []
    owed = 0.0
    share = min(share, MAX_HELD_OUT / len(examples))
    for label in sorted(strata):
        members = strata[label]
        # What rounding takes from one label, the next one gives.
        owed += share * len(members)
        count = min(round(owed), len(members) - 1)
        owed -= count
        for place, index in enumerate(random.permutation(len(members))):
            (held_out if place < count else learnt).extend(members[index])
    if not held_out:
        held_out.append(learnt.pop())
    # Not label after label: some of what is held out must stand for all of it.
    return learnt, [held_out[place] for place in random.permutation(len(held_out))]


def _asked(example: Example) -> object:
    return example.prompt if isinstance(example, Dialogue) else (example.text, example.pair)


def batches(lengths: Sequence[int], size: int, *, seed: int, epoch: int, by_length: bool) -> list[list[int]]:
    """The batches of one epoch, as places of examples: shuffled; of alike length if wished, to pad little."""
    random = np.random.default_rng((seed, epoch))
    order = random.permutation(len(lengths)).tolist()
    if by_length:
        bucket = BUCKETS * size
        order = [
            place
            for start in range(0, len(order), bucket)
            for place in sorted(order[start : start + bucket], key=lambda place: lengths[place])
        ]
    found = [order[start : start + size] for start in range(0, len(order), size)]
    return [found[place] for place in random.permutation(len(found))]
