"""A trainer of your own: `pulsetrain up --trainers examples/my_trainers.py` puts it on the page."""

from pathlib import Path
from typing import Annotated

import pulsetrain
from pulsetrain.trainers.registry import Help, Range


@pulsetrain.trainer("boosting", title="Boosted trees", data="csv", stages=["Train"], needs=["sklearn"])
def train(
    run: pulsetrain.Run,
    data: Path,
    *,
    target: Annotated[str, Help("The column of numbers to predict")],
    trees: Annotated[int, Range(1, 2000)] = 100,
    learning_rate: Annotated[float, Range(0.001, 1)] = 0.05,
) -> None:
    """Predict a column from the other columns of numbers."""
    import joblib
    import polars as pl
    from sklearn.ensemble import GradientBoostingRegressor
    from sklearn.model_selection import train_test_split

    run.stage("Train")
    table = pl.read_csv(data, infer_schema_length=None).select(pl.selectors.numeric()).drop_nulls()
    columns, truth = table.drop(target).to_numpy(), table[target].to_numpy()
    learnt, held_out, learnt_truth, held_out_truth = train_test_split(columns, truth, random_state=0)
    model = GradientBoostingRegressor(learning_rate=learning_rate, max_depth=2, warm_start=True, random_state=0)
    for count in range(1, trees + 1):
        model.set_params(n_estimators=count).fit(learnt, learnt_truth)
        run.log({"r2": model.score(learnt, learnt_truth), "val_r2": model.score(held_out, held_out_truth)}, step=count)
        run.progress(step=count, steps=trees, unit="trees")
        if run.should_stop:
            break
    joblib.dump(model, "model.joblib")
    run.save_artifact("model.joblib", kind="model")
