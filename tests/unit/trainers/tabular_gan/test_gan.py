from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsetrain.trainers.tabular_gan.gan import WIDE, Conditions, Critic, Groups, RealRows, Shape, gumbel, kept
from pulsetrain.trainers.tabular_gan.refine import _ridge_logistic, judge_of
from pulsetrain.trainers.tabular_gan.training import probabilities
from pulsetrain.trainers.tabular_gan.transform import Encoded

CPU = torch.device("cpu")
SHAPE = Shape(alphas=2, widths=(3, 5, 2), discrete=(0, 2), hidden=16)


def some_rows(count: int = 300) -> Encoded:
    random = np.random.default_rng(0)
    codes = np.stack([random.choice(width, count, p=_shares(width)) for width in SHAPE.widths], axis=1)
    return Encoded(random.uniform(-1, 1, (count, 2)).astype(np.float32), codes)


def _shares(width: int) -> np.ndarray:
    weights = 4.0 ** -np.arange(width)
    return weights / weights.sum()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 7), min_size=1, max_size=6), st.integers(0, 1000))
def test_softmax_of_groups_and_its_gradient_are_those_of_each_group(widths: list[int], seed: int) -> None:
    groups = Groups(Shape(0, tuple(widths), ()), CPU)
    random = torch.Generator().manual_seed(seed)
    logits = (torch.randn(4, sum(widths), generator=random) * 30).requires_grad_()
    weights = torch.randn(4, sum(widths), generator=random)
    ours = groups.softmax(logits)
    (one,) = torch.autograd.grad((ours * weights).sum(), logits)
    each = torch.cat([part.softmax(dim=1) for part in logits.split(widths, dim=1)], dim=1)
    (other,) = torch.autograd.grad((each * weights).sum(), logits)
    torch.testing.assert_close(ours, each)
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_one_hot_and_back() -> None:
    groups, codes = Groups(SHAPE, CPU), torch.from_numpy(some_rows().codes)
    hot = groups.hot(codes)
    assert hot.sum(dim=1).eq(len(SHAPE.widths)).all()
    assert torch.equal(groups.argmax(hot), codes)


@pytest.mark.parametrize("dropout", [0.0, 0.25])
def test_the_written_out_slope_is_the_gradient(dropout: float) -> None:
    """Value and derivative by the weights both equal what automatic second-order differentiation gives."""
    torch.manual_seed(0)
    critic = Critic(Shape(2, (3, 5, 2), (), hidden=16, dropout=dropout))
    rows = torch.randn(50, 12, requires_grad=True)
    random = torch.Generator().manual_seed(5)
    state = random.get_state()
    written = critic.slopes(rows.detach(), random)
    random.set_state(state)
    (automatic,) = torch.autograd.grad(critic(rows, random).sum(), rows, create_graph=True)
    torch.testing.assert_close(written, automatic)
    for slope in (written, automatic):
        critic.zero_grad()
        slope.norm(dim=1).sub(1).square().mean().backward()
        found = [weight.grad.clone() for weight in (critic.first.weight, critic.second.weight, critic.last.weight)]
        if slope is written:
            expected = found
    for one, other in zip(expected, found, strict=True):
        torch.testing.assert_close(one, other)


def test_conditions_are_drawn_by_frequency_or_evened_out_and_real_rows_meet_them() -> None:
    encoded = some_rows()
    real = RealRows(encoded, SHAPE, CPU)
    conditions = Conditions(real.counts, SHAPE, CPU)
    random = torch.Generator().manual_seed(0)
    shares = {}
    for even_out in (True, False):
        condition = conditions.draw(20_000, random, even_out=even_out)
        rows = real.draw(condition, random)
        assert torch.equal(real.codes[rows, condition.group], condition.code)
        assert torch.equal(condition.vector.argmax(dim=1), condition.place)
        shares[even_out] = torch.bincount(condition.code[condition.group == 0], minlength=3) / 10_000
    true = np.bincount(encoded.codes[:, 0], minlength=3) / len(encoded)
    np.testing.assert_allclose(shares[False].numpy(), true, atol=0.02)
    logs = np.log1p(true * len(encoded))
    np.testing.assert_allclose(shares[True].numpy(), logs / logs.sum(), atol=0.02)


def test_without_categories_rows_are_drawn_evenly() -> None:
    shape = Shape(2, (3, 5, 2), ())
    real = RealRows(some_rows(), shape, CPU)
    random = torch.Generator().manual_seed(0)
    condition = Conditions(real.counts, shape, CPU).draw(5000, random, even_out=True)
    assert condition.vector.shape == (5000, 0)
    assert len(real.draw(condition, random).unique()) == 300


def test_noise_has_the_right_distribution() -> None:
    random = torch.Generator().manual_seed(0)
    factors = kept(torch.Size([1000, 200]), 0.25, random)
    assert abs(float((factors == 0).float().mean()) - 0.25) < 0.005
    assert abs(float(factors.mean()) - 1) < 0.005
    noise = gumbel(torch.Size([1000, 200]), random)
    assert abs(float(noise.mean()) - 0.5772) < 0.01
    assert abs(float(noise.var()) - np.pi**2 / 6) < 0.03


def test_scores_are_probabilities() -> None:
    random = torch.Generator().manual_seed(0)
    real, fake = torch.randn(2000, generator=random) * 7 + 100, torch.randn(2000, generator=random) * 7 + 100
    same = probabilities(real, fake)
    assert abs(same[0] - 0.5) < 0.02
    assert abs(same[1] - 0.5) < 0.02
    told = probabilities(real + 1000, fake)
    assert told[0] > 0.99
    assert told[1] < 0.01
    assert probabilities(torch.ones(5), torch.ones(5)) == (0.5, 0.5)


def test_the_judge_keeps_what_is_rarer_among_the_generated() -> None:
    random = torch.Generator().manual_seed(0)
    real, generated = torch.randn(4000, 3, generator=random), torch.randn(4000, 3, generator=random)
    generated[:, 0] += 1
    chance = judge_of(real, generated, 4000).chance(generated)
    keep = torch.rand(4000, generator=random) < chance
    assert generated[:, 0].mean() > 0.9
    assert abs(float(generated[keep, 0].mean())) < 0.3, "not 0, because odds above the cap count as the cap"
    assert float(chance.min()) >= 0
    assert float(chance.max()) <= 1


def test_the_judge_trusts_few_rows_little() -> None:
    """What tells them apart is chance alone; of few rows and many views, chance could make any judge."""
    random = torch.Generator().manual_seed(0)
    real, generated = torch.randn(100, 300, generator=random), torch.randn(100, 300, generator=random)
    judge = judge_of(real, generated, 100)
    fresh = torch.randn(2000, 300, generator=random) @ judge.weights + judge.bias
    assert float(fresh.std()) < 1.5, "odds of fresh rows, which nothing tells apart, are spread little"
    direct = judge_of(real.repeat(20, 1), generated.repeat(20, 1), 2000)
    trusted = torch.randn(2000, 300, generator=random) @ direct.weights + direct.bias
    assert float(trusted.std()) > 2 * float(fresh.std()), "and the ridge is what holds them"


def test_the_judge_is_the_best_of_its_kind() -> None:
    """Its curvature is neither exact nor of each step; the weights still end where the gradient does."""
    random = torch.Generator().manual_seed(0)
    features = torch.randn(2000, 6, generator=random).double()
    features[:1000, 0] += 2
    features[:, -1] = 1
    labels = (torch.arange(2000) < 1000).double()
    share = torch.full((2000,), 1 / 2000).double()
    weights = _ridge_logistic(features, labels, share, 0.01)
    hold = torch.tensor([0.01] * 5 + [1e-9]).double()
    gradient = features.T @ (share * (labels - torch.sigmoid(features @ weights))) - hold * weights
    assert float(gradient.abs().max()) < 1e-5
    assert weights[0] > 1


def test_the_critic_sees_its_layers_and_the_row() -> None:
    critic = Critic(Shape(2, (3, 5, 2), (), hidden=16))
    rows = torch.randn(7, 12)
    views = critic.views(rows)
    assert views.shape == (7, 16 + 16 + 12)
    assert torch.equal(views[:, 32:], rows)
    scores = critic(rows, torch.Generator().manual_seed(0))
    torch.testing.assert_close(critic.last(views[:, 16:32]).squeeze(1), scores, msg="nothing is dropped in either")


def test_a_wide_row_is_no_view_of_its_own() -> None:
    critic = Critic(Shape(2, (WIDE,), (), hidden=16))
    assert critic.views(torch.randn(3, WIDE + 2)).shape == (3, 32)
