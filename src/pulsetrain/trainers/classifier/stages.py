"""The eight stages of a training, read top to bottom."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import polars as pl

from pulsetrain.model.errors import BadParameters, BadTable
from pulsetrain.tables.read import Table, read_table

from .checkpoint import FILE, Checkpoint, State
from .columns import Plan, plan_columns
from .encoder import Encoder, prepare
from .families import FAMILIES, Family, Size, chosen_families
from .growth import Growth, Look, Progress, Sample, go_on
from .importance import Need, Telling, needs, rank_columns
from .model import About, Model, interval_half, levels_and_bounds
from .parts import Parts, Target, folds, label_text, sampled, split, target_of
from .report import Findings, Held, leaderboard, make_report, summary
from .scores import Asking, quality_interval, scores
from .selection import BASELINE, BASELINE_TITLES, Scale, Trial, baseline_answers, compete, standings, winner
from .target import suggest_target, task_of
from .trainer import STAGES, Settings
from .validation import findings, left_out, usable_rows

if TYPE_CHECKING:
    from pulsetrain.sdk.run import Run

ENDS = dict(zip(STAGES, (10.0, 25.0, 40.0, 55.0, 75.0, 90.0, 95.0, 100.0), strict=True))
"""Per cent of the run when a stage is over (CONTRACTS B)."""
CHECKPOINT_SECONDS = 10.0
ARTIFACT_SECONDS = 60.0
SELECTION_ROWS = {"fast": 10_000, "thorough": 30_000}
"""The competition is held on so many training rows; the winner then learns from all of them."""
_LEAK = 0.98
_SAMPLES = 10
_CHECKED_ROWS = 50


class Stopped(Exception):
    """Somebody asked the run to stop, and all that is worth keeping is saved."""


class Stages:
    """One run of the trainer."""

    def __init__(self, run: Run, data: Path, settings: Settings) -> None:
        self.run = run
        self.data = data
        self.settings = settings
        self.families = chosen_families(settings.families, settings.effort)
        self.stage = STAGES[0]
        self.step = 0
        self.trials: list[Trial] = []
        self.chosen: Family | None = None
        self.growth: Growth | None = None
        self.notes: list[str] = []
        self.saved = self.sent = time.monotonic()

    def go(self) -> None:
        """Run the stages; return early, with a checkpoint saved, when the run was asked to stop."""
        try:
            self.validate()
            self.preprocess()
            self.engineer()
            self.select()
            self.train()
            self.judge()
            self.evaluate()
            self.finish()
        except Stopped:
            _say("Stopped at a safe point.")

    # ---- Data validation ----

    def validate(self) -> None:
        """Read the table, settle the target and the task, and say what is wrong, with row numbers."""
        self._begin("Data validation")
        table = read_table(self.data)
        with self.data.open("rb") as file:
            self.digest = hashlib.file_digest(file, "sha256").hexdigest()
        self.found = Checkpoint.find(self.run)
        if self.found is not None:
            self.found.check(self.digest, self.settings)
        self._show(0.5)
        _say(f"{self.data.name}: {table.frame.height:,} rows and {table.frame.width} columns.")
        self.notes += findings(table)
        name = self._target_name(table)
        task, why = task_of(table.frame[name], table.kinds[name], self.settings.task)
        _say(f"Task: {task} ({why}).")
        usable, notes = usable_rows(table, name, task)
        self.notes += notes
        for note in self.notes:
            _say(note)
        table.frame = table.frame.filter(usable)
        self.table, self.name, self.task = table, name, task

    def _target_name(self, table: Table) -> str:
        wanted = self.settings.target.strip()
        if not wanted:
            suggestion = suggest_target(table)
            _say(f"Target: {suggestion.name!r}, suggested because {suggestion.reason}.")
            return suggestion.name
        if wanted not in table.frame.columns:
            shown = ", ".join(table.frame.columns[:20])
            raise BadParameters(f"There is no column {wanted!r} to take as target.", hint=f"Columns: {shown}.")
        _say(f"Target: {wanted!r}, as asked.")
        return wanted

    # ---- Data preprocessing ----

    def preprocess(self) -> None:
        """Decide what becomes of each column, bring the cells into types, and set rows apart."""
        self._begin("Data preprocessing")
        self.target: Target = target_of(self.table.frame[self.name], self.task)
        every = np.arange(len(self.target.numbers))
        rows = sampled(self.target, every, self.settings.max_rows, self.settings.seed)
        if len(rows) < len(every):
            self._note(f"{len(rows):,} of {len(every):,} rows were sampled (max_rows).")
        self.plan: Plan = plan_columns(self.table, self.name, left_out(self.settings.leave_out, self.table, self.name))
        for dropped in self.plan.dropped:
            _say(f"Column {dropped.name!r} is not used: {dropped.why}.")
        self._show(0.5)
        self.prepared: pl.DataFrame = prepare(self.table.frame, self.plan.features)
        self.parts: Parts = split(self.target, rows, self.settings.seed)
        self.asking = Asking(self.task, self.found.state.predictions if self.found else 0)
        _say(
            f"{len(self.parts.train):,} rows to learn from, {len(self.parts.validation):,} to look at while learning, "
            f"{len(self.parts.test):,} held out; {len(self.plan.features)} columns are used."
        )

    # ---- Feature engineering ----

    def engineer(self) -> None:
        """Learn from the training rows how columns become numbers, and rank the columns by what they tell alone."""
        self._begin("Feature engineering")
        numbers, parts = self.target.numbers, self.parts
        self.encoder = Encoder(self.plan.features, self.task, len(self.target.classes), self.settings.seed)
        learnt = numbers[parts.train]
        self.learn = Sample(self.encoder.fit(self.prepared[parts.train], learnt), learnt)
        self.look = Sample(self.encoder.encode(self.prepared[parts.validation]), numbers[parts.validation])
        self.held = Sample(self.encoder.encode(self.prepared[parts.test]), numbers[parts.test])
        _say(f"A row becomes {self.learn.rows.shape[1]} numbers.")
        self._show(0.3)
        self.ranking: list[Telling] = rank_columns(
            self.encoder, self.learn.rows, learnt, self.task, self.settings.seed, lambda share: self._show(0.3 + 0.7 * share)
        )
        self.run.table(
            "Features", ["Column", "Bits it tells", "Share"], [[one.name, one.bits, one.share] for one in self.ranking[:50]]
        )
        for one in self.ranking:
            if one.share is not None and one.share >= _LEAK:
                self._note(f"Column {one.name!r} alone tells the target almost surely. Is it known before the target is?")

    # ---- Model selection ----

    def select(self) -> None:
        """Let the kinds of model compete under cross-validation, with a leaderboard that is live."""
        self._begin("Model selection")
        if self.found is not None:
            self.trials, self.step = list(self.found.state.trials), self.found.state.step
        limit = SELECTION_ROWS[self.settings.effort]
        rows = sampled(self.target, self.parts.train, limit, self.settings.seed)
        pairs = folds(self.target, rows, self.settings.folds, self.settings.seed)
        every = len(pairs) * (len(self.families) + 1)
        for trial in compete(
            self.prepared,
            self.plan.features,
            self.target,
            pairs,
            self.families,
            self.asking,
            seed=self.settings.seed,
            done=self.trials,
            safe_point=self._safe_point,
        ):
            self.trials.append(trial)
            self._tell_trial(trial)
            self._show(len(self.trials) / every)
            self._save_now_and_then()
        self._tell_winner()

    def _tell_trial(self, trial: Trial) -> None:
        if trial.problem:
            _say(f"{FAMILIES[trial.family].title} failed on fold {trial.fold + 1}: {trial.problem}")
        if trial.scores is not None and trial.family != BASELINE:
            values = {"cross_validation_loss": trial.scores.loss, "cross_validation_accuracy": trial.scores.quality}
            self._log(values)
        names, rows = leaderboard(standings(self.trials), FAMILIES, self.task)
        self.run.table("Leaderboard", names, rows)

    def _tell_winner(self) -> None:
        try:
            self.chosen = winner(self.trials, self.families)
        except ValueError as problem:
            raise BadTable(str(problem)) from problem
        board = standings(self.trials)
        for place, one in enumerate(board, 1):
            title = BASELINE_TITLES[self.task] if one.family == BASELINE else FAMILIES[one.family].title
            _say(f"{place}. {title}: loss {one.loss:.4f}, {_quality(self.task)} {_number(one.quality)}")
        if board[0].family == BASELINE:
            self._note("No kind of model beat the baseline under cross-validation: the columns may tell nothing.")
        _say(f"{self.chosen.title} is chosen.")

    # ---- Training model ----

    def train(self) -> None:
        """Grow the chosen kind of model on all training rows, and look at it with the validation rows as it grows."""
        self._begin("Training model")
        assert self.chosen is not None
        found, size = self.found, Size(*self.learn.rows.shape)
        resumed = found is not None and found.estimator is not None
        self.growth = Growth(
            self.chosen,
            self.task,
            self.learn,
            self.look,
            Scale.of(self.target, self.learn.truth),
            self.asking,
            found.estimator if found and resumed else self.chosen.make(self.task, size, self.settings.seed),
            self.settings.patience,
            found.kept if found else None,
            found.state.progress if found and resumed else Progress(),
        )
        if resumed:
            _say(f"Going on after {self.growth.progress.grown} {self.chosen.unit} of the checkpoint.")
        self._offer_actions()
        go_on(self.growth, self._epochs, self._rate, self._tell_look)
        _say(f"The model has {self._grown()} {self.chosen.unit}: {self.growth.progress.ended}.")
        self._save(send=True)

    def _epochs(self) -> int:
        self._safe_point()
        return int(self.run.param("epochs", self.settings.epochs))

    def _rate(self) -> float:
        return float(self.run.param("learning_rate", self.settings.learning_rate))

    def _tell_look(self, look: Look) -> None:
        self._log(
            {
                "live_accuracy": look.validation.quality,
                "validation_loss": look.validation.loss,
                "training_accuracy": look.training.quality,
                "training_loss": look.training.loss,
            }
        )
        epochs = max(look.grown, int(self.run.param("epochs", self.settings.epochs)))
        self._show(look.grown / epochs, epoch=look.grown, epochs=epochs)
        assert self.growth is not None
        if len(self.growth.progress.looks) % 10 == 1:
            quality = _number(look.validation.quality)
            _say(f"{look.grown} {self.growth.family.unit}: {_quality(self.task)} {quality} on validation rows.")
        self._save_now_and_then()

    def _offer_actions(self) -> None:
        self.run.on("checkpoint", lambda: self._save(send=True))
        self.run.on("evaluate", self._evaluate_now)
        self.run.on("sample", self._sample_now)

    def _evaluate_now(self) -> None:
        growth = self.growth
        if growth is None or growth.progress.grown == 0:
            _say("There is no model to evaluate yet.")
            return
        found = growth.judge(growth.model, growth.validation)
        rows = [[growth.progress.grown, found.quality, found.loss, found.second]]
        self.run.table("Evaluation", [growth.family.unit, _quality(self.task), "loss", "second"], rows)
        _say(f"{_quality(self.task)} {_number(found.quality)}, loss {found.loss:.4f} on validation rows.")

    def _sample_now(self) -> None:
        growth = self.growth
        if growth is None or growth.progress.grown == 0:
            _say("There is no model to ask yet.")
            return
        rows = growth.validation.rows[:_SAMPLES]
        answers = growth.scale.up(self.asking.ask(growth.model, rows))
        real, guessed = growth.validation.truth[:_SAMPLES].tolist(), answers.tolist()
        if self.task == "classification":
            labels = self.target.labels
            real, guessed = [labels[one] for one in real], [labels[int(one)] for one in answers.argmax(axis=1)]
        self.run.table("Samples", ["Real", "Predicted"], [list(pair) for pair in zip(real, guessed, strict=True)])

    def _grown(self) -> int:
        assert self.growth is not None
        return self.growth.progress.best if self.growth.kept is not None else self.growth.progress.grown

    # ---- Model validation ----

    def judge(self) -> None:
        """Judge the model by the held-out rows, against the baseline, with an interval by bootstrap."""
        self._begin("Model validation")
        assert self.growth is not None
        growth, numbers = self.growth, self.target.numbers
        answers = growth.scale.up(self.asking.ask(growth.model, self.held.rows))
        baseline = baseline_answers(self.target, self.parts.train, len(self.held.truth))
        self._show(0.3)
        self.verdict = Held(
            self.table.frame[self.parts.test],
            answers,
            self.held.truth,
            scores(self.task, answers, self.held.truth),
            scores(self.task, baseline, self.held.truth),
            quality_interval(self.task, answers, self.held.truth, self.settings.seed),
        )
        self.error_90 = None
        if self.task == "regression":
            looked = growth.scale.up(self.asking.ask(growth.model, self.look.rows))
            self.error_90 = interval_half(looked, numbers[self.parts.validation])
            self.verdict.coverage = float((np.abs(answers - self.held.truth) <= self.error_90).mean())
        found, name = self.verdict.scores, "accuracy" if self.task == "classification" else "r2"
        self._log({name: found.quality, "loss": found.loss})
        _say(
            f"{len(self.held.truth):,} held-out rows: {_quality(self.task)} {_number(found.quality)} "
            f"(baseline {_number(self.verdict.baseline.quality)}), loss {found.loss:.4f} "
            f"(baseline {self.verdict.baseline.loss:.4f})."
        )

    # ---- Performance evaluation ----

    def evaluate(self) -> None:
        """Find out what the model relies on, and put all that was measured into the report."""
        self._begin("Performance evaluation")
        assert self.growth is not None and self.chosen is not None
        growth = self.growth
        self.needs: list[Need] = needs(
            growth.model,
            self.encoder,
            self.held,
            growth.scale,
            self.asking,
            self.ranking,
            self.settings.seed,
            self._show,
        )
        self._log({})
        parts = self.parts
        self.findings = Findings(
            dataset=self.data.name,
            target=self.target,
            plan=self.plan,
            rows=(len(parts.train), len(parts.validation), len(parts.test)),
            standings=standings(self.trials),
            families=FAMILIES,
            chosen=self.chosen,
            grown=self._grown(),
            looks=growth.progress.looks,
            held=self.verdict,
            ranking=self.ranking,
            needs=self.needs,
            notes=self.notes,
            predictions=self.asking.made,
            seed=self.settings.seed,
        )
        self.report = make_report(self.findings)

    # ---- Finalizing model ----

    def finish(self) -> None:
        """Write the model, its report and the held-out rows with their predictions; check that the file answers alike."""
        self._begin("Finalizing model")
        folder = self.run.dir
        self._model().save(folder / "model.zip")
        rows = self.parts.test[:_CHECKED_ROWS]
        again = Model.load(folder / "model.zip").answers(self.table.frame[rows], self.asking)
        if not np.allclose(again, self.verdict.answers[:_CHECKED_ROWS], rtol=1e-4, atol=1e-6):
            raise RuntimeError("The model that was written answers differently from the one that was trained.")
        self._log({})
        self._show(0.6)
        (folder / "report.json").write_bytes(msgspec.json.encode(self.report))
        self._predictions().write_csv(folder / "predictions.csv")
        for name, kind in (("predictions.csv", "data"), ("report.json", "report"), ("model.zip", "model")):
            self.run.save_artifact(folder / name, name=name, kind=kind)
        self._show(1.0)
        _say(summary(self.findings))

    def _model(self) -> Model:
        assert self.growth is not None
        growth, frame = self.growth, self.table.frame
        levels, bounds = levels_and_bounds(self.encoder, frame[self.parts.train])
        example = frame[self.parts.train[:1]]
        about = About(
            target=self.name,
            task=self.task,
            classes=self.target.classes,
            features=self.plan.features,
            unused=[dropped.name for dropped in self.plan.dropped],
            scale=growth.scale,
            family=growth.family.name,
            grown=self._grown(),
            dataset=self.data.name,
            seed=self.settings.seed,
            error_90=self.error_90,
            example={feature.name: _plain(example[feature.name][0]) for feature in self.plan.features},
            levels=levels,
            bounds=bounds,
            metrics={"quality": self.verdict.scores.quality, "loss": self.verdict.scores.loss},
        )
        return Model(about, self.encoder, growth.model)

    def _predictions(self) -> pl.DataFrame:
        """The held-out rows with what the model said."""
        frame, answers = self.verdict.frame, self.verdict.answers
        taken = set(frame.columns)
        guess = "prediction" if "prediction" not in taken else f"prediction of {self.name}"
        if self.task == "regression":
            return frame.with_columns(pl.Series(guess, answers))
        labels = [self.target.classes[int(place)] for place in answers.argmax(axis=1)]
        sure = "confidence" if "confidence" not in taken else f"confidence of {self.name}"
        return frame.with_columns(pl.Series(guess, labels), pl.Series(sure, answers.max(axis=1)))

    # ---- what all of them need ----

    def _begin(self, stage: str) -> None:
        self._safe_point()
        self.stage = stage
        self.run.stage(stage, index=STAGES.index(stage), of=len(STAGES))
        self._show(0.0)

    def _show(self, share: float, *, epoch: int | None = None, epochs: int | None = None) -> None:
        """How much of the stage is done. A safe point."""
        before = STAGES.index(self.stage) - 1
        low, high = ENDS[STAGES[before]] if before >= 0 else 0.0, ENDS[self.stage]
        self.run.progress(percent=low + (high - low) * share, epoch=epoch, epochs=epochs)
        if share < 1:
            self._safe_point()

    def _log(self, values: dict[str, float | None]) -> None:
        """A row of metrics. `step` counts the rows: each is one look at a model by rows it had not seen."""
        self.step += 1
        known: dict[str, Any] = {name: value for name, value in values.items() if value is not None}
        self.run.log({**known, "predictions_processed": self.asking.made}, step=self.step)

    def _note(self, text: str) -> None:
        self.notes.append(text)
        _say(text)

    def _safe_point(self) -> None:
        if self.run.should_stop:
            if self.trials:
                self._save(send=True)
            raise Stopped

    def _save_now_and_then(self) -> None:
        now = time.monotonic()
        if now - self.saved > CHECKPOINT_SECONDS:
            self._save(send=now - self.sent > ARTIFACT_SECONDS)

    def _save(self, *, send: bool) -> None:
        growth, path = self.growth, self.run.dir / FILE
        state = State(
            digest=self.digest,
            settings=self.settings,
            trials=self.trials,
            family=None if self.chosen is None else self.chosen.name,
            progress=growth.progress if growth else Progress(),
            predictions=self.asking.made,
            step=self.step,
        )
        grown = growth is not None and growth.progress.grown > 0
        Checkpoint(state, growth.estimator if growth and grown else None, growth.kept if growth else None).save(path)
        self.saved = time.monotonic()
        if send:
            self.run.save_artifact(path, name=FILE, kind="checkpoint")
            self.sent = self.saved


def _quality(task: str) -> str:
    return "accuracy" if task == "classification" else "R²"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4f}"


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float):
        return label_text(value) if isinstance(value, str) else value
    return value.isoformat(sep=" ")


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201  # a trainer's output is its log
