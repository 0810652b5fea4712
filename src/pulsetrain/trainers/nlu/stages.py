"""The five stages of a training, read top to bottom: preprocess, intents, entities, validate, save."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from threadpoolctl import threadpool_limits

from pulsetrain.model.errors import BadTable

from . import scores
from .checkpoint import FILE, Checkpoint
from .course import Course
from .entities import EntityExtractor, EntityLessons, Sentence, begin
from .examples import Examples, demand_good, read_examples
from .intents import IntentClassifier, IntentLessons
from .linear import Weights
from .model import Answer, Model
from .parting import part
from .progress import Progress
from .report import report, summary
from .show import Tables
from .trainer import STAGES, Settings
from .vectors import Vectors
from .verdict import Verdict

if TYPE_CHECKING:
    from pulsetrain.sdk.run import Run

PREPROCESS, INTENTS, ENTITIES, VALIDATE, SAVE = STAGES
LEAST_STEPS = 50
"""An epoch has at least so many steps where there are so many examples: small data sets take smaller batches."""
PULL = 5e-4
"""How strongly weights of clues are pulled towards zero. It keeps rare clues from being learnt by heart."""
CHECKPOINT_SECONDS = 60.0
SHOWN_WARNINGS = 20
TELLING_WORDS = 10
SAMPLES = 20
SHOWN_TEXTS = 3
ASKED_AT_ONCE = 500


class Stopped(Exception):
    """Somebody asked the run to stop, and all that is worth keeping is saved."""


class Stages:
    """One run of the trainer."""

    def __init__(self, run: Run, data: Path, settings: Settings) -> None:
        self.run = run
        self.data = data
        self.settings = settings
        self.progress = Progress(run)
        self.courses: dict[str, Course] = {}
        self._saved = run.clock()
        self.tables = Tables(run)

    def go(self) -> None:
        """Run the stages; return early, with a checkpoint saved, when the run was asked to stop."""
        # Products of such small matrices gain nothing from a second thread, and on a busy machine they wait for it.
        with threadpool_limits(1):
            try:
                self.preprocess()
                self.train_intents()
                self.train_entities()
                self.validate()
                self.save()
            except Stopped:
                _say("Stopped at a safe point.")

    # ---- Preprocess ----

    def preprocess(self) -> None:
        """Read the examples, hold some out, and find what there is to learn from in the others."""
        self._begin(PREPROCESS)
        found = read_examples(self.data)
        self._complain(found)
        with self.data.open("rb") as file:
            self.digest = hashlib.file_digest(file, "sha256").hexdigest()
        checkpoint = Checkpoint.find(self.run)
        if checkpoint is not None:
            checkpoint.check(self.digest, self.settings)
        self.learnt, self.held_out = part(found.examples, self.settings.validation_split, self.settings.seed)
        if len({example.intent for example in self.learnt}) < 2:
            raise BadTable("Fewer than two intents are left to learn from.", hint="Look at the splits in the file.")
        self._expect_work()
        self._prepare_intents()
        self.progress.show(PREPROCESS, 0.4)
        self._check_stop()
        self._prepare_entities()
        if checkpoint is not None:
            for name, course in self.courses.items():
                checkpoint.restore(name, course)
            done = " and ".join(f"{course.place.epoch} epochs of {name}" for name, course in self.courses.items())
            _say(f"Going on after {done}.")
        self._offer()
        self.progress.show(PREPROCESS, 1.0)

    def _complain(self, found: Examples) -> None:
        for row, text in found.warnings[:SHOWN_WARNINGS]:
            _say(f"WARNING: {f'row {row}: ' if row else ''}{text}")
        if len(found.warnings) > SHOWN_WARNINGS:
            _say(f"WARNING: and {len(found.warnings) - SHOWN_WARNINGS:,} more like these.")
        if found.problems:
            self.run.table("Wrong examples", ["row", "problem"], found.problems[:100])
        demand_good(found)
        self.notes = [f"Row {row}: {text}" if row else text for row, text in found.warnings[:SHOWN_WARNINGS]]

    def _prepare_intents(self) -> None:
        names = sorted({example.intent for example in self.learnt})
        vectors = Vectors.fitted([example.text for example in self.learnt], self.settings.least)
        self.classifier = IntentClassifier(names, vectors, Weights(vectors.width, len(names), self.settings.optimizer))
        lessons = IntentLessons(self.classifier, self.learnt, self._batch)
        self.courses["intents"] = Course(lessons, (self.settings.seed, 0))
        self._vectors = vectors.of([example.text for example in self.held_out])
        _say(
            f"{len(self.learnt):,} examples to learn from, {len(self.held_out):,} held out; "
            f"{len(names)} intents told by {vectors.width:,} words and pieces of words."
        )

    def _prepare_entities(self) -> None:
        sentences = [Sentence(example.tokens, example.intent, example.entities) for example in self.learnt]
        tags, clues = begin(sentences, self.settings.least)
        optimizer = self.settings.optimizer
        clue = Weights(len(clues), len(tags), optimizer, pull=PULL)
        self.extractor = EntityExtractor(tags, clues, clue, Weights(len(tags), len(tags), optimizer, pull=PULL))
        if not self.extractor.labels:
            _say("No example has entities, so the model will find none.")
            return
        self.courses["entities"] = Course(
            EntityLessons(self.extractor, sentences, self._batch), (self.settings.seed, 1)
        )
        _say(f"{len(self.extractor.labels)} labels of entities told by {len(clues):,} clues.")

    @property
    def _batch(self) -> int:
        return max(1, min(self.settings.batch_size, len(self.learnt) // LEAST_STEPS))

    # ---- Train intent classifier ----

    def train_intents(self) -> None:
        """Epoch after epoch; after each, the held-out examples are answered."""
        self._begin(INTENTS)
        self._learn("intents", INTENTS, "epochs", self._measure_intents)
        self.run.settle("epochs")

    def _measure_intents(self, loss: float) -> dict[str, float]:
        row = {"loss": loss}
        if self.held_out:
            truth = [example.intent for example in self.held_out]
            shares = self.classifier.shares(self._vectors)
            answers = [self.classifier.names[place] for place in shares.argmax(axis=1)]
            right = scores.accuracy(truth, answers) or 0.0
            row |= {"accuracy": right, "live_accuracy": right}
            number = {name: place for place, name in enumerate(self.classifier.names)}
            known = [shares[at, number[name]] for at, name in enumerate(truth) if name in number]
            if known:
                row["validation_loss"] = float(-np.log(np.maximum(known, 1e-12)).mean())
            self.tables.scores("Intents", scores.intent_scores(truth, answers))
        return row

    # ---- Train entity extractor ----

    def train_entities(self) -> None:
        """Epoch after epoch; after each, entities are sought in the held-out examples."""
        self._begin(ENTITIES)
        if "entities" not in self.courses:
            return
        self.progress.show(ENTITIES, 0.0)
        answers = self.classifier.shares(self._vectors).argmax(axis=1) if self.held_out else []
        # As it will be when the model is asked: with the intents that the classifier takes the texts for.
        self._sentences = [
            Sentence(example.tokens, self.classifier.names[answer], example.entities)
            for example, answer in zip(self.held_out, answers, strict=True)
        ]
        self._clues = self.extractor.read(self._sentences)
        self._learn("entities", ENTITIES, "entity_epochs", self._measure_entities)

    def _measure_entities(self, loss: float) -> dict[str, float]:
        row = {"entity_loss": loss}
        if self.held_out:
            truth = [sentence.entities for sentence in self._sentences]
            found = scores.entity_scores(truth, self.extractor.find(self._sentences, self._clues))
            values = {
                "entity_f1": found.together.f1,
                "entity_precision": found.together.precision,
                "entity_recall": found.together.recall,
            }
            row |= {name: value for name, value in values.items() if value is not None}
            self.tables.scores("Entities", found)
        return row

    # ---- Validate ----

    def validate(self) -> None:
        """Answer the held-out examples with the model as it will be kept."""
        self.run.settle()
        self._begin(VALIDATE)
        about = {"trainer": "nlu-train", "dataset": self.data.name, "examples": len(self.learnt)}
        self.model = Model.of(self.classifier, self.extractor, about | {"texts": self._samples()[:SHOWN_TEXTS]})
        self.verdict = self._judge(self.model, lambda share: self.progress.show(VALIDATE, share, often=True))
        self.tables.verdict(self.verdict)
        histories = {name: course.place.history for name, course in self.courses.items()}
        self.report = report(self.verdict, histories, self.classifier.telling(TELLING_WORDS), self.notes)
        _say(self.report.summary)
        self.progress.show(VALIDATE, 1.0)

    def _judge(self, model: Model, on_share: Callable[[float], None] = lambda share: None) -> Verdict:
        """The model's answers to the held-out examples."""
        answers: list[Answer] = []
        for start in range(0, len(self.held_out), ASKED_AT_ONCE):
            answers += model.answer([example.text for example in self.held_out[start : start + ASKED_AT_ONCE]])
            on_share(len(answers) / len(self.held_out))
        return Verdict(self.learnt, self.held_out, answers)

    def _samples(self) -> list[str]:
        return [example.text for example in (self.held_out or self.learnt)[:SAMPLES]]

    def _figures(self) -> dict[str, float]:
        found = self.verdict.entity_scores
        values = {
            "accuracy": self.verdict.accuracy,
            "intent_f1": self.verdict.intent_scores.macro,
            "entity_f1": found.together.f1 if found else None,
        }
        return {name: value for name, value in values.items() if value is not None}

    # ---- Save ----

    def save(self) -> None:
        """Write what the run is for: the model, the report, and the answers to the held-out examples."""
        self._begin(SAVE)
        folder = self.run.dir
        self.model.about.update(self._figures())
        self.model.save(folder / "model.npz")
        self.progress.show(SAVE, 0.9)
        (folder / "report.json").write_bytes(msgspec.json.encode(self.report))
        for name, kind in (("report.json", "report"), ("model.npz", "model")):
            self.run.save_artifact(folder / name, name=name, kind=kind)
        self.progress.show(SAVE, 1.0)
        _say(f"The model is written: {(folder / 'model.npz').stat().st_size / 2**20:.1f} MiB.")

    # ---- what both trainings need ----

    def _learn(self, name: str, stage: str, wanted: str, measure: Callable[[float], dict[str, float]]) -> None:
        course = self.courses[name]
        while course.place.epoch < (epochs := self._wanted(wanted)):
            self._expect_work()
            begun, done = self.run.clock(), course.place.epoch

            def on_batch(share: float, done: int = done, epochs: int = epochs) -> None:
                self.progress.show(stage, (done + share) / epochs, epoch=done, epochs=epochs, often=True)

            skipped = course.place.batch
            loss = course.epoch(self._rate, self._safe_point, on_batch)
            if loss is None:
                self._save_checkpoint()
                raise Stopped
            seconds = self.run.clock() - begun
            row = measure(loss)
            course.place.history.append(row)
            self.run.log(row, step=self._step)
            rate = len(self.learnt) / seconds if seconds and not skipped else None
            self.progress.show(stage, (done + 1) / epochs, epoch=done + 1, epochs=epochs, rate=rate)
            told = ", ".join(
                f"{key.replace('_', ' ')} {value:.4f}" for key, value in row.items() if key != "live_accuracy"
            )
            _say(f"Epoch {done + 1}/{epochs}: {told}")
        self._expect_work()
        self.progress.show(stage, 1.0, epoch=course.place.epoch, epochs=self._wanted(wanted))
        if name == list(self.courses)[-1]:
            self._save_checkpoint()

    @property
    def _step(self) -> int:
        """Epochs of both courses, so that steps count up and a change is drawn where it was made."""
        return sum(course.place.epoch for course in self.courses.values())

    def _rate(self) -> float:
        return float(self.run.param("learning_rate", self.settings.learning_rate))

    def _wanted(self, name: str) -> int:
        return int(self.run.param(name, getattr(self.settings, name)))

    def _expect_work(self) -> None:
        """What the stages cost beside each other; the numbers are microseconds on some machine."""
        count = len(self.learnt) + 0.2 * len(self.held_out)
        words = sum(len(example.tokens) for example in self.learnt)
        tags = 2 * len({span.label for example in self.learnt for span in example.entities})
        course = 0.0 if not tags else words * (8 + 0.13 * tags)
        self.progress.expect(
            {
                PREPROCESS: 40 * words,
                INTENTS: 32 * count * self._wanted("epochs"),
                ENTITIES: course * self._wanted("entity_epochs"),
                VALIDATE: 600 * len(self.held_out),
                SAVE: 20 * words,
            }
        )

    def _safe_point(self) -> bool:
        if self.run.clock() - self._saved > CHECKPOINT_SECONDS:
            self._save_checkpoint()
        return self.run.should_stop

    def _save_checkpoint(self) -> None:
        path = self.run.dir / FILE
        Checkpoint.of(self.courses, self.settings, self.digest).save(path)
        self.run.save_artifact(path, name=FILE, kind="checkpoint")
        self._saved = self.run.clock()

    # ---- what somebody may ask for meanwhile ----

    def _offer(self) -> None:
        """What can be asked of the training; it comes at a safe point, in this thread."""
        self.run.on("checkpoint", self._save_checkpoint)
        self.run.on("evaluate", self._evaluate)
        self.run.on("sample", self._sample)

    def _evaluate(self) -> None:
        verdict = self._judge(Model.of(self.classifier, self.extractor, {}))
        self.tables.verdict(verdict)
        _say(f"As it is now: {summary(verdict)}")

    def _sample(self) -> None:
        texts = self._samples()
        self.tables.samples(texts, Model.of(self.classifier, self.extractor, {}).answer(texts))

    # ---- what all of them need ----

    def _begin(self, stage: str) -> None:
        self._check_stop()
        self.run.stage(stage, index=STAGES.index(stage), of=len(STAGES))
        _say(f"{stage}...")
        self.progress.show(stage, 0.0)

    def _check_stop(self) -> None:
        if self.run.should_stop:
            if any(course.place.epoch for course in self.courses.values()):
                self._save_checkpoint()
            raise Stopped


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201  # a trainer's output is its log
