"""The first three stages: from the file to numbers that can be learnt from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from pulsetrain.model.errors import BadParameters
from pulsetrain.tables.read import Table, read_table

from .columns import Plan, plan_columns
from .encoder import Encoder, prepare
from .importance import Tells, rank_columns
from .parts import Parts, Sample, Target, sampled, split, target_of
from .target import Task, suggest_target, task_of
from .telling import Telling, say
from .trainer import Settings
from .validation import findings, left_out, usable_rows

_LEAK = 0.98


@dataclass(frozen=True)
class Checked:
    """A table whose rows can be learnt from, and what is to be predicted."""

    table: Table
    target: str
    task: Task


@dataclass(frozen=True)
class Material:
    """Typed cells, rows set apart, and what becomes of each column. `prepared` has no memory of any row."""

    frame: pl.DataFrame
    target: Target
    plan: Plan
    prepared: pl.DataFrame
    parts: Parts


@dataclass(frozen=True)
class Encoded:
    """The three parts as numbers, by an encoder that knows the training rows alone."""

    encoder: Encoder
    train: Sample
    validation: Sample
    test: Sample
    ranking: list[Tells]


def digest_of(data: Path) -> str:
    """SHA-256 of the file."""
    with data.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def validate(data: Path, settings: Settings, telling: Telling) -> Checked:
    """Read the table, settle the target and the task, and say what is wrong, with row numbers."""
    table = read_table(data)
    telling.show(0.5)
    say(f"{data.name}: {table.frame.height:,} rows and {table.frame.width} columns.")
    for note in findings(table):
        telling.note(note)
    name = _target_name(table, settings.target.strip())
    task, why = task_of(table.frame[name], table.kinds[name], settings.task)
    say(f"Task: {task} ({why}).")
    usable, notes = usable_rows(table, name, task)
    for note in notes:
        telling.note(note)
    table.frame = table.frame.filter(usable)
    return Checked(table, name, task)


def _target_name(table: Table, wanted: str) -> str:
    if not wanted:
        suggestion = suggest_target(table)
        say(f"Target: {suggestion.name!r}, suggested because {suggestion.reason}.")
        return suggestion.name
    if wanted not in table.frame.columns:
        shown = ", ".join(table.frame.columns[:20])
        raise BadParameters(f"There is no column {wanted!r} to take as target.", hint=f"Columns: {shown}.")
    say(f"Target: {wanted!r}, as asked.")
    return wanted


def preprocess(checked: Checked, settings: Settings, telling: Telling) -> Material:
    """Decide what becomes of each column, bring the cells into types, and set rows apart."""
    frame, target = checked.table.frame, target_of(checked.table.frame[checked.target], checked.task)
    every = np.arange(frame.height)
    rows = sampled(target, every, settings.max_rows, settings.seed)
    if len(rows) < len(every):
        telling.note(f"{len(rows):,} of {len(every):,} rows were sampled (max_rows).")
    plan = plan_columns(checked.table, checked.target, left_out(settings.leave_out, checked.table, checked.target))
    for dropped in plan.dropped:
        say(f"Column {dropped.name!r} is not used: {dropped.why}.")
    telling.show(0.5)
    material = Material(frame, target, plan, prepare(frame, plan.features), split(target, rows, settings.seed))
    parts = material.parts
    say(
        f"{len(parts.train):,} rows to learn from, {len(parts.validation):,} to look at while learning, "
        f"{len(parts.test):,} held out; used are {len(plan.features)} of {frame.width - 1} columns."
    )
    return material


def engineer(material: Material, settings: Settings, telling: Telling) -> Encoded:
    """Learn from the training rows how columns become numbers, and rank the columns by what they tell alone."""
    target, parts = material.target, material.parts
    encoder = Encoder(material.plan.features, target.task, len(target.classes), settings.seed)
    train = Sample(
        encoder.fit(material.prepared[parts.train], target.numbers[parts.train]), target.numbers[parts.train]
    )
    validation, test = (
        Sample(encoder.encode(material.prepared[rows]), target.numbers[rows]) for rows in (parts.validation, parts.test)
    )
    say(f"A row becomes {train.rows.shape[1]} numbers.")
    telling.show(0.3)
    ranking = rank_columns(encoder, train, target.task, settings.seed, lambda share: telling.show(0.3 + 0.7 * share))
    rows = [[one.name, one.bits, one.share] for one in ranking[:50]]
    telling.run.table("Features", ["Column", "Bits it tells", "Share of the target"], rows)
    for one in ranking:
        if one.share is not None and one.share >= _LEAK:
            telling.note(f"Column {one.name!r} alone tells the target almost surely. Is it known before the target is?")
    return Encoded(encoder, train, validation, test, ranking)
