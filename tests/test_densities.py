"""Heads of posteriors: densities inside the prior's box, from one image and from several."""

import math

import pytest
import torch

from lcinfer.base.errors import UserError
from lcinfer.config.networks import GaussianDropout as GaussianSettings
from lcinfer.config.networks import Posterior
from lcinfer.training.networks.base import shared_widths
from lcinfer.training.networks.flow import Flow
from lcinfer.training.networks.gaussian import GaussianDropout
from lcinfer.training.networks.mixture import Mixture

BOX = torch.tensor([[-1.5, -2.0], [1.0, 1.8]])
NOISE = 0.5  # of a feature, in the toy problem


def flow(features=3, **settings):
    return Flow(features, 2, Posterior(kind="posterior", transforms=2, hidden=(16,), **settings))


def gaussian(features=3, **settings):
    return GaussianDropout(features, 2, GaussianSettings(kind="gaussian_dropout", **settings))


def bounded(head, spread=0.1):
    torch.manual_seed(4)
    for weights in head.parameters():
        torch.nn.init.normal_(weights, std=spread)
    head.bound(BOX)
    return head.eval()


def mixed():
    """Two flows and a Gaussian, each of one of the features."""
    heads = [flow(1), gaussian(1), flow(1)]
    for each in heads:
        each.bound(BOX)
    return Mixture(heads)


@pytest.fixture(params=[flow, gaussian, mixed], ids=["posterior", "gaussian_dropout", "ensemble"])
def head(request):
    """A head with weights that make other posteriors than the prior."""
    return bounded(request.param())


def grid(points=40):
    along = (torch.arange(points) + 0.5) / points
    return torch.cartesian_prod(along, along)


def test_a_density_integrates_to_one_over_the_prior_s_box(head) -> None:
    shares = grid()
    features = torch.randn(3, 3, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        for one in features:
            errors = head.errors(one.expand(len(shares), -1), head.placed(shares))
            assert errors.dtype == torch.float64
            assert (-errors).exp().mean().item() == pytest.approx(1, abs=0.04)
            assert errors.std() > 0.1, "which is not the prior's"


def test_samples_lie_inside_the_box_follow_the_density_and_a_generator_decides_them(head) -> None:
    features = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        drawn, again, other = (
            head.samples(features, 4000, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
        )
        assert drawn.shape == (2, 4000, 2)
        assert ((drawn >= BOX[0]) & (drawn <= BOX[1])).all()
        assert torch.equal(drawn, again)
        assert not torch.equal(drawn, other)
        shares = grid()
        for one, own in zip(features, head.shares(drawn), strict=True):
            errors = head.errors(one.expand(len(shares), -1, -1), head.placed(shares))
            density = (-errors).exp()[:, None]
            assert torch.allclose((density * shares).mean(0).float(), own.mean(0), atol=0.04)
            corner = (shares < 0.5).all(1)[:, None]
            held = (own < 0.5).all(1).float().mean().item()
            assert (density * corner).mean().item() == pytest.approx(held, abs=0.04)
        assert torch.allclose(head(features), drawn.mean(1), atol=0.15)
        assert torch.equal(head(features)[1:], head(features[1:])), "whatever else is asked"


def test_far_from_the_box_samples_are_put_at_its_edge_and_do_not_hang() -> None:
    head = bounded(gaussian())
    with torch.no_grad():
        head.gaussian.bias[:2] = 1e4
        assert torch.equal(head.samples(torch.zeros(1, 3), 5), BOX[1].expand(1, 5, 2))


def toy(count, images, generator):
    """Parameters, uniform in the box, and features (light-cone, image, feature) with noise."""
    parameters = BOX[0] + torch.rand((count, 2), generator=generator) * (BOX[1] - BOX[0])
    noise = torch.randn((count, images, 2), generator=generator)
    return parameters[:, None] + NOISE * noise, parameters


def exact(features, targets):
    """Log density of the toy's posterior, a Gaussian cut off by the box, as shares of it."""
    spread = NOISE / math.sqrt(features.shape[1])
    normal = torch.distributions.Normal(features.mean(1), spread)
    inside = normal.cdf(BOX[1]) - normal.cdf(BOX[0])
    return (normal.log_prob(targets) - inside.log() + (BOX[1] - BOX[0]).log()).sum(1)


@pytest.mark.parametrize(
    ("made", "settings", "within"),
    [(flow, {}, 0.35), (gaussian, {"dropout": 0.001}, 0.35)],
    ids=["posterior", "gaussian_dropout"],
)
def test_a_posterior_that_is_known_is_learnt_from_one_image_and_from_several(
    made, settings, within
) -> None:
    torch.manual_seed(1)
    head = made(features=2, **settings)
    head.bound(BOX)
    optimiser = torch.optim.Adam(head.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 200)
    generator = torch.Generator().manual_seed(2)
    head.train()
    for step in range(200):
        features, targets = toy(256, (1, 2, 4, 8)[step % 4], generator)
        loss = head.errors(features, targets).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    head.eval()
    with torch.no_grad():
        for images in (1, 8):
            features, targets = toy(500, images, generator)
            head.settle(*toy(200, images, generator))
            found, known = -head.errors(features, targets), exact(features, targets)
            assert abs(found.mean() - known.mean()) < within
            low, high = head.samples(features, 200).quantile(torch.tensor([0.16, 0.84]), dim=1)
            width = (high - low).mean(0) / 2
            assert torch.allclose(width, torch.tensor(NOISE / math.sqrt(images)), rtol=0.5)


def test_a_base_of_the_validation_set_mends_widths_that_training_got_wrong() -> None:
    head, usual = flow(base="validation"), flow()
    assert "root" in head.state_dict() and "root" not in usual.state_dict()
    bounded(head)
    usual.load_state_dict(head.state_dict(), strict=False)
    usual.bound(BOX)
    generator = torch.Generator().manual_seed(5)
    features = torch.randn(4000, 3, generator=generator)
    with torch.no_grad():
        known = usual.averaged(features)
        narrow = 0.5 * torch.randn((4000, 1, 2), generator=generator)
        truth = usual._pushed(known, narrow)[:, 0]  # half as wide as the flow has it
        before = head.errors(features, truth)
        head.settle(features[:2000], truth[:2000])
        after = head.errors(features, truth)[2000:].mean()
        gain = 2 * (math.log(1 / 0.5) + (0.5**2 - 1) / 2)  # Kullback & Leibler's distance
        assert (before[2000:].mean() - after).item() == pytest.approx(gain, abs=0.1)
        below = (head.samples(features[2000:], 200) < truth[2000:, None]).float().mean(1)
        assert torch.allclose(below.std(0), torch.tensor(1 / 12).sqrt(), atol=0.02)
        assert torch.allclose(below.mean(0), torch.tensor(0.5), atol=0.03)
        assert torch.equal(head.train().errors(features, truth).double(), before)


def test_a_base_that_light_cones_do_not_give_is_one_line_and_none_is_made_of_nan() -> None:
    head = bounded(flow(base="validation"))
    features = torch.zeros(1, 3)
    with torch.no_grad(), pytest.raises(UserError, match="2 parameters follow from the 1 light"):
        head.settle(features, BOX.mean(0)[None])
    with torch.no_grad():
        head.settle(features, torch.full((1, 2), math.nan))
        assert not head.errors(features, BOX.mean(0)[None]).isfinite().any()


def test_members_whose_widths_cannot_be_set_together_keep_theirs() -> None:
    nothing = torch.zeros(5, 2)
    kept = torch.ones(2, dtype=torch.float64)
    for there in (nothing, nothing * math.nan):
        member = there, there[:, 0], torch.eye(2)
        assert shared_widths([member, member]).equal(kept)


def test_the_rate_of_dropout_is_that_with_which_intervals_hold_what_they_should() -> None:
    head = bounded(gaussian(rates=(0.0, 0.3, 0.9)), spread=0.3)  # that dropout matters
    generator = torch.Generator().manual_seed(3)
    features = torch.randn(300, 3, generator=generator)
    for rate in (0.0, 0.3, 0.9):
        head.rate.fill_(rate)
        with torch.no_grad():
            truth = head.samples(features, 1, generator)[:, 0]
            head.settle(features, truth)
        assert head.rate.item() == pytest.approx(rate)
    assert "rate" in head.state_dict(), "which a checkpoint keeps"
