"""Databases and whole runs made in this process: no MPI, no child."""

from pathlib import Path
from typing import Any

from lcinfer import config, database, images, journal, stages, summary
from lcinfer.products import LightCones, Run
from lcinfer.supervise import realize


def fill(cones: LightCones, *indices: int) -> None:
    """Simulate these realisations, or all, and journal them as a rank does."""
    writer = f"job{len(list(cones.journal.glob('*.jsonl')))}-0"
    lines = journal.Journal(cones.journal, writer)
    for index in indices or range(cones.realizations):
        values = cones.design.parameters(index, index + 1)[0].tolist()
        point = dict(zip(cones.design.names, values, strict=True))
        seed = int(cones.design.seeds(index, index + 1)[0])
        record = realize(cones.simulation, cones.store, index, point, seed)
        lines.append({"index": index, "parameters": point, "seed": seed, **record})
    lines.close()


def complete(cones: LightCones) -> None:
    """Prepare, fill and seal a database; what it has already stays."""
    database.prepare(cones)
    if missing := set(range(cones.realizations)) - set(journal.finished(cones.journal)):
        fill(cones, *sorted(missing))
    for span in cones.spans:
        database.finish_block(cones, span)
    database.seal(cones)


def whole_run(settings: dict[str, Any], root: Path) -> Run:
    """Every product of a configuration."""
    run = Run(config.parse(settings), root)
    for cones in run.lightcones.values():
        complete(cones)
    for image_set in run.images.values():
        images.prepare(image_set)
        for span in image_set.spans:
            images.cut_block(image_set, span)
        images.seal(image_set)
    for training in run.trainings.values():
        stages.train_network(training)
    for evaluation in run.evaluations.values():
        stages.evaluate_network(evaluation)
    for what in run.figures:
        stages.draw_figures(run, what)
    summary.write(run)
    return run
