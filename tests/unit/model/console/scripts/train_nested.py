"""Two bars at once: epochs outside, batches within, with the loss in the inner one."""

import numpy as np
from tqdm import tqdm, trange

chance = np.random.default_rng(0)
rows = chance.normal(size=(60_000, 40))
labels = (rows @ chance.normal(size=40) + chance.normal(size=60_000) > 0).astype(float)
weights = np.zeros(40)
for _ in trange(3, desc="Epochs"):
    batches = tqdm(range(0, len(rows), 2_000), desc="batches", leave=False)
    for start in batches:
        batch, truth = rows[start : start + 2_000], labels[start : start + 2_000]
        for _ in range(300):
            guess = 1 / (1 + np.exp(-batch @ weights))
            weights -= 0.5 * batch.T @ (guess - truth) / len(truth)
        batches.set_postfix(loss=-np.mean(np.log(np.where(truth == 1, guess, 1 - guess) + 1e-12)))
