"""What a growing model can be asked to do at once: evaluate itself, and show some of its answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .growth import Growth
from .telling import quality_name, say, shown

if TYPE_CHECKING:
    from pulsetrain.sdk.run import Run

SAMPLES = 10


def offer(run: Run, growth: Growth, labels: list[str]) -> None:
    """Declare what the model can be asked for."""
    run.on("evaluate", lambda: evaluate(run, growth))
    run.on("sample", lambda: sample(run, growth, labels))


def evaluate(run: Run, growth: Growth) -> None:
    """Judge the model as it is by the validation rows. The held-out ones stay unseen."""
    if not growth.progress.grown:
        say("There is no model to evaluate yet.")
        return
    found, unit, quality = growth.judge(growth.model, growth.validation), growth.family.unit, quality_name(growth.task)
    second = "AUC" if growth.task == "classification" else "Mean absolute error"
    row = [growth.progress.grown, found.quality, found.loss, found.second]
    run.table("Evaluation", [unit.capitalize(), quality.capitalize(), "Loss", second], [row])
    say(f"After {growth.progress.grown} {unit}: {quality} {shown(found.quality)}, loss {found.loss:.4f}.")


def sample(run: Run, growth: Growth, labels: list[str]) -> None:
    """Show what the model says about some validation rows."""
    if not growth.progress.grown:
        say("There is no model to ask yet.")
        return
    answers = growth.answers(growth.validation.rows[:SAMPLES])
    truth = growth.validation.truth[:SAMPLES]
    if growth.task == "classification":
        rows = [
            [labels[int(real)], labels[int(answer.argmax())], float(answer.max())]
            for real, answer in zip(truth, answers, strict=True)
        ]
        run.table("Samples", ["Real", "Predicted", "How sure"], rows)
    else:
        pairs = [[float(real), float(answer)] for real, answer in zip(truth, answers, strict=True)]
        run.table("Samples", ["Real", "Predicted"], pairs)
