"""Examples → numbers and back: how a text, a pair or a dialogue is written for a model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import torch
from torch import Tensor

from .examples import Dialogue, Labelled, Turn

IGNORED = -100
"""The target of a token that is not learnt; PyTorch's cross-entropy leaves it out."""


class Encoded(msgspec.Struct, frozen=True):
    """One example as tokens."""

    ids: list[int]
    label: int | None = None
    """The class of a text."""
    targets: list[int] = []
    """Of a dialogue, for each token: itself if it is to be learnt, else IGNORED."""
    types: list[int] | None = None
    """Of a pair, for each token: which text it is of."""

    @property
    def learnt_tokens(self) -> int:
        """How many tokens are to be learnt; the first one follows none, so it never is."""
        return sum(target != IGNORED for target in self.targets[1:])


class Codec:
    """Writes examples as tokens by a model's tokenizer. `chat` takes the template of the tokenizer for dialogues."""

    def __init__(
        self, tokenizer: Any, max_length: int, *, labels: Sequence[str] = (), chat: bool | None = None
    ) -> None:
        self.tokenizer = tokenizer
        self.max_length = min(max_length, tokenizer.model_max_length or max_length)
        self.labels = list(labels)
        self.chat = bool(getattr(tokenizer, "chat_template", None)) if chat is None else chat
        self.padding = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else (tokenizer.eos_token_id or 0)
        self._places = {label: place for place, label in enumerate(self.labels)}

    # ---- texts with a label ----

    def labelled(self, example: Labelled) -> Encoded:
        ids, types = self.text(example.text, example.pair)
        return Encoded(ids, label=self._places[example.label], types=types)

    def text(self, text: str, pair: str | None = None) -> tuple[list[int], list[int] | None]:
        """Tokens of a text or a pair, and which of the two each belongs to where the model wants to know."""
        if pair is None or self.tokenizer.sep_token_id is not None:
            found = self.tokenizer(text, pair, truncation="longest_first", max_length=self.max_length)
            return found["input_ids"] or [self.padding], found.get("token_type_ids")
        # A tokenizer that knows no pairs: a line break parts them.
        first, second = self._ids(text), self._ids("\n" + pair)
        while len(first) + len(second) > self.max_length:
            (first if len(first) > len(second) else second).pop()
        return first + second, None

    # ---- dialogues ----

    def dialogue(self, example: Dialogue) -> Encoded:
        """All turns as tokens; what the assistant says is to be learnt, and where it ends."""
        ids: list[int] = self._begin()
        targets = [IGNORED] * len(ids)
        for text, learnt in self._segments(example.turns):
            tokens = self._ids(text)
            ids += tokens
            targets += tokens if learnt else [IGNORED] * len(tokens)
        return Encoded(ids[: self.max_length], targets=targets[: self.max_length])

    def prompt(self, turns: Sequence[Turn], room: int) -> list[int]:
        """Tokens after which the assistant's answer comes; the beginning is cut if there is no `room` for an answer."""
        if self.chat:
            ids = self._ids(self._templated(turns, ask=True))
        else:
            ids = self._begin() + [token for text, _ in self._plain(turns) for token in self._ids(text)]
            ids += self._ids("Assistant:")
        limit = max(1, self.tokenizer.model_max_length - room)
        return ids[-limit:]

    def ends(self, encoded: Iterable[Encoded]) -> list[int]:
        """The tokens that end an answer: the tokenizer's own, and the special one that the learnt answers end with."""
        special = set(self.tokenizer.all_special_ids)
        last = {
            next((token for token in reversed(one.targets) if token in special), None) for one in list(encoded)[:100]
        }
        return sorted({token for token in (self.tokenizer.eos_token_id, *last) if token is not None})

    def decode(self, ids: Sequence[int]) -> str:
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True)).strip()

    def _segments(self, turns: Sequence[Turn]) -> list[tuple[str, bool]]:
        """Pieces of text, and whether each is learnt."""
        if not self.chat:
            return self._plain(turns)
        segments: list[tuple[str, bool]] = []
        written = ""
        for place, turn in enumerate(turns):
            if turn.role != "assistant":
                continue
            before = self._templated(turns[:place], ask=True)
            after = self._templated(turns[: place + 1], ask=False)
            if not before.startswith(written) or not after.startswith(before):
                # A template that rewrites earlier turns, as one that drops what was thought: the last answer alone.
                before, after = self._templated(turns[:-1], ask=True), self._templated(turns, ask=False)
                learnt = after[len(before) :] if after.startswith(before) else turns[-1].content
                return [(before, False), (learnt, True)]
            segments += [(before[len(written) :], False), (after[len(before) :], True)]
            written = after
        return segments

    def _plain(self, turns: Sequence[Turn]) -> list[tuple[str, bool]]:
        end = self.tokenizer.eos_token or "\n"
        segments: list[tuple[str, bool]] = []
        for turn in turns:
            if turn.role == "assistant":
                segments += [("Assistant:", False), (f" {turn.content}{end}", True), ("\n", False)]
            else:
                segments.append((f"{turn.role.capitalize()}: {turn.content}\n", False))
        return segments

    def _templated(self, turns: Sequence[Turn], *, ask: bool) -> str:
        said = [msgspec.to_builtins(turn) for turn in turns]
        return str(self.tokenizer.apply_chat_template(said, tokenize=False, add_generation_prompt=ask))

    def _begin(self) -> list[int]:
        begin = self.tokenizer.bos_token_id
        return [begin] if begin is not None and not self.chat else []

    def _ids(self, text: str) -> list[int]:
        found: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return found


def collate(batch: Sequence[Encoded], padding: int, device: torch.device) -> dict[str, Tensor]:
    """Examples side by side, filled up on the right."""
    width = max(len(one.ids) for one in batch)

    def filled(rows: Sequence[Sequence[int]], fill: int) -> Tensor:
        return torch.tensor([[*row, *([fill] * (width - len(row)))] for row in rows], device=device)

    found = {
        "input_ids": filled([one.ids for one in batch], padding),
        "attention_mask": filled([[1] * len(one.ids) for one in batch], 0),
    }
    if all(one.types is not None for one in batch):
        found["token_type_ids"] = filled([one.types or [] for one in batch], 0)
    if batch[0].label is None:
        found["targets"] = filled([one.targets for one in batch], IGNORED)
    else:
        found["targets"] = torch.tensor([one.label for one in batch], device=device)
    return found
