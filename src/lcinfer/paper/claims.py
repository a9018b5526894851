"""The paper's claims, each held against what a run measured.

A claim holds, or does not hold, where the bootstrap interval of what is measured says so; else
it cannot be said. Residuals are of one image of each test light-cone, as in the paper's test.
"""

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from ..config.parameters import shown
from ..evaluation.evaluate import interval, r2, resampled_r2
from ..evaluation.residuals import gaussian_fit
from ..products.run import Run
from ..text.styles import Style
from . import basis, published
from .basis import Seeds
from .measures import Measured, Sample, less, mean, over, relative_error, slope, spread, within
from .measures import r2 as r2_of

HOLDS, FAILS, OPEN = "holds", "does not hold", "cannot be said"
LEAST = 20  # test light-cones from which shares of the range can be told apart
LEAST_EPOCHS = 8  # two in each quarter of a training
ABOUT = 1.5  # times "about 10 %", up to which an error counts as that


class Verdict(NamedTuple):
    """What a run says of a claim."""

    measured: str
    """Empty: nothing was."""
    holds: str
    why: str


class Claim(NamedTuple):
    """Something that the paper says, in its words and in ours, and where."""

    parameter: str
    """py21cmfast's name; empty: the claim is of all."""
    text: str
    paper: str
    where: str


class Line(NamedTuple):
    """A claim, and what a training of the run says of it."""

    training: str
    claim: Claim
    verdict: Verdict


Judge = Callable[[Sample, tuple[float, float]], Verdict]
"""Of a parameter's sample and its range, both in the paper's units."""


def lines(run: Run) -> list[Line]:
    """Every claim, for each training of the configuration that can speak of it.

    Raises:
        UserError: if predictions or histories are missing or damaged.
    """
    found = []
    for each in basis.configured(run):
        found += [_judged(run, each, claim, judge) for claim, judge in CLAIMS]
        if each.training.network.head.together:  # whose loss is a logarithm, and has no ratios
            found.append(_judged(run, each, WIDER, _wider))
        else:
            found.append(_no_overfitting(each))
    return [*found, *_more_images(run, basis.trained(run))]


def table(run: Run, style: Style) -> str:
    """A row per claim and training."""
    head = style.head(
        {
            "training": "Training",
            "claim": "Claim",
            "parameter": "Parameter",
            **({"unit": "Unit"} if style.for_programs else {}),
            "paper": f"{published.ELSEWHERE} says",
            "where": "Where",
            "measured": "Measured here",
            "holds": "Holds here?",
            "why": "Why",
        }
    )
    rows = [
        [
            style.code(line.training) if line.training else style.nothing,
            style.text(line.claim.text),
            style.quantity(name) if (name := line.claim.parameter) else style.nothing,
            *([shown(name).unit] if style.for_programs else []),
            *(style.text(cell) or style.nothing for cell in (*line.claim[2:], *line.verdict)),
        ]
        for line in lines(run)
    ]
    confidence = style.text(f"{run.config.evaluation.confidence:.0%}")
    caption = (
        f"Claims of {style.cite_in_text('Gillet2019')} and what this run measured, from one image "
        f"of each test light-cone, with bootstrap intervals of {confidence} over the test "
        f"light-cones, of the mean over the training seeds. {basis.rests_on(run, style)}"
    )
    return style.table(head, rows, caption, sentences=(1, 3, 4, 5, 7))


def _judged(run: Run, seeds: Seeds, claim: Claim, judge: Judge) -> Line:
    """What one training says of a claim about a parameter."""
    name, line = claim.parameter, partial(Line, seeds.name, claim)
    if name not in run.config.database.prior or name not in seeds.predictions[0].names:
        return line(Verdict("", OPEN, "this database does not vary it"))
    if (count := len(seeds.predictions[0].true)) < LEAST:
        return line(Verdict("", OPEN, _too_few(count)))
    scale = shown(name).scale
    low, high = (end * scale for end in run.config.database.prior[name])
    made = Sample.of_widths if claim is WIDER else Sample.of
    sample = made(seeds, name, scale, run.config.evaluation)
    return line(judge(sample, (low, high)))


def _too_few(light_cones: int) -> str:
    return f"only {light_cones} test light-cones, {LEAST} are needed"


def _beside(found: Measured, limit: float, above: str, below: str) -> tuple[str, str]:
    """The verdict if a number lies above a limit for certain, or below it; and where it lies."""
    if found.low > limit:
        return above, "lies above"
    return (below, "lies below") if found.high < limit else (OPEN, "encloses")


def _compared(found: Measured, limit: float, what: str) -> tuple[str, str]:
    """Whether a number is above a limit for certain, and why."""
    verdict, lies = _beside(found, limit, above=HOLDS, below=FAILS)
    return verdict, f"the interval of {what} {lies} {limit:g}"


def _not_learnt(sample: Sample) -> Verdict | None:
    """A network that knows nothing of a parameter has no say in how it knows it."""
    score = sample.measure(r2_of)
    if score.low > 0:
        return None
    return Verdict(
        f"R2 = {score}", OPEN, "R2 is not above 0 for certain: the network has not learnt it"
    )


def _error(sample: Sample, ends: tuple[float, float], limit: float, about: bool) -> Verdict:
    found = sample.measure(relative_error(*ends)).times(100)
    most = 100 * limit * (ABOUT if about else 1)
    told = f"{most:g} %" + (f", up to which an error counts as about {100 * limit:g} %" * about)
    verdict, lies = _beside(found, most, above=FAILS, below=HOLDS)
    measured = f"{found} % (rms residual over true value, median over bins of the range)"
    return Verdict(measured, verdict, f"the interval {lies} {told}")


def _sigma(sample: Sample, _ends: tuple[float, float], theirs: float) -> Verdict:
    found = sample.measure(spread)
    fitted = float(np.mean([gaussian_fit(each)[1] for each in sample.residuals]))
    measured = f"standard deviation {found} dex, of the Gaussian fit {fitted:.3g} dex"
    if found.low > theirs:
        return Verdict(measured, FAILS, f"the interval lies above {theirs:g} dex")
    return Verdict(measured, HOLDS, f"the interval does not lie above {theirs:g} dex")


def _saturates(sample: Sample, ends: tuple[float, float]) -> Verdict:
    edge = published.SATURATION * shown("NU_X_THRESH").scale
    if not ends[0] < edge < ends[1]:
        return Verdict("", OPEN, f"the prior does not enclose {edge:g} keV")
    if (silent := _not_learnt(sample)) is not None:
        return silent
    low, high = (ends[0], edge), (edge, np.nextafter(ends[1], np.inf))
    if min(np.sum((a <= sample.true) & (sample.true < b)) for a, b in (low, high)) < LEAST // 2:
        return Verdict("", OPEN, f"too few test light-cones on one side of {edge:g} keV")
    parts = []
    for name, part in (("below", low), ("above", high)):
        slopes, off, width = (
            sample.measure(within(part, statistic)) for statistic in (slope, mean, spread)
        )
        parts.append(
            f"{name}: slope of predicted against true {slopes}, mean residual {off} keV, standard "
            f"deviation {width} keV"
        )
    lost = sample.measure(less(within(low, slope), within(high, slope)))
    verdict = _compared(lost, 0, f"what the slope loses above {edge:g} keV ({lost})")
    return Verdict("; ".join(parts), *verdict)


def _wider(sample: Sample, ends: tuple[float, float]) -> Verdict:
    edge = published.SATURATION * shown("NU_X_THRESH").scale
    if not ends[0] < edge < ends[1]:
        return Verdict("", OPEN, f"the prior does not enclose {edge:g} keV")
    low, high = (ends[0], edge), (edge, np.nextafter(ends[1], np.inf))
    below, above = (sample.measure(within(part, mean)) for part in (low, high))
    ratio = sample.measure(over(within(high, mean), within(low, mean)))
    measured = (
        f"mean standard deviation of the posterior from all images below {edge:g} keV: {below} "
        f"keV, above: {above} keV; ratio {ratio}; of the prior: "
        f"{(ends[1] - ends[0]) / math.sqrt(12):.3g} keV"
    )
    return Verdict(measured, *_compared(ratio, 1, "the ratio"))


def _worsens(sample: Sample, ends: tuple[float, float]) -> Verdict:
    if (silent := _not_learnt(sample)) is not None:
        return silent
    middle = (ends[0] + ends[1]) / 2
    low, high = (ends[0], middle), (middle, np.nextafter(ends[1], np.inf))
    lower, upper = (sample.measure(within(part, spread)) for part in (low, high))
    ratio = sample.measure(over(within(high, spread), within(low, spread)))
    measured = (
        f"standard deviation of the residual below {middle:g}: {lower}, above: {upper}; ratio "
        f"{ratio}"
    )
    return Verdict(measured, *_compared(ratio, 1, "the ratio"))


def _no_overfitting(seeds: Seeds) -> Line:
    training, validation = seeds.losses
    line = partial(Line, seeds.name, NO_OVERFITTING)
    if (epochs := len(validation)) < LEAST_EPOCHS:
        return line(Verdict("", OPEN, f"only {epochs} epochs, {LEAST_EPOCHS} are needed"))
    quarters = np.array_split(validation, 4)
    means, learnt = (
        np.array([quarter.mean() for quarter in np.array_split(losses, 4)])
        for losses in (validation, training)
    )
    best = int(means.argmin())
    rise, fall = means[-1] / means[best], learnt[-1] / learnt[best]
    scatter = [
        quarters[at].std(ddof=1) / np.sqrt(len(quarters[at])) / means[at] for at in (best, -1)
    ]
    error = rise * float(np.hypot(*scatter)) if best < 3 else 0.0
    measured = (
        f"last quarter of {epochs} epochs over the quarter with the lowest validation loss (number "
        f"{best + 1}): validation {rise:.3g} ± {error:.2g}, training {fall:.3g}; validation over "
        f"training loss at the end {validation[-1] / training[-1]:.3g}"
    )
    holds, why = OPEN, "both losses rise: this is not over-fitting"
    if best == 3:
        holds, why = HOLDS, "the validation loss is lowest at the end"
    elif rise - 1 <= 2 * error:
        holds, why = HOLDS, "it rises by less than twice its scatter"
    elif fall < 1:
        holds, why = FAILS, "it rises while the training loss falls"
    return line(Verdict(measured, holds, why))


def _more_images(run: Run, trained: list[Seeds]) -> Iterator[Line]:
    """Trainings that differ in the images of a light-cone alone: the most against the fewest."""
    more = "More slices of a light-cone in training do better"
    claim = partial(Claim, text=more, where="section 4.1, Table 2")
    alike: dict[str, list[Seeds]] = {}
    for each in trained:
        alike.setdefault(basis.settings(each.training, "images"), []).append(each)
    pairs = [
        (min(group, key=lambda it: it.images), max(group, key=lambda it: it.images))
        for group in alike.values()
        if len({it.images for it in group}) > 1
    ]
    if not pairs:
        why = "no two trainings of this run differ in `images` alone"
        yield Line("", claim("", paper="R2 is higher"), Verdict("", OPEN, why))
    for few, many in pairs:
        for parameter, gain in _gains(run, few, many).items():
            theirs = [published.R2[images].get(parameter) for images in (1, 10)]
            told = f"R2 from {theirs[0]} to {theirs[1]} for 1 and 10" if all(theirs) else ""
            measured = (
                f"R2 of {many.images} images less that of {few.images}, trained on "
                f"{len(many.sets.training)} light-cones: {gain}"
            )
            verdict = _compared(gain, 0, "the difference")
            if (count := len(few.predictions[0].true)) < LEAST:
                verdict = OPEN, _too_few(count)
            elif min(len(few.seeds), len(many.seeds)) == 1:
                verdict = (verdict[0], f"{verdict[1]}; one training seed: its scatter is not in it")
            names = f"{few.name}, {many.name}"
            yield Line(names, claim(parameter, paper=told), Verdict(measured, *verdict))


def _gains(run: Run, few: Seeds, many: Seeds) -> dict[str, Measured]:
    """By parameter, R2 of many images less that of few, in paired resamples."""
    evaluation = run.config.evaluation
    reached, drawn = [], []
    for seeds in (few, many):
        pairs = [(them.true, them.predicted[:, 0]) for them in seeds.predictions]
        reached.append(np.mean([r2(*pair) for pair in pairs], axis=0))
        drawn.append(np.mean([resampled_r2(*pair, evaluation) for pair in pairs], axis=0))
    low, high = interval(drawn[1] - drawn[0], evaluation)
    numbers = np.array([reached[1] - reached[0], low, high]).T.tolist()
    names = few.predictions[0].names
    return {name: Measured(*three) for name, three in zip(names, numbers, strict=True)}


WIDER = Claim(
    "NU_X_THRESH",
    "E0's posterior is wider above 0.8 keV than below",
    "well learned in [0.1, 0.8] keV, saturated above",
    "section 4.2, Fig. 5",
)
NO_OVERFITTING = Claim(
    "",
    "No over-fitting: the validation loss does not rise while the training loss falls",
    "the two losses show the same general trends",
    "section 3.4, Fig. 4",
)
CLAIMS: tuple[tuple[Claim, Judge], ...] = (
    (WIDER._replace(text="E0 saturates above 0.8 keV"), _saturates),
    (
        Claim(
            "HII_EFF_FACTOR",
            "zeta is recovered worse where it is high",
            "high values have larger uncertainties than low ones",
            "section 4.2, Fig. 5",
        ),
        _worsens,
    ),
    *(
        (
            Claim(
                parameter,
                f"Error {'about 10 %' if about else 'below 1 %'} over most of the allowed range",
                "about 10 %" if about else "< 1 %",
                "abstract, section 5",
            ),
            partial(_error, limit=published.UNCERTAINTY[parameter], about=about),
        )
        for parameter, about in (
            ("ION_Tvir_MIN", False),
            ("L_X", False),
            ("HII_EFF_FACTOR", True),
            ("NU_X_THRESH", True),
        )
    ),
    *(
        (
            Claim(
                parameter,
                "The residual's standard deviation is not larger than the paper's",
                f"{theirs:g} dex, by a Gaussian fit",
                "section 4.2",
            ),
            partial(_sigma, theirs=theirs),
        )
        for parameter, theirs in published.SPREAD.items()
    ),
)
