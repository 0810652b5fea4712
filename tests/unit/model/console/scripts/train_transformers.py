"""A tiny language model from scratch with Hugging Face's Trainer: loss every 5 steps, evaluation after each epoch."""

import tempfile

import torch
from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainingArguments

torch.manual_seed(0)
torch.set_num_threads(1)
# Sequences that count up by a stride of their own: after two numbers, the rest can be known.
numbers = torch.arange(24)
examples = [
    {"input_ids": (start + stride * numbers) % 97, "labels": (start + stride * numbers) % 97}
    for start in range(97)
    for stride in (1, 2, 3, 5)
]
config = LlamaConfig(
    vocab_size=97,
    hidden_size=64,
    intermediate_size=128,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=4,
    max_position_embeddings=32,
)
with tempfile.TemporaryDirectory() as folder:
    trainer = Trainer(
        model=LlamaForCausalLM(config),
        args=TrainingArguments(
            folder,
            num_train_epochs=3,
            per_device_train_batch_size=16,
            learning_rate=3e-3,
            logging_steps=5,
            eval_strategy="epoch",
            save_strategy="no",
            report_to="none",
            use_cpu=True,
            seed=0,
        ),
        train_dataset=examples[:320],
        eval_dataset=examples[320:],
    )
    trainer.train()
