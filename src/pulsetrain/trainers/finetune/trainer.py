"""The trainer `fine-tune`: its parameters. The work itself is in `stages`, which imports torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from pulsetrain.trainers.registry import Advanced, Help, Range, trainer

if TYPE_CHECKING:
    from pulsetrain.sdk.run import Run

STAGES = ["Prepare data", "Load model", "Train", "Evaluate", "Save"]
TINY = "tiny:new"


class Columns(msgspec.Struct, frozen=True):
    """The columns that somebody named; empty ones are found by their usual names."""

    text: str = ""
    pair: str = ""
    label: str = ""
    prompt: str = ""
    output: str = ""


class Settings(msgspec.Struct, frozen=True):
    """The parameters of one training; see `train`."""

    model: str = TINY
    task: str = "auto"
    method: str = "auto"
    epochs: int = 3
    batch_size: int = 16
    learning_rate: float | None = None
    optimizer: str = "adamw"
    validation_split: float = 0.1
    schedule: str = "cosine"
    warmup: float = 0.05
    weight_decay: float = 0.01
    max_gradient_norm: float = 1.0
    accumulation: int = 1
    max_length: int = 256
    group_by_length: bool = True
    lora_rank: int = 16
    lora_alpha: int = 32
    lora_dropout: float = 0.05
    lora_targets: str = ""
    head_dropout: float = 0.1
    freeze_embeddings: bool = False
    freeze_layers: int = 0
    evaluate_every: int = 0
    samples: int = 4
    max_new_tokens: int = 48
    checkpoint_minutes: float = 5.0
    save: str = "auto"
    precision: str = "auto"
    device: str = "auto"
    seed: int = 0
    text_column: str = ""
    pair_column: str = ""
    label_column: str = ""
    prompt_column: str = ""
    output_column: str = ""

    @property
    def columns(self) -> Columns:
        return Columns(self.text_column, self.pair_column, self.label_column, self.prompt_column, self.output_column)

    @property
    def from_scratch(self) -> bool:
        """Whether the model is made on the spot and knows nothing yet."""
        return self.model == TINY

    @property
    def how(self) -> str:
        """The method in use: LoRA where there is something to adapt, all weights of a model from scratch."""
        return self.method if self.method != "auto" else "full" if self.from_scratch else "lora"

    @property
    def rate(self) -> float:
        """The learning rate in use."""
        if self.learning_rate is not None:
            return self.learning_rate
        return {"lora": 5e-4, "head": 2e-3, "full": 2e-3 if self.from_scratch else 5e-5}[self.how]


@trainer(
    "fine-tune",
    title="Fine-tune a language model",
    data="table",
    stages=STAGES,
    summary="Teaches a language model to classify texts or pairs of texts, or to follow instructions; LoRA or full.",
    needs=["torch", "transformers", "peft"],
    install="pip install 'pulsetrain[train]'",
    predictor="pulsetrain.trainers.finetune.predict:load",
)
def train(
    run: Run,
    data: Path,
    *,
    model: Annotated[
        str,
        Help(
            "A folder of this machine, a name on the Hugging Face hub, the model.tar of an earlier run, "
            "or tiny:new: a small model from scratch, made on the spot."
        ),
    ] = TINY,
    task: Annotated[
        Literal["auto", "classification", "pairs", "instruction"], Help("What is learnt; auto: by the columns.")
    ] = "auto",
    method: Annotated[
        Literal["auto", "lora", "full", "head"],
        Help("Which weights learn: small adapters, all of them, or a head on top alone. auto: LoRA, unless tiny:new."),
    ] = "auto",
    epochs: Annotated[int, Range(1, 1000), Help("Passes over the examples.")] = 3,
    batch_size: Annotated[int, Range(1, 1024), Help("Examples a batch.")] = 16,
    learning_rate: Annotated[float | None, Range(1e-8, 1), Help("Its highest value; empty: by the method.")] = None,
    optimizer: Annotated[Literal["adamw", "adam", "sgd"], Help("How steps are made."), Advanced()] = "adamw",
    validation_split: Annotated[float, Range(0.01, 0.5), Help("Share of the examples to judge by.")] = 0.1,
    schedule: Annotated[
        Literal["cosine", "linear", "constant"], Help("How the learning rate goes down after the warm-up."), Advanced()
    ] = "cosine",
    warmup: Annotated[float, Range(0, 0.5), Help("Share of the steps in which it goes up."), Advanced()] = 0.05,
    weight_decay: Annotated[float, Range(0, 1), Help("Pull of the weights towards zero."), Advanced()] = 0.01,
    max_gradient_norm: Annotated[float, Range(0.01, 1000), Help("Longer gradients are cut."), Advanced()] = 1.0,
    accumulation: Annotated[int, Range(1, 1024), Help("Batches a step."), Advanced()] = 1,
    max_length: Annotated[int, Range(8, 32_768), Help("Tokens of an example; the rest is cut."), Advanced()] = 256,
    group_by_length: Annotated[bool, Help("Batches of alike length: less padding, faster."), Advanced()] = True,
    lora_rank: Annotated[int, Range(1, 512), Help("Width of the adapters."), Advanced()] = 16,
    lora_alpha: Annotated[int, Range(1, 1024), Help("Their weight is alpha / rank."), Advanced()] = 32,
    lora_dropout: Annotated[float, Range(0, 0.9), Help("Dropout before the adapters."), Advanced()] = 0.05,
    lora_targets: Annotated[str, Help("Layers with adapters, by commas; empty: every linear one."), Advanced()] = "",
    head_dropout: Annotated[float, Range(0, 0.9), Help("Dropout before the classifying head."), Advanced()] = 0.1,
    freeze_embeddings: Annotated[bool, Help("Full: the embeddings stay as they are."), Advanced()] = False,
    freeze_layers: Annotated[int, Range(0, 1000), Help("Full: so many lowest layers stay."), Advanced()] = 0,
    evaluate_every: Annotated[int, Range(0, 1_000_000), Help("Steps; 0: some 20 times in all."), Advanced()] = 0,
    samples: Annotated[int, Range(0, 50), Help("Answers to write at each evaluation."), Advanced()] = 4,
    max_new_tokens: Annotated[int, Range(1, 4096), Help("Tokens of such an answer."), Advanced()] = 48,
    checkpoint_minutes: Annotated[float, Range(0.01, 1440), Help("Minutes between checkpoints."), Advanced()] = 5.0,
    save: Annotated[
        Literal["auto", "merged", "adapter"],
        Help("LoRA: the whole model, or the adapter alone, which needs its base. auto: whole up to 2 GB."),
        Advanced(),
    ] = "auto",
    precision: Annotated[
        Literal["auto", "float32", "bfloat16"], Help("auto: bfloat16 where the GPU has it."), Advanced()
    ] = "auto",
    device: Annotated[Literal["auto", "cpu", "cuda"], Help("Where to train."), Advanced()] = "auto",
    seed: Annotated[int, Range(0, 2**31 - 1), Help("The same seed gives the same training."), Advanced()] = 0,
    text_column: Annotated[str, Help("Empty: found by its usual names."), Advanced()] = "",
    pair_column: Annotated[str, Help("The second text of a pair."), Advanced()] = "",
    label_column: Annotated[str, Help("The class."), Advanced()] = "",
    prompt_column: Annotated[str, Help("What is asked."), Advanced()] = "",
    output_column: Annotated[str, Help("What is to be answered."), Advanced()] = "",
) -> None:
    """Fine-tune a language model on the examples in the file `data`; write the model, a report and checkpoints.

    Raises BadTable where the examples are wrong, and BadParameters.
    """
    given = dict(locals())
    from .stages import Stages

    Stages(run, data, Settings(**{name: given[name] for name in Settings.__struct_fields__})).go()
