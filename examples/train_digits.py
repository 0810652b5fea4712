"""Learns handwritten digits and lets anyone watch: `python examples/train_digits.py`, with `pulsetrain up` running."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

import pulsetrain

EPOCHS = 60

pixels, digits = load_digits(return_X_y=True)
learnt, held_out, labels, truth = train_test_split(pixels / 16, digits, random_state=0, stratify=digits)

with pulsetrain.init(project="digits", config={"alpha": 1e-4}) as run:
    model = SGDClassifier(loss="log_loss", alpha=run.param("alpha", 1e-4), random_state=0)
    chance = np.random.default_rng(0)
    for epoch in range(1, EPOCHS + 1):
        order = chance.permutation(len(learnt))
        model.partial_fit(learnt[order], labels[order], classes=np.arange(10))
        loss = log_loss(truth, model.predict_proba(held_out))
        run.log({"val_loss": loss, "val_accuracy": model.score(held_out, truth)}, step=epoch)
        run.progress(epoch=epoch, epochs=EPOCHS)
        if run.should_stop:
            break
    print(f"{model.score(held_out, truth):.1%} of the digits that it had not seen were read right.")
