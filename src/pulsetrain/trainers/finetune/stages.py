"""The five stages of a fine-tuning, read top to bottom: Prepare data, Load model, Train, Evaluate, Save."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import torch

from pulsetrain.model.errors import BadParameters, BadTable

from . import artifact, base, report, tiny
from .checkpoint import FILE as CHECKPOINT
from .checkpoint import Checkpoint, Pace, same
from .codec import Codec, Encoded
from .examples import Dialogue, Example, Labelled, read_examples
from .network import Classifier, Writer, prepare, sizes
from .schedule import factor
from .split import split
from .trainer import STAGES, Settings
from .training import Device, Evaluation, Tuning

if TYPE_CHECKING:
    from pulsetrain.sdk.run import Run

EVALUATIONS = 10
LIVE = 256
"""Examples of an evaluation on the way; the last one takes all that are held out."""
WRITTEN = 100
"""Answers that the evaluation writes to compare with those expected."""
ADAPTER_FROM_BYTES = 2e9
_SHARES = {"Prepare data": (0.0, 2.0), "Load model": (2.0, 5.0), "Train": (5.0, 92.0), "Evaluate": (92.0, 98.0)}
_SHARES["Save"] = (98.0, 100.0)


class Stopped(Exception):
    """Somebody asked the run to stop, and all that is worth keeping is saved."""


class Stages:
    """One run of the trainer."""

    def __init__(self, run: Run, data: Path, settings: Settings) -> None:
        self.run = run
        self.data = data
        self.settings = settings
        self.device = device_of(settings)
        self.pace = Pace()
        self.before: dict[str, Any] = {}
        self._uninterrupted = False

    def go(self) -> None:
        """Run the stages; return early, with a checkpoint saved, when the run was asked to stop."""
        base.be_quiet()
        try:
            self.prepare()
            self.load()
            self.train()
            self.evaluate()
            self.save()
        except Stopped:
            _say("Stopped at a safe point.")

    # ---- Prepare data ----

    def prepare(self) -> None:
        """Read the examples, check them, and hold some out to judge by."""
        self._begin("Prepare data")
        with self.data.open("rb") as file:
            self.digest = hashlib.file_digest(file, "sha256").hexdigest()
        self.found = Checkpoint.find(self.run)
        if self.found is not None:
            self.found.check(self.digest, self.settings)
        self.examples = read_examples(self.data, self.settings.task, self.settings.columns)
        self.notes = list(self.examples.notes)
        self.learnt, self.held_out = split(self.examples.examples, self.settings.validation_split, self.settings.seed)
        taken = ", ".join(f"{part}: {column}" for part, column in self.examples.columns.items())
        _say(f"{len(self.learnt):,} examples to learn from, {len(self.held_out):,} held out. {taken}.")
        for note in self.notes:
            _say(note)

    # ---- Load model ----

    def load(self) -> None:
        """Load the model or make one, and write the examples as its tokens."""
        self._begin("Load model")
        self.writes = self.examples.task == "instruction"
        body = self._body()
        self._check_stop()
        prepared = prepare(body, self.settings, writes=self.writes)
        labels = self.examples.labels if not self.writes else []
        self.codec = Codec(self.tokenizer, self._max_length(body), labels=labels)
        one = self.settings
        self.network = (
            Writer(prepared)
            if self.writes
            else Classifier(prepared, len(labels), dropout=one.head_dropout, seed=one.seed)
        )
        learnt = self._encode(self.learnt)
        self.judged = self._encode(self.held_out)
        self.tuning = Tuning(self.network, learnt, one, self.device, self.codec.padding)
        self.ends = self.codec.ends(learnt) if self.writes else []
        if self.found is not None:
            self._go_on(self.found)
        learn, total = sizes(self.network)
        tokens = sum(len(example.ids) for example in learnt)
        _say(
            f"{one.model}: {learn:,} of {total:,} weights learn ({one.how}), on {self.device.name}; {tokens:,} tokens."
        )

    def _body(self) -> Any:
        one = self.settings
        if one.from_scratch:
            text = self.found.tokenizer if self.found is not None else ""
            self.tokenizer = tiny.tokenizer_from(text) if text else tiny.tokenizer_of(_texts(self.learnt))
            self.notes.append("The model began from scratch: all that it knows is from these examples.")
            return tiny.body_of(self.tokenizer, one.seed, writes=self.writes)
        path = Path(one.model)
        if path.is_file():
            folder = self.run.dir / "base"
            if artifact.unpack(path, folder).adapter:
                raise BadParameters(f"{path.name} holds an adapter alone.", hint="Take a run that saved it merged.")
            folder = folder / artifact.BODY
        else:
            folder = base.folder_of(one.model)
        self.tokenizer = base.load_tokenizer(folder)
        dtype = torch.bfloat16 if self.device.bfloat16 and one.how != "full" else torch.float32
        return base.load_body(folder, dtype, writes=self.writes)

    def _max_length(self, body: Any) -> int:
        most = getattr(body.config.get_text_config(), "max_position_embeddings", None)
        return min(self.settings.max_length, most or self.settings.max_length)

    def _encode(self, examples: list[Example]) -> list[Encoded]:
        """The examples as tokens; those of which nothing is left to learn are taken out of the list too."""
        kept, encoded, cut = [], [], 0
        for place, example in enumerate(examples):
            if place % 256 == 0:
                self._check_stop()
            one = self.codec.dialogue(example) if isinstance(example, Dialogue) else self.codec.labelled(example)
            cut += len(one.ids) >= self.codec.max_length
            if one.label is not None or one.learnt_tokens:
                kept.append(example)
                encoded.append(one)
        if cut:
            self.notes.append(
                f"{cut:,} of {len(examples):,} examples reach {self.codec.max_length} tokens and are cut."
            )
        if not kept:
            raise BadTable("Not one answer fits into max_length.", hint="Raise max_length.")
        if len(kept) < len(examples):
            self.notes.append(f"{len(examples) - len(kept):,} examples are left out: their answers begin too late.")
        examples[:] = kept
        return encoded

    def _go_on(self, found: Checkpoint) -> None:
        try:
            self.tuning.load(found.state)
        except (KeyError, RuntimeError, ValueError) as problem:
            raise BadParameters("The checkpoint is of another model.", hint="Resume with the same one.") from problem
        self.before = found.before
        _say(f"Going on after step {self.tuning.step:,} of the checkpoint.")

    # ---- Train ----

    def train(self) -> None:
        """Step after step; evaluations and checkpoints on the way, a checkpoint when the run is asked to stop."""
        self._begin("Train")
        self._offer()
        tuning, steps = self.tuning, self._steps()
        every = self.settings.evaluate_every or max(1, steps // EVALUATIONS)
        if not self.before:
            self._look_before()
        saved = time.monotonic()
        epoch = tuning.epoch
        while tuning.step < (steps := self._steps()):
            self._check_stop()
            share = factor(tuning.step, steps, warmup=self.settings.warmup, shape=self.settings.schedule)
            step = tuning.advance(self._control("learning_rate", self.settings.rate) * share)
            self.pace.stepped(step.seconds)
            self._tell(step)
            if tuning.step % every == 0 and tuning.step < steps:
                self._look()
            self._show("Train", tuning.step / steps, rate=step.tokens_per_second, left=(steps, every))
            if tuning.epoch > epoch:
                epoch = tuning.epoch
                _say(f"Epoch {epoch} is done, after {tuning.step:,} steps: loss {step.loss:.4f}.")
            if time.monotonic() - saved > 60 * self.settings.checkpoint_minutes:
                self._save_checkpoint()
                saved = time.monotonic()
        self.run.settle()
        self._save_checkpoint()

    def _steps(self) -> int:
        return round(self._control("epochs", self.settings.epochs)) * self.tuning.steps_per_epoch

    def _control(self, name: str, default: float) -> float:
        """The value that `name` has now: what the run was started with, until somebody steers it."""
        return float(self.run.param(name, default))

    def _offer(self) -> None:
        """Let the run be asked for a checkpoint, an evaluation and samples."""
        self.run.on("checkpoint", self._save_checkpoint)
        self.run.on("evaluate", self._beside(self._look))
        if self.writes:
            self.run.on("sample", self._beside(self._show_samples))

    def _beside(self, work: Callable[[], None]) -> Callable[[], None]:
        """`work` as somebody may ask for it: done at once and to its end, a stop comes after it."""

        def done() -> None:
            self._uninterrupted = True
            try:
                work()
            finally:
                self._uninterrupted = False

        return done

    def _tell(self, step: Any) -> None:
        values = {name: value for name, value in msgspec.structs.asdict(step).items() if name != "seconds"}
        # Of the batch that was learnt from, so no measure of how good the model is.
        values["token_accuracy" if self.writes else "batch_accuracy"] = values.pop("accuracy")
        self.run.log(values, step=self.tuning.step)

    def _look_before(self) -> None:
        """What the model is like before it learns: all that comes is compared with that."""
        begun = self.run.clock()
        found = self._judge(self.judged)
        self.pace.last = 2 * (self.run.clock() - begun)
        self.before = {"loss": found.loss, "accuracy": found.accuracy, "samples": self._samples()}
        if found.probabilities is not None:
            self.before["classes"] = found.probabilities.argmax(1).tolist()
        self._log_evaluation(found)

    def _look(self) -> None:
        """Evaluate on some of what is held out, and write samples."""
        begun = self.run.clock()
        self._log_evaluation(self._judge(self.judged[:LIVE]))
        self._show_samples()
        self.pace.evaluation = self.run.clock() - begun

    def _judge(self, examples: Sequence[Encoded]) -> Evaluation:
        return self.tuning.evaluate(examples, self._check_stop)

    def _log_evaluation(self, found: Evaluation) -> None:
        more = {"perplexity": found.perplexity} if self.writes else {"live_accuracy": found.accuracy}
        self.run.log({"eval_loss": found.loss, **more}, step=self.tuning.step)
        self.tuning.evaluated(found)
        shown = ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in more.items())
        _say(f"Step {self.tuning.step:,}: eval loss {found.loss:.4f}, {shown}.")

    def _samples(self) -> list[str]:
        return [self.write(one) for one in self.held_out[: self.settings.samples] if isinstance(one, Dialogue)]

    def write(self, one: Dialogue) -> str:
        """What the model answers now."""
        self._check_stop()
        room = self.settings.max_new_tokens
        ids = self.network.write(self.codec.prompt(one.prompt, room), self.ends, self.codec.padding, room)
        return self.codec.decode(ids)

    def _show_samples(self) -> None:
        asked = [one for one in self.held_out[: self.settings.samples] if isinstance(one, Dialogue)]
        if asked:
            rows = [[report.asked(one), one.answer, self.write(one)] for one in asked]
            self.run.table("Samples", ["Prompt", "Expected", f"Written after {self.tuning.step} steps"], rows)

    def _save_checkpoint(self) -> None:
        path = self.run.dir / CHECKPOINT
        text = self.tokenizer.backend_tokenizer.to_str() if self.settings.from_scratch else ""
        Checkpoint(self.digest, same(self.settings), self.tuning.state(), self.before, text).save(path)
        self.run.save_artifact(path, name=CHECKPOINT, kind="checkpoint")

    # ---- Evaluate ----

    def evaluate(self) -> None:
        """Judge the model by all that is held out, and write the report."""
        self._begin("Evaluate")
        found = self._judge(self.judged)
        self._log_evaluation(found)
        self._show("Evaluate", 0.5)
        if self.tuning.skipped:
            self.notes.append(f"{self.tuning.skipped} steps were not taken: their gradient was not finite.")
        told = report.Told(self.settings, self.tuning, self.before, found, self.notes, len(self.learnt))
        if self.writes:
            judged = [one for one in self.held_out[:WRITTEN] if isinstance(one, Dialogue)]
            written = [self.write(one) for one in judged]
            self._show_samples()
            made = report.of_writing(told, judged, written)
        else:
            labelled = [one for one in self.held_out if isinstance(one, Labelled)]
            made = report.of_classes(told, labelled, self.codec.labels)
            self.run.table(*report.worst(labelled, found, self.codec.labels))
        self.report = made

    # ---- Save ----

    def save(self) -> None:
        """Write what the run is for: the model and the report."""
        self._begin("Save")
        folder, one = self.run.dir, self.settings
        _, weights = sizes(self.network)
        heavy = weights * (2 if self.device.bfloat16 else 4) > ADAPTER_FROM_BYTES
        adapter = one.save == "adapter" or (one.save == "auto" and heavy)
        about = artifact.About(
            task=self.examples.task,
            base=one.model,
            method=one.how,
            adapter=adapter and one.how == "lora" and not one.from_scratch and not Path(one.model).is_file(),
            max_length=self.codec.max_length,
            max_new_tokens=one.max_new_tokens,
            chat=self.codec.chat,
            ends=self.ends,
            labels=self.codec.labels,
            dataset=self.data.name,
            examples=len(self.learnt),
            weights=weights,
        )
        (folder / "report.json").write_bytes(msgspec.json.encode(self.report))
        artifact.save_model(folder / artifact.FILE, self.network, self.tokenizer, about)
        self.run.save_artifact(folder / "report.json", name="report.json", kind="report")
        self.run.save_artifact(folder / artifact.FILE, name=artifact.FILE, kind="model")
        self._show("Save", 1.0)
        _say(self.report.summary)

    # ---- what all of them need ----

    def _begin(self, stage: str) -> None:
        self._check_stop()
        self.run.stage(stage, index=STAGES.index(stage), of=len(STAGES))
        self._show(stage, 0.0)

    def _show(self, stage: str, share: float, rate: float | None = None, left: tuple[int, int] | None = None) -> None:
        low, high = _SHARES[stage]
        known: dict[str, Any] = {}
        if stage != STAGES[0] and left is not None:
            steps, every = left
            more = steps - self.tuning.step
            eta = self.pace.remaining(more, math.ceil(more / every))
            known = {"epoch": self.tuning.epoch, "epochs": steps // self.tuning.steps_per_epoch, "unit": "tokens"}
            known |= {"step": self.tuning.step, "steps": steps, "rate": rate, "eta_seconds": eta}
        self.run.progress(percent=low + (high - low) * share, **known)

    def _check_stop(self) -> None:
        if not self._uninterrupted and self.run.should_stop:
            if hasattr(self, "tuning") and self.before:
                self._save_checkpoint()
            raise Stopped


def device_of(settings: Settings) -> Device:
    """Where to compute, and how precisely. Raises BadParameters."""
    here = torch.cuda.is_available()
    if settings.device == "cuda" and not here:
        raise BadParameters("There is no CUDA device here.", hint="Take device=auto or device=cpu.")
    name = "cuda" if settings.device != "cpu" and here else "cpu"
    able = name == "cuda" and torch.cuda.is_bf16_supported()
    return Device(name, settings.precision == "bfloat16" or (settings.precision == "auto" and able))


def _texts(examples: Sequence[Example]) -> list[str]:
    """All that examples say, for a tokenizer to learn its words from."""
    found: list[str] = []
    for one in examples:
        if isinstance(one, Dialogue):
            found += [f"{turn.role.capitalize()}: {turn.content}\n" for turn in one.turns]
        else:
            found += [one.text, one.pair or ""]
    return found


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201  # a trainer's output is its log
