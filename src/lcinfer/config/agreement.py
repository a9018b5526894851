"""What one section of a configuration must be for another: a line for each that is not."""

from collections.abc import Iterator
from itertools import combinations

from .messages import meant, unknown
from .sections import FIXED, FOR_A_WIDTH, Training
from .seeds import mock_block
from .whole import MOST_IN_A_CORNER, Sections

FEWEST_SAMPLES = 20  # between them a truth can fall into 21 places: a twentieth is told


def disagreements(config: Sections, recorded: bool = False) -> Iterator[str]:
    """What is wrong with the sections together, each of which is right alone.

    Args:
        config: all sections.
        recorded: whether it is of a run that was made, which may have what no new run may have.
    """
    yield from (*_prior(config), *_mocks(config))
    if not recorded:
        yield from (*_cannot_be_varied(config), *_posteriors(config))
    yield from (cut := [*_split(config), *_images(config), *_spectra(config)])
    if not cut:  # else what is found wrong with a training would be no mistake of its own
        for each in (_instruments, _trainings, _sweeps, _mcmc, _corners):
            yield from each(config)


def _prior(config: Sections) -> Iterator[str]:
    simulator, prior = config.database.simulator, config.database.prior
    for name in sorted(set(prior) & set(simulator.options)):
        yield f"database: {name} is both in prior and in simulator.options"


def _cannot_be_varied(config: Sections) -> Iterator[str]:
    for name in sorted(FIXED.keys() & config.database.prior.keys()):
        yield f"database.prior: {name} cannot be varied: {FIXED[name]}"


def _posteriors(config: Sections) -> Iterator[str]:
    kept = {f"mcmc.{name}.samples": it.samples for name, it in config.mcmc.items()}
    if config.with_posteriors:
        kept["evaluation.samples"] = config.evaluation.samples
    for key, samples in kept.items():
        if samples < FEWEST_SAMPLES:
            yield (
                f"{key} {samples}: {FEWEST_SAMPLES} at least: fewer tell no interval that holds "
                "95 % of a posterior"
            )
    corners = config.figures.corners or ()
    if config.figures.corners == ():
        yield f"figures.corners names none: leave it out for the first {MOST_IN_A_CORNER}"
    if len(set(corners)) < len(corners):
        yield f"figures.corners names a posterior twice: {', '.join(corners)}"


def _split(config: Sections) -> Iterator[str]:
    taken = config.split.validation + config.split.test
    if taken >= config.database.realizations:
        yield (
            f"split: {config.split.validation} light-cones for validation and "
            f"{config.split.test} for testing leave none of the database's "
            f"{config.database.realizations} for training"
        )


def _mocks(config: Sections) -> Iterator[str]:
    varied = set(config.database.prior)
    named = {name for mock in config.mocks.values() for name in mock.parameters}
    for name in sorted(varied - named if named else ()):
        if other := meant(name, sorted(named - varied)):
            yield f"database.prior: no mock has {name}{other}"
    for name, mock in config.mocks.items():
        missing, more = sorted(varied - set(mock.parameters)), sorted(set(mock.parameters) - varied)
        differing = [f"lacks {', '.join(missing)}, which the prior varies"] if missing else []
        differing += [f"has {', '.join(more)}, which it does not vary"] if more else []
        if differing:
            yield f"mocks.{name}.parameters {', and '.join(differing)}"
    for key in ("examples", "responses"):
        unknown = set(getattr(config.figures, key) or ()) - set(config.mocks)
        for name in sorted(unknown):
            yield f"figures.{key}: there is no mock {name}{meant(name, config.mocks)}"
    if config.database.name in config.mocks:
        yield f"mocks.{config.database.name} has the database's name: rename one"
    for one, other in combinations(config.mocks, 2):
        if mock_block(one) == mock_block(other):
            yield f"mocks {one} and {other} would share seeds: rename one of them"


def _images(config: Sections) -> Iterator[str]:
    box, images = config.database.box, config.images
    steps = images.spacing / box.cell_size
    if abs(steps - round(steps)) > 1e-6 or round(steps) < 1:
        yield (
            f"images.spacing {images.spacing:g} Mpc is not a whole number of the box's "
            f"{box.cell_size:g} Mpc cells"
        )
    elif images.slices * round(steps) > box.cells:
        yield (
            f"images: {images.slices} slices {images.spacing:g} Mpc apart need a box of "
            f"{images.slices * images.spacing:g} Mpc, and database.box.length is {box.length:g}"
        )
    if box.cells % images.halves:
        yield f"images.halves {images.halves} does not divide the box's {box.cells} cells"
    if len(set(images.axes)) < len(images.axes):
        yield f"images.axes names an axis twice: {', '.join(images.axes)}"
    along = images.line_of_sight_cells
    if along is not None and along > config.database.lightcone.cells:
        yield (
            f"images.line_of_sight_cells {along} exceeds the light-cone's "
            f"{config.database.lightcone.cells} cells"
        )


def _spectra(config: Sections) -> Iterator[str]:
    for name, spectra in config.spectra.items():
        if name == "images":
            yield "spectra: 'images' is what networks read by default: choose another name"
        try:
            spectra.shape(config.database.box, config.database.lightcone)
        except ValueError as error:
            yield f"spectra.{name}: {error}"


def _mcmc(config: Sections) -> Iterator[str]:
    parameters = len(config.database.prior)
    left = config.database.realizations - config.split.validation - config.split.test
    for name, mcmc in config.mcmc.items():
        where = f"mcmc.{name}"
        if name in config.with_posteriors:
            yield f"{where}: a training has posteriors of this name: choose another"
        if mcmc.spectra not in config.spectra:
            yield f"{where}.spectra: {unknown('section spectra.', mcmc.spectra, config.spectra)}"
        if mcmc.walkers < 2 * parameters:
            yield f"{where}.walkers {mcmc.walkers}: {parameters} parameters need {2 * parameters}"
        if left < 2 * mcmc.components:
            yield (
                f"{where}.components {mcmc.components}: the scatter of so many needs "
                f"{2 * mcmc.components} training light-cones, and there are {left}"
            )


def _corners(config: Sections) -> Iterator[str]:
    known, asked = (*config.with_posteriors, *config.mcmc), config.figures.corners or ()
    if len(asked) > MOST_IN_A_CORNER:
        yield f"figures.corners: {len(asked)} posteriors, and {MOST_IN_A_CORNER} can be told apart"
    for name in asked:
        if name not in known:
            there = ", ".join(known) or "none"
            yield f"figures.corners: {name} has no posterior{meant(name, known)}; there are {there}"


def _instruments(config: Sections) -> Iterator[str]:
    for name in config.instruments:
        if name in (*config.trainings, *config.sweeps, *config.other_figures):
            yield f"instruments.{name}: {name} is the name of other figures: choose another"


def _trainings(config: Sections) -> Iterator[str]:
    for name, training in config.trainings.items():
        if what := config.other_figures.get(name):
            yield f"trainings: {name!r} is the name of {what}: choose another"
        else:
            yield from _training(config, f"trainings.{name}", training)


def _training(config: Sections, where: str, training: Training) -> Iterator[str]:
    if training.input != "images":
        if training.input not in config.spectra:
            yield f"{where}.input: {unknown('section spectra.', training.input, config.spectra)}"
            return
        if training.network.architecture != "dense":
            yield (
                f"{where}.network: a {training.network.architecture} reads images; for spectra "
                f"say architecture: dense"
            )
            return
        if training.augment:
            yield f"{where}.augment: spectra are the same when mirrored: leave it out"
        if training.instrument is not None:
            yield f"{where}.instrument: spectra are those of light-cones without an instrument"
    images, there = config.training_images(training), config.per_lightcone(training)
    if training.ensemble > 1 and not training.network.head.together:
        yield (
            f"{where}.ensemble: it mixes posteriors, and a head of {training.network.head.kind} "
            f"gives none: say network.head.kind: posterior, or repeats"
        )
    if training.network.head.together and training.batch < images:
        yield (
            f"{where}.batch {training.batch} is less than the {images} images of a light-cone that "
            f"its posterior learns from together"
        )
    head, needed = training.network.head, FOR_A_WIDTH * len(config.database.prior)
    if head.kind == "posterior" and head.base == "validation" and config.split.validation < needed:
        yield (
            f"{where}.network.head.base: validation: widths of {len(config.database.prior)} "
            f"parameters need {needed} validation light-cones, and split.validation is "
            f"{config.split.validation}"
        )
    if images > there:
        what = "images cut from" if training.input == "images" else "set of spectra of"
        yield f"{where}.images {training.images} exceeds the {there} {what} a light-cone"
    asked = training.instrument
    if asked is not None and asked not in config.instruments:
        yield f"{where}.instrument: {unknown('instrument ', asked, config.instruments)}"
    left = config.database.realizations - config.split.validation - config.split.test
    if training.light_cones and training.light_cones > left:
        yield (
            f"{where}.light_cones {training.light_cones} exceeds the {left} that validation and "
            f"test leave of the database's {config.database.realizations}"
        )
    try:
        training.network.bytes_of_step(config.input_shape(training))
    except ValueError as error:
        yield f"{where}.network is too large for its image: {error}"


def _sweeps(config: Sections) -> Iterator[str]:
    for name, sweep in config.sweeps.items():
        where = f"sweeps.{name}"
        if name in (*config.trainings, *config.other_figures):
            yield f"{where}: {name} is the name of other figures: choose another"
        if sweep.training not in config.trainings:
            yield f"{where}.training: {unknown('training ', sweep.training, config.trainings)}"
            continue
        try:
            found = config.trials(name)
        except ValueError as error:
            yield f"{where}.{error}"
            continue
        for trial in found:
            values = ", ".join(f"{key} = {value}" for key, value in trial.values.items())
            yield from _training(config, f"{where} ({values}): training", trial.training)
