"""A paper's methods section: a paragraph and tables, from what is recorded of a run alone.

What is not recorded is left out, never guessed.
"""

import json

from ..base.counting import counted, listed
from ..config.networks import Dense, FilterBank, GaussianDropout, Posterior
from ..config.parameters import shown
from ..config.sweeps import repeats
from ..images.sets import Sets, divide
from ..lightcones.journal import Record
from ..paper.scores import table as table2
from ..products.kinds import KINDS
from ..products.networks import TrainingRun
from ..records.record import distinct
from ..simulator.lightcone import coordinates
from ..text.styles import Style
from ..training.networks.layers import layers
from . import model
from .model import Row
from .observed import on_instrument, on_spectra
from .recorded import HOUR, Recorded, Simulated

NETWORK = "Gillet2019"
SAMPLING = {
    "uniform": "independent uniform draws",
    "sobol": "points of one scrambled Sobol sequence",
}
NAMED_SOFTWARE = ("lcinfer", "python", "numpy", "zarr", "torch", "snakemake")  # the table has all


def text(recorded: Recorded, style: Style, scores: bool = False) -> str:
    """The paragraph, the table, a table of R2 if ``scores``, and the references."""
    told = [
        *_on_light_cones(recorded, style),
        *_on_images(recorded, style),
        *on_spectra(recorded, style),
        *(
            said
            for run in _configured(recorded).values()
            for said in _on_training(recorded, run, style)
        ),
        *_on_cost(recorded, style),
        *_on_software(recorded, style),
    ]
    parts = [" ".join(told), _table(recorded, style)]
    if scores:
        parts.append(table2(recorded.run, style))
    return "\n\n".join([*parts, style.references(cited(recorded))]) + "\n"


def cited(recorded: Recorded) -> list[str]:
    """The keys of the papers that the text cites."""
    keys = [NETWORK, *model.engine(recorded).papers]
    if model.known(recorded) and recorded.run.config.database.simulator.treatment != "none":
        keys.append(model.VELOCITIES)
    return keys


def _on_light_cones(recorded: Recorded, style: Style) -> list[str]:
    database = recorded.run.config.database
    simulator, box = database.simulator, database.box
    count = style.count(len(recorded.database.finished))
    if database.adopted is None:
        ranges = listed(f"{symbol} in {ends}" for symbol, ends in _prior(recorded, style))
        told = [
            f"We simulated {count} light-cones of the 21-cm brightness temperature with "
            f"{_engine(recorded, style)}.",
            f"Their parameters are {SAMPLING[database.sampling]} over {ranges}.",
        ]
    else:
        told = [f"We took {count} light-cones of the 21-cm brightness temperature from files."]
        told += map(style.text, recorded.run.database.design.remarks)
    if failed := recorded.database.left_out:
        told.append(
            f"The simulations of {style.count(len(failed))} more failed; they are left out."
        )
    near, far = _redshifts(recorded)
    if model.known(recorded):
        told += model.sentences(recorded, style, near)
    told.append(
        f"A light-cone has {_cells(recorded, style)} cells of {_cell_size(recorded, style)} "
        f"(comoving), from redshift {near} to {far}, and initial conditions of its own in a "
        f"periodic box of {style.number(box.length, 'Mpc')}, on a grid of "
        f"{style.cells(*[box.cells * box.hires_factor] * 3)} cells."
    )
    cosmology = listed(style.equal(symbol, value) for symbol, value in _cosmology(recorded, style))
    told.append(f"The cosmology is flat and cold, with {cosmology}.")
    if simulator.options:
        options = simulator.options.items()
        told.append(
            "Options that we set are "
            f"{listed(style.code(f'{name} = {value}') for name, value in sorted(options))}."
        )
    if (bits := database.storage.keep_bits) is not None:
        told.append(f"Brightness temperatures are rounded to {bits} bits of mantissa.")
    return told


def _engine(recorded: Recorded, style: Style) -> str:
    configured = recorded.run.config.database.simulator.engine_version
    engine = model.engine(recorded)
    versions = {engine.made(record) or configured for record in recorded.database.finished}
    return engine.described(listed(sorted(versions)), style)


def _on_images(recorded: Recorded, style: Style) -> list[str]:
    config = recorded.run.config
    images, sets = config.images, _sets(recorded)
    rows, columns = config.image_shape
    validation, test = style.count(len(sets.validation)), style.count(len(sets.test))
    told = [
        f"Each light-cone gives {images.per_lightcone} images of {style.cells(rows, columns)} "
        f"cells (across and along the line of sight), in planes "
        f"{style.number(images.spacing, 'Mpc')} apart.",
        f"Light-cones, not images, are split: {style.count(len(sets.training))} for "
        f"training, {validation} for validation and {test} for testing.",
    ]
    for name in recorded.run.instruments:
        told.append(on_instrument(style, name, config.instruments[name]))
    if config.mocks:
        mocks = []
        for name, mock in config.mocks.items():
            values = (_value(style, *each) for each in sorted(mock.parameters.items()))
            mocks.append(f"{mock.realizations} of {style.text(name)} ({', '.join(values)})")
        told.append(
            f"Light-cones of fixed parameters, with seeds of their own, are {listed(mocks)}."
        )
    return told


def _configured(recorded: Recorded) -> dict[str, TrainingRun]:
    """The trainings that the configuration names: no repeats, no trials of sweeps."""
    run = recorded.run
    return {name: run.trainings[name] for name in run.config.trainings}


def _seeds(recorded: Recorded, run: TrainingRun) -> list[int]:
    return [repeat.seed for repeat in repeats(recorded.run.config.trainings[run.name])]


def _on_training(recorded: Recorded, run: TrainingRun, style: Style) -> list[str]:
    training, optimiser = run.training, run.training.optimiser
    images = recorded.run.config.training_images(training)
    network = training.network
    epochs = _epochs(run)
    if isinstance(network, FilterBank):
        moments = f"moments {listed(map(str, network.moments))} of rectified"
        convolved = counted(len(network.line_of_sight), "convolution")
        along = f" {convolved} along it and" * bool(network.line_of_sight)
        power = "power of" if network.moments == (2,) else moments
        architecture = (
            f"sees the {power} learned filters on "
            f"{counted(len(network.convolutions), 'scale')} in {network.slices} slices of the "
            f"line of sight through{along}"
        )
    elif isinstance(network, Dense):
        architecture = "reads power spectra through"
    else:
        architecture = (
            f"has the architecture of {style.cite_in_text(NETWORK)} with "
            f"{counted(len(network.convolutions), 'convolution')},"
        )
    lowered = {
        "plateau": f"multiplied by {style.number(optimiser.factor)} after {optimiser.patience} "
        f"epochs without a lower training loss",
        "cosine": "lowered to zero along half a cosine",
    }[optimiser.schedule]
    read = counted(images, "image") if training.input == "images" else "the power spectra"
    several = _seeds(recorded, run)
    seeds = f" {len(several)} times, with seeds {listed(list(map(str, several)))}," * (
        len(several) > 1
    )
    told = [
        f"The network {style.code(run.name)} {architecture} "
        f"{counted(len(network.dense), 'hidden fully connected layer')}, a dropout of "
        f"{style.number(network.dropout)} and {style.count(_weights(recorded, run))} weights.",
        f"It was trained{seeds} on {read} of each light-cone for {epochs} "
        f"epochs, in batches of {training.batch}, with RMSprop at a learning rate of "
        f"{style.number(optimiser.learning_rate)}, {lowered}.",
    ]
    if training.frozen_batch_norm:
        told.append(
            f"In the last {style.number(100 * training.frozen_batch_norm)}% of the epochs batch "
            f"normalisation kept its statistics."
        )
    together = "power spectra" if training.input != "images" else "images"
    match network.head:
        case Posterior():
            told.append(
                f"It gives the posterior by a normalising flow of "
                f"{counted(network.head.transforms, 'autoregressive transformation')} with "
                f"rational-quadratic splines, behind a logit of each parameter, from the mean of "
                f"the features of a light-cone's {together}."
            )
            if network.head.base == "validation":
                told.append(
                    "What it stretches is a Gaussian whose covariance was set on the validation "
                    "set, around 0."
                )
        case GaussianDropout():
            told.append(
                f"It gives the posterior as a Gaussian with a full covariance, from the mean of "
                f"the features of a light-cone's {together}, averaged over a dropout of "
                f"{style.number(network.head.dropout)} in training, whose rate at prediction was "
                f"set by coverage on the validation set."
            )
    if run.members:
        told.append(
            f"The posteriors of {len(run.members)} such networks, trained with seeds "
            f"{listed(list(map(str, run.seeds)))}, are mixed with equal weights."
        )
        if isinstance(network.head, Posterior) and network.head.base == "validation":
            told.append("Their widths were then set together on the validation set.")
    if training.precision != "single":
        rounded = {"tf32": "TensorFloat-32 (on GPUs)", "bfloat16": "bfloat16"}[training.precision]
        told.append(f"Products in training steps were rounded to {rounded}.")
    trained = [one.directory.name for one in (run, *run.members)]
    stages = [stage for name in trained for stage in recorded.stages.get(name, [])]
    done = [stage for stage in stages if stage.get("stage") == "train"]
    hardware = sorted({str(name) for one in done if (name := one.get("gpu") or one.get("cpu"))})
    if hardware:
        value, unit = _in_words(sum(float(one["seconds"]) for one in done) / HOUR)
        took = f"{_rounded(value, style)} {unit}"
        which = "The first" if len(several) > 1 else "This"
        told.append(f"{which} took {took} on {style.text(listed(hardware))}.")
    return told


def _on_cost(recorded: Recorded, style: Style) -> list[str]:
    told = []
    for made in recorded.simulated.values():
        if not made.timed:
            continue
        mock = f"The mock {style.text(made.cones.name)}"
        what = "The database" if made is recorded.database else mock
        attempts = style.count(len(made.attempts))
        sentence = f"{what} cost {_hours(made, made.attempts, style)} in {attempts} simulations"
        if made.failed:
            wasted = _hours(made, made.failed, style)
            sentence += f", {style.count(len(made.failed))} of which failed ({wasted})"
        hosts = distinct(made.finished, "host")
        processors = distinct(made.finished, "gpu") + distinct(made.finished, "cpu")
        sentence += f", on {counted(len(hosts), 'host')}" if hosts else ""
        sentence += f" ({style.text(listed(processors))})" if processors else ""
        told.append(f"{sentence}.")
    return told


def _on_software(recorded: Recorded, style: Style) -> list[str]:
    versions = [
        f"{style.text(name)} {style.text(' and '.join(several))}"
        for name in NAMED_SOFTWARE
        if (several := recorded.versions.get(name))
    ]
    return [f"The software was {listed(versions)}."] if versions else []


def _versions(recorded: Recorded) -> dict[str, tuple[str, ...]]:
    """Without 21cmFAST where another engine simulated."""
    own = model.engine(recorded).packages
    used = recorded.versions.items()
    return {name: them for name, them in used if name != "21cmfast" or name in own}


def _table(recorded: Recorded, style: Style) -> str:
    config = recorded.run.config
    database, sets = config.database, _sets(recorded)
    near, far = _redshifts(recorded)
    rows: list[Row] = [
        ("Light-cones", style.count(len(recorded.database.finished))),
        ("for training", style.count(len(sets.training))),
        ("for validation", style.count(len(sets.validation))),
        ("for testing", style.count(len(sets.test))),
        *((f"Prior of {symbol}", ends) for symbol, ends in _prior(recorded, style)),
        ("Sampling of the prior", f"{database.sampling}, seed {database.seed}"),
        *model.rows(recorded, style),
        ("Box", style.number(database.box.length, "Mpc")),
        ("Cells of a light-cone", _cells(recorded, style)),
        ("Cell", _cell_size(recorded, style)),
        ("Redshifts", f"{near} to {far}"),
        *((symbol, value) for symbol, value in _cosmology(recorded, style)),
        ("Images of a light-cone", style.count(config.images.per_lightcone)),
        ("Cells of an image", style.cells(*config.image_shape)),
    ]
    for name, run in _configured(recorded).items():
        training = run.training
        code = style.code(name)
        rows += [
            (f"{code}: images of a light-cone", style.count(config.training_images(training))),
            (f"{code}: weights", style.count(_weights(recorded, run))),
            (f"{code}: epochs", style.count(_epochs(run))),
            (f"{code}: batch", style.count(training.batch)),
            (f"{code}: learning rate", style.number(training.optimiser.learning_rate)),
            (f"{code}: seeds", ", ".join(map(str, _seeds(recorded, run)))),
        ]
    timed = [made for made in recorded.simulated.values() if made.timed]
    if timed:
        spent = sum(made.core_hours(made.attempts) for made in timed)
        rows += [("Simulations, failed ones included", core_hours(spent, style))]
    rows += [
        *(
            (kind.step, core_hours(hours, style))
            for kind in KINDS.values()
            if not kind.simulated and (hours := recorded.core_hours(kind.kind))
        ),
        *(
            (f"Version of {style.text(name)}", style.text(" and ".join(several)))
            for name, several in _versions(recorded).items()
        ),
        *(("Code", style.code(code)) for code in recorded.codes),
    ]
    return style.table(("Quantity", "Value"), rows, "The run in numbers.")


def _value(style: Style, name: str, value: float) -> str:
    """A parameter and py21cmfast's value of it in the shown unit."""
    how = shown(name)
    return style.equal(style.symbol(name), style.number(value * how.scale, how.unit))


def _prior(recorded: Recorded, style: Style) -> list[Row]:
    """Symbol and range of each varied parameter."""
    rows = []
    for name, ends in recorded.run.config.database.prior.items():
        parameter = shown(name)
        low, high = (end * parameter.scale for end in ends)
        rows.append((style.symbol(name), style.interval(low, high, parameter.unit)))
    return rows


def _cosmology(recorded: Recorded, style: Style) -> list[Row]:
    parameters = recorded.run.config.database.cosmology.model_dump()
    return [(style.symbol(name), style.number(value)) for name, value in parameters.items()]


def _redshifts(recorded: Recorded) -> tuple[str, str]:
    redshift, _ = coordinates(recorded.run.database.simulation)
    return f"{redshift[0]:.2f}", f"{redshift[-1]:.2f}"


def _cells(recorded: Recorded, style: Style) -> str:
    database = recorded.run.config.database
    return style.cells(database.box.cells, database.box.cells, database.lightcone.cells)


def _cell_size(recorded: Recorded, style: Style) -> str:
    return style.number(recorded.run.config.database.box.cell_size, "Mpc")


def _sets(recorded: Recorded) -> Sets:
    database = recorded.database
    return divide(recorded.run.config.split, database.cones.realizations, database.left_out)


def _weights(recorded: Recorded, run: TrainingRun) -> int:
    outputs = len(recorded.run.database.design.names)
    shape = recorded.run.config.input_shape(run.training)
    rows = layers(run.training.network, shape, outputs)
    return sum(row.weights for row in rows)


def _epochs(run: TrainingRun) -> int:
    """Epochs that were done, by the training's marker."""
    return int(json.loads(run.trained.read_text(encoding="utf-8"))["epochs"])


def _hours(made: Simulated, attempts: list[Record], style: Style) -> str:
    return core_hours(made.core_hours(attempts), style)


def core_hours(hours: float, style: Style) -> str:
    """CPU time in words."""
    value, unit = _in_words(hours)
    return f"{_rounded(value, style)} core-{unit}"


def _in_words(hours: float) -> tuple[float, str]:
    """A time in hours, minutes or seconds, the largest of which it has one or more."""
    for value, unit in ((hours, "hours"), (60 * hours, "minutes")):
        if value >= 1:
            return value, unit
    return HOUR * hours, "seconds"


def _rounded(value: float, style: Style) -> str:
    """Three digits of something measured, two of less than a hundred."""
    return style.number(float(f"{value:.{3 if value >= 100 else 2}g}"))
