"""Boosted trees with LightGBM, evaluated on two sets after each round, with early stopping."""

import lightgbm
import numpy as np

chance = np.random.default_rng(0)
rows = chance.normal(size=(4_000, 20))
labels = (np.abs(rows[:, 0]) + rows[:, 1] > 0.8).astype(int)
learnt = lightgbm.Dataset(rows[:3_200], labels[:3_200])
held_out = lightgbm.Dataset(rows[3_200:], labels[3_200:], reference=learnt)
lightgbm.train(
    {"objective": "binary", "metric": ["binary_logloss", "auc"], "num_threads": 1, "seed": 0, "learning_rate": 0.3},
    learnt,
    num_boost_round=60,
    valid_sets=[learnt, held_out],
    valid_names=["train", "eval"],
    callbacks=[lightgbm.log_evaluation(5), lightgbm.early_stopping(5)],
)
model = lightgbm.LGBMRegressor(n_estimators=20, num_threads=1, random_state=0)
target = rows[:, 0] * rows[:, 1] + chance.normal(size=4_000) / 4
model.fit(
    rows[:3_200], target[:3_200], eval_set=[(rows[3_200:], target[3_200:])], callbacks=[lightgbm.log_evaluation(1)]
)
