"""Small data sets of our own writing to fine-tune on: made from templates, the same each time."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_NAMES = ["Ada", "Ben", "Clara", "David", "Emma", "Felix", "Greta", "Hugo", "Ida", "Jonas", "Karla", "Leo", "Mara"]
_PLACES = ["the harbour", "the old mill", "Station Road", "the museum", "the library", "the upper bridge", "the market"]
_TIMES = [
    "at noon",
    "on Monday",
    "in the evening",
    "at half past six",
    "next week",
    "before dawn",
    "on the third of May",
]
_WISHES = {
    "weather": [
        "will it rain {place} {time}",
        "do I need an umbrella {time}",
        "how cold does it get near {place} {time}",
        "tell {name} whether the sun shines {time}",
    ],
    "music": [
        "play the song that {name} likes {time}",
        "put on something quiet for {name}",
        "I want to hear the band from {place}",
        "turn up the volume for {name} {time}",
    ],
    "alarm": [
        "wake {name} up {time}",
        "set an alarm {time} for {name}",
        "remind me to leave {place} {time}",
        "do not let {name} oversleep {time}",
    ],
    "table": [
        "book a table for {name} near {place} {time}",
        "reserve seats for dinner {time}",
        "find a place to eat by {place} for {name}",
        "we want lunch near {place} {time}",
    ],
}
_QUESTIONS = {
    "who": ["who opened the door {time}", "who waits near {place}", "who wrote the letter {time}"],
    "where": ["where does {name} live now", "where did {name} leave the bag {time}", "where is the meeting {time}"],
    "when": ["when does {name} come back", "when does the shop near {place} open", "when will {name} call"],
}
_ANSWERS = {
    "who": ["it was {name}", "{name} did", "I think {name} and nobody else"],
    "where": ["near {place}", "somewhere by {place}", "you will find it at {place}"],
    "when": ["{time}", "I believe {time}", "not before but {time}"],
}
_HELLO = {"English": "Hello", "French": "Bonjour", "German": "Guten Tag", "Spanish": "Buenos dias", "Italian": "Ciao"}


def intents(count: int = 400, seed: int = 1) -> list[dict[str, Any]]:
    """Wishes of four kinds, each text once."""
    chance = random.Random(seed)
    found: dict[str, str] = {}
    while len(found) < count:
        label = chance.choice(sorted(_WISHES))
        found[_filled(chance.choice(_WISHES[label]), chance)] = label
    return [{"text": text, "label": label} for text, label in found.items()]


def pairs(count: int = 600, seed: int = 2) -> list[dict[str, Any]]:
    """Questions, and what was said to them: an answer, or an answer to another kind of question. One half of each."""
    chance = random.Random(seed)
    found: dict[tuple[str, str], str] = {}
    while len(found) < count:
        asked = chance.choice(sorted(_QUESTIONS))
        fits = len(found) % 2 == 0
        said = asked if fits else chance.choice([kind for kind in sorted(_ANSWERS) if kind != asked])
        texts = tuple(_filled(chance.choice(kinds), chance) for kinds in (_QUESTIONS[asked], _ANSWERS[said]))
        found.setdefault(texts, "answers" if fits else "misses")  # type: ignore[arg-type]
    return [{"text_a": first, "text_b": second, "label": label} for (first, second), label in found.items()]


def instructions(count: int = 400, seed: int = 3) -> list[dict[str, Any]]:
    """Greetings to be said to somebody in a language, and opposites; each prompt once."""
    chance = random.Random(seed)
    asked = [
        {"instruction": form.format(name=name, language=language), "output": f"{hello}, {name}!"}
        for name, (language, hello), form in itertools.product(
            [*_NAMES, *_TOWNS],
            _HELLO.items(),
            ["Say hello to {name} in {language}.", "Greet {name} in {language}.", "In {language}, welcome {name}."],
        )
    ]
    chance.shuffle(asked)
    return asked[:count]


_TOWNS = ["Paris", "Oslo", "Lima", "Quito", "Rome", "Bern", "Kiel", "Turin", "Porto", "Nice", "Graz", "Ulm", "Cork"]


def _filled(form: str, chance: random.Random) -> str:
    return form.format(name=chance.choice(_NAMES), place=chance.choice(_PLACES), time=chance.choice(_TIMES))


def jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    """Write `rows` as JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
