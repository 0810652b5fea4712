"""Boosted trees with XGBoost, evaluated on two sets after each round."""

import numpy as np
import xgboost

chance = np.random.default_rng(0)
rows = chance.normal(size=(4_000, 20))
labels = (np.abs(rows[:, 0]) + rows[:, 1] > 0.8).astype(int)
learnt, held_out = xgboost.DMatrix(rows[:3_200], labels[:3_200]), xgboost.DMatrix(rows[3_200:], labels[3_200:])
xgboost.train(
    {"objective": "binary:logistic", "eval_metric": ["logloss", "auc"], "nthread": 1, "seed": 0, "eta": 0.1},
    learnt,
    num_boost_round=30,
    evals=[(learnt, "train"), (held_out, "eval")],
)
model = xgboost.XGBRegressor(n_estimators=200, learning_rate=0.5, early_stopping_rounds=3, n_jobs=1, random_state=0)
target = rows[:, 0] * rows[:, 1] + chance.normal(size=4_000) / 4
model.fit(rows[:3_200], target[:3_200], eval_set=[(rows[3_200:], target[3_200:])], verbose=5)
