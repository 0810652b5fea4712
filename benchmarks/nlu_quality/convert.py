"""The SNIPS examples as those of pulsetrain.

    python benchmarks/nlu_quality/convert.py FOLDER > snips.jsonl

FOLDER holds `train_<intent>_full.json` and `validate_<intent>.json` of the SNIPS benchmark of 2017 (CC0). Each line of
the answer says by `split` which of them it is from, and the trainer keeps to that. Nothing is changed: the space that
some annotations include, and words that are glued together, are left as they are.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def examples(folder: Path) -> Iterator[dict[str, Any]]:
    """All examples of the files in `folder`."""
    for split, files in (("train", "train_*_full.json"), ("validation", "validate_*.json")):
        for path in sorted(folder.glob(files)):
            for intent, said in json.loads(_text(path)).items():
                for one in said:
                    yield {**_example(one["data"]), "intent": intent, "split": split}


def _example(parts: list[dict[str, str]]) -> dict[str, Any]:
    text, entities = "", []
    for part in parts:
        if "entity" in part:
            end = len(text) + len(part["text"])
            entities.append({"start": len(text), "end": end, "label": part["entity"]})
        text += part["text"]
    return {"text": text, "entities": entities}


def _text(path: Path) -> str:
    content = path.read_bytes()
    try:
        return content.decode()
    except UnicodeDecodeError:  # one of the files is not UTF-8
        return content.decode("latin-1")


if __name__ == "__main__":
    for example in examples(Path(sys.argv[1])):
        print(json.dumps(example, ensure_ascii=False))
