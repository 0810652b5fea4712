"""One GAN in training: its two networks, their optimisers, the average of the generator's weights, and its chance."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import msgspec
import torch
from torch import Tensor
from torch.nn import functional

from .gan import TEMPERATURE, Condition, Conditions, Critic, Generator, Groups, RealRows, Shape, gumbel
from .optimiser import Adam
from .transform import Encoded

PENALTY = 10.0
PENALISED = 2
"""Every so manieth row bears the gradient penalty; half of them are enough, and cheaper."""
AVERAGING = 0.999
"""How much of the averaged weights each step keeps."""
_SUMS = ("losses", "real_scores", "fake_scores")


class Epoch(msgspec.Struct, frozen=True):
    """What one epoch of training was like: means over its batches."""

    generator_loss: float
    discriminator_loss: float
    real_scores: float
    fake_scores: float


class Gan:
    """A conditional Wasserstein GAN on one table. Deterministic under its seed; on a CPU, bit for bit."""

    def __init__(
        self, encoded: Encoded, shape: Shape, *, seed: int, learning_rate: float, batch: int, batches: int, device: str
    ) -> None:
        """`batch` rows a step, `batches` steps an epoch."""
        self.device = torch.device(device)
        self.shape = shape
        self.learning_rate = learning_rate
        self.random = torch.Generator(self.device).manual_seed(seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.generator = Generator(shape).to(self.device)
            self.critic = Critic(shape).to(self.device)
        self.average = copy.deepcopy(self.generator).requires_grad_(False)
        self.generator_steps = Adam(self.generator, beta1=0.5, beta2=0.9, decay=1e-6)
        self.critic_steps = Adam(self.critic, beta1=0.5, beta2=0.9)
        self.rate = learning_rate
        self.groups = Groups(shape, self.device)
        self.real = RealRows(encoded, shape, self.device)
        self.conditions = Conditions(self.real.counts, shape, self.device)
        self.epoch = self.batch = self.steps = 0
        self.losses = torch.zeros(2, device=self.device)
        self.real_scores = torch.zeros(batches, batch, device=self.device)
        self.fake_scores = torch.zeros(batches, batch, device=self.device)

    def train(self, progress: float, should_stop: Callable[[], bool]) -> Epoch | None:
        """The rest of this epoch, `progress` (0 … 1) of the way through the training; None if it was stopped.

        What was done before the stop is kept: the next call goes on with the batch that was due.
        """
        batches, rows = self.real_scores.shape
        while self.batch < batches:
            if should_stop():
                return None
            # At each step: whoever is asked there may have changed it.
            self.rate = self.learning_rate * decay(progress)
            self.losses += self._step(self.conditions.draw(rows, self.random, even_out=True))
            self.batch += 1
        generator_loss, critic_loss = (self.losses / batches).tolist()
        epoch = Epoch(generator_loss, critic_loss, *probabilities(self.real_scores, self.fake_scores))
        self.losses.zero_()
        self.batch = 0
        self.epoch += 1
        return epoch

    def _step(self, condition: Condition) -> Tensor:
        """One step of the critic, then one of the generator on the same rows; the answer is both losses, its first."""
        raw = self.generator(torch.cat([self._noise(len(condition.place)), condition.vector], dim=1))
        fake = torch.cat([self._soft(raw), condition.vector], dim=1)
        chosen = self.real.draw(condition, self.random)
        hot = self.groups.hot(self.real.codes[chosen])
        real = torch.cat([self.real.alphas[chosen], hot, condition.vector], dim=1)
        critic_loss = self._critic_step(real, fake.detach())
        self.critic.requires_grad_(False)
        generator_loss = self._missed(raw, condition) - self.critic(fake, self.random).mean()
        self.generator_steps.clear()
        generator_loss.backward()
        self.generator_steps.step(self.rate)
        self.critic.requires_grad_(True)
        self._average()
        return torch.stack([generator_loss.detach(), critic_loss])

    def _critic_step(self, real: Tensor, fake: Tensor) -> Tensor:
        scores = self.critic(torch.cat([real, fake]), self.random)
        on_real, on_fake = scores[: len(real)], scores[len(real) :]
        self.real_scores[self.batch] = on_real.detach()
        self.fake_scores[self.batch] = on_fake.detach()
        some = -(-len(real) // PENALISED)
        share = torch.rand(some, 1, generator=self.random, device=self.device)
        between = torch.lerp(fake[:some], real[:some], share)
        slopes = self.critic.slopes(between, self.random)[:, : self.shape.row]
        penalty = (slopes.norm(dim=1) - 1).square().mean()
        loss = on_fake.mean() - on_real.mean() + PENALTY * penalty
        self.critic_steps.clear()
        loss.backward()
        self.critic_steps.step(self.rate)
        return loss.detach()

    def _missed(self, raw: Tensor, condition: Condition) -> Tensor:
        """Cross-entropy between what the condition asks for and what the generator offers."""
        if not self.conditions.width:
            return raw.new_zeros(())
        logits = functional.pad(raw[:, self.shape.alphas :], (0, 1), value=-math.inf)
        return functional.cross_entropy(logits.gather(1, self.groups.padded[condition.group]), condition.code)

    def _soft(self, raw: Tensor) -> Tensor:
        """Raw outputs as rows: tanh for the places within modes, Gumbel softmax for the groups."""
        alphas, logits = raw[:, : self.shape.alphas], raw[:, self.shape.alphas :]
        noisy = (logits + gumbel(logits.shape, self.random)) / TEMPERATURE
        return torch.cat([torch.tanh(alphas), self.groups.softmax(noisy)], dim=1)

    def _noise(self, rows: int) -> Tensor:
        return torch.randn(rows, self.shape.noise, generator=self.random, device=self.device)

    @torch.no_grad()  # type: ignore[untyped-decorator]  # torch has no types here
    def _average(self) -> None:
        self.steps += 1
        keep = min(AVERAGING, self.steps / (self.steps + 10))
        torch._foreach_lerp_(list(self.average.parameters()), list(self.generator.parameters()), 1 - keep)

    def state(self) -> dict[str, Any]:
        """All that a continued training needs to be the same as an uninterrupted one; tensors and numbers alone."""
        sums = {name: getattr(self, name) for name in _SUMS}
        counters = {"epoch": self.epoch, "batch": self.batch, "steps": self.steps}
        networks = {
            "generator": self.generator_steps.state(),
            "critic": self.critic_steps.state(),
            "norms": list(self.generator.buffers()),
            "average": self.average.state_dict(),
        }
        return networks | sums | counters | {"random": self.random.get_state()}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from `state`. Raises RuntimeError, KeyError or ValueError where it is of another shape."""
        self.generator_steps.load(state["generator"])
        self.critic_steps.load(state["critic"])
        for ours, theirs in zip(self.generator.buffers(), state["norms"], strict=True):
            ours.copy_(theirs)
        self.average.load_state_dict(state["average"])
        for name in _SUMS:
            getattr(self, name).copy_(state[name])
        self.epoch, self.batch, self.steps = state["epoch"], state["batch"], state["steps"]
        self.random.set_state(state["random"].cpu())


def decay(progress: float) -> float:
    """Share of the learning rate that is left after `progress` of the training: half a cosine, down to 5 %."""
    return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * progress))


def probabilities(real: Tensor, fake: Tensor) -> tuple[float, float]:
    """Means of the critic's scores as probabilities that a row is real: on the real rows, on the generated rows.

    A Wasserstein critic's score has neither a zero nor a scale. So the logistic curve `1 / (1 + exp(−(a·score + b)))`
    that separates the epoch's real scores from its generated ones best, by maximum likelihood (Platt 1999; Newton's
    method), turns each row's score into the probability that the row is real. Both means 0.5: the critic cannot tell;
    1 and 0: it always can. The scores are those of the training steps themselves.
    """
    scores = torch.cat([real.reshape(-1), fake.reshape(-1)]).double().cpu()
    labels = torch.cat([torch.ones(real.numel()), torch.zeros(fake.numel())]).double()
    standard = (scores - scores.mean()) / scores.std().clamp_min(1e-9)
    features = torch.stack([standard, torch.ones_like(standard)], dim=1)
    weights = torch.zeros(2, dtype=torch.float64)
    for _ in range(8):
        chance = torch.sigmoid(features @ weights)
        gradient = features.T @ (labels - chance) - 1e-3 * weights
        spread = (features * (chance * (1 - chance))[:, None]).T @ features
        weights = weights + torch.linalg.solve(spread + 1e-3 * torch.eye(2, dtype=torch.float64), gradient)
    chance = torch.sigmoid(features @ weights)
    return float(chance[: real.numel()].mean()), float(chance[real.numel() :].mean())
