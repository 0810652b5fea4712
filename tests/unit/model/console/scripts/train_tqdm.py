"""Logistic regression by gradient descent under tqdm: one bar for all epochs, then one for each epoch."""

import numpy as np
from tqdm import tqdm, trange

chance = np.random.default_rng(0)
rows = chance.normal(size=(60_000, 40))
labels = (rows @ chance.normal(size=40) + chance.normal(size=60_000) > 0).astype(float)


def step(weights, batch, truth):
    """One step of gradient descent, in place; the loss before it."""
    guess = 1 / (1 + np.exp(-batch @ weights))
    weights -= 0.5 * batch.T @ (guess - truth) / len(truth)
    return -np.mean(truth * np.log(guess + 1e-12) + (1 - truth) * np.log(1 - guess + 1e-12))


weights = np.zeros(40)
bar = trange(40, desc="Training")
for _ in bar:
    for _ in range(8):
        loss = step(weights, rows, labels)
    bar.set_postfix(loss=loss, accuracy=np.mean((rows @ weights > 0) == labels))

weights = np.zeros(40)
for epoch in range(1, 4):
    with tqdm(range(0, len(rows), 2_000), desc=f"Epoch {epoch}/3", unit="batch") as batches:
        for start in batches:
            for _ in range(20):
                loss = step(weights, rows[start : start + 2_000], labels[start : start + 2_000])
            batches.set_postfix(loss=f"{loss:.4f}")
    print(f"Epoch {epoch}: accuracy = {np.mean((rows @ weights > 0) == labels):.4f}")
