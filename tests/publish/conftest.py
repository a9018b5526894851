"""A whole finished run of the small configuration, made in this process, and copies of it."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from filling import complete
from small import small_settings

from lcinfer import config, images, stages, summary
from lcinfer.products import Run


@dataclass(frozen=True)
class Finished:
    """Where a run is."""

    config: Path
    results: Path

    @property
    def run(self) -> Run:
        return Run(config.load(self.config), self.results)


def make(run: Run) -> None:
    """All stages, one after the other."""
    for cones in run.lightcones.values():
        complete(cones)
    for image_set in run.images.values():
        images.prepare(image_set)
        for span in image_set.spans:
            images.cut_block(image_set, span)
        images.seal(image_set)
    for name in run.trainings:
        stages.train_network(run.trainings[name])
        stages.evaluate_network(run.evaluations[name])
    for what in run.figures:
        stages.draw_figures(run, what)
    summary.write(run)


@pytest.fixture(scope="session")
def made_once(tmp_path_factory) -> Finished:
    directory = tmp_path_factory.mktemp("published")
    path = directory / "config.yaml"
    path.write_text(yaml.safe_dump(small_settings()), encoding="utf-8")
    finished = Finished(path, directory / "results")
    make(finished.run)
    return finished


@pytest.fixture
def finished(made_once, tmp_path) -> Finished:
    """A copy, to be damaged."""
    shutil.copytree(made_once.results, tmp_path / "results")
    shutil.copy(made_once.config, tmp_path / "config.yaml")
    return Finished(tmp_path / "config.yaml", tmp_path / "results")
