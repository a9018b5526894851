"""Databases and whole runs made in this process: no MPI, no child."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from lcinfer import config
from lcinfer.lightcones import journal
from lcinfer.lightcones.child import realize
from lcinfer.products.databases import LightCones
from lcinfer.products.run import Run
from lcinfer.stages import draw, images, lightcones, mcmc, summarise
from lcinfer.stages.compare import compare_trials
from lcinfer.stages.evaluate import evaluate_network
from lcinfer.stages.train import train_network


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


def fail(cones: LightCones, *indices: int, attempts: int = 3) -> None:
    """Journal failed attempts at these realisations, as a rank does."""
    lines = journal.Journal(cones.journal, f"failed{len(list(cones.journal.glob('*.jsonl')))}-0")
    for number in range(attempts):
        for index in indices:
            values = cones.design.parameters(index, index + 1)[0].tolist()
            point = dict(zip(cones.design.names, values, strict=True))
            why = {"error": "RuntimeError: no such universe", "traceback": "..."}
            when = {"began": 1.0 + number, "seconds": 0.5}
            lines.append({"index": index, "parameters": point, "seed": 1, **why, **when})
    lines.close()


def complete_without(cones: LightCones, *failed: int) -> None:
    """Prepare, fill and seal a database whose simulations of these realisations fail.

    What it has already stays.
    """
    lightcones.prepare(cones)
    if missing := set(range(cones.realizations)) - {*failed, *journal.finished(cones.journal)}:
        fill(cones, *sorted(missing))
    if failed:
        fail(cones, *failed)
    for span in cones.spans:
        lightcones.finish_block(cones, span)
    lightcones.seal(cones)


def complete(cones: LightCones) -> None:
    """Prepare, fill and seal a database."""
    complete_without(cones)


@contextmanager
def _empty_pages() -> Iterator[None]:
    """Figures are built, and in place of each an empty page is written, with its metadata.

    To lay out and render them takes longer than all else of a small run. No two pages are of one
    size: an audit tells files by their bytes.
    """
    render, number = Figure.savefig, count(1)

    def save_empty(_: Figure, *to: Any, **how: Any) -> None:
        render(Figure(figsize=(1 + next(number) / 10, 1)), *to, **how)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", save_empty)
        yield


def finish(run: Run) -> Run:
    """Make everything of a run that is not there, in the workflow's order; figures are empty."""
    for cones in run.lightcones.values():
        if not cones.sealed.exists():
            complete(cones)
    for inputs in run.inputs:
        images.make(inputs)
    for training in run.trainings.values():
        if not training.trained.exists():
            train_network(training, 1)
    for evaluation in run.evaluations.values():
        if not evaluation.scores.exists():
            evaluate_network(evaluation, 1)
    for sweep in run.sweeps.values():
        if not sweep.outcome.exists():
            compare_trials(sweep, 1)
    for sampled in run.mcmc.values():
        if not sampled.outcome.exists():
            mcmc.sample(sampled, 1)
    with _empty_pages():
        for what in run.figures:
            draw.draw_figures(run, what)
    summarise.write(run)
    return run


def whole_run(settings: dict[str, Any], root: Path) -> Run:
    """Every product of a configuration; its figures are empty pages."""
    return finish(Run(config.parse(settings), root))
