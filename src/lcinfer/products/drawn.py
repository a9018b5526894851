"""Which figures a run has, and what each is drawn from."""

from typing import TYPE_CHECKING, Any

from ..base.fingerprint import identity
from .product import Product
from .shown import EXAMPLES, POSTERIORS, SCHEME, FigureSet

if TYPE_CHECKING:
    from .run import Run


def figure_sets(run: "Run") -> dict[str, FigureSet]:
    """Figures by what they are of: a configured training, a sweep, an instrument, ``posteriors``,
    ``examples``, ``scheme``."""
    config = run.config

    def drawing(name: str, *sources: Product, **made_from: Any) -> FigureSet:
        style = config.figures
        return FigureSet(
            name=name,
            identity=identity("figures", style=style, **made_from),
            root=run.root,
            formats=style.formats,
            drawn_from=sources,
        )

    answered = {"responses": run.responses} if run.mocks else {}
    drawn = {}
    for name in run.repeats:
        scored = run.evaluations[name]
        if config.trainings[name].input != "images":
            drawn[name] = drawing(name, scored, of_spectra=scored.fingerprint)
            continue
        responding = (scored.mock_images[mock] for mock in run.responses)
        made_from = {"evaluation": scored.fingerprint, **answered}
        drawn[name] = drawing(name, scored, *responding, **made_from)
    for name, sweep in run.sweeps.items():
        drawn[name] = drawing(name, sweep, sweep=sweep.fingerprint)
    for name, seen in run.instruments.items():
        drawn[name] = drawing(name, seen, instrument=seen.fingerprint)
    if config.with_posteriors:
        sampled = {name: run.evaluations[name] for name in config.with_posteriors}
        fingerprints = {name: scored.fingerprint for name, scored in sampled.items()}
        corners = sorted(run.mocks)
        drawn[POSTERIORS] = drawing(
            POSTERIORS, *sampled.values(), posteriors=fingerprints, corners=corners
        )
    if run.mocks:
        examples = {name: run.mock_images[name] for name in run.examples}
        shown = [[name, [it.fingerprint, it.realizations]] for name, it in examples.items()]
        drawn[EXAMPLES] = drawing(EXAMPLES, *examples.values(), mocks=shown)
    box, lightcone = config.database.box, config.database.lightcone
    drawn[SCHEME] = drawing(SCHEME, images=config.images, box=box, lightcone=lightcone)
    return drawn
