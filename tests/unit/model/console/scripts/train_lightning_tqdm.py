"""The network of `train_lightning.py` with Lightning's tqdm bar, which it uses where Rich is not installed."""

from pathlib import Path

from lightning.pytorch import callbacks

source = (Path(__file__).parent / "train_lightning.py").read_text()
# The same script, with the bar named and a logger, whose version is in the bar.
exec(source.replace("logger=False", "callbacks=[callbacks.TQDMProgressBar()]"), {"callbacks": callbacks})
