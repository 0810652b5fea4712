"""A small network with Lightning's Trainer and its own progress bar."""

import lightning
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
torch.set_num_threads(1)
rows = torch.randn(4_000, 20)
labels = ((rows[:, :1].abs() + rows[:, 1:2]) > 0.8).float()


class Classifier(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 1))

    def _loss(self, batch):
        return nn.functional.binary_cross_entropy_with_logits(self.layers(batch[0]), batch[1])

    def training_step(self, batch, place):
        loss = self._loss(batch)
        self.log("train_loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch, place):
        self.log("val_loss", self._loss(batch), prog_bar=True)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), 1e-2)


learnt = DataLoader(TensorDataset(rows[:3_200], labels[:3_200]), batch_size=16, shuffle=True)
held_out = DataLoader(TensorDataset(rows[3_200:], labels[3_200:]), batch_size=64)
trainer = lightning.Trainer(
    max_epochs=3, accelerator="cpu", logger=False, enable_checkpointing=False, default_root_dir="/tmp"
)
trainer.fit(Classifier(), learnt, held_out)
