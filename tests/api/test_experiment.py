"""``lcinfer.Experiment``: what a finished run has, as tables and paths."""

import pandas as pd
import pytest

import lcinfer
from lcinfer import config
from lcinfer.base.errors import UserError


@pytest.fixture
def experiment(here):
    return lcinfer.Experiment("config/demo.yaml")


def test_its_scores_are_those_of_the_table(experiment):
    written = pd.read_csv(experiment.directory / "r2.csv", comment="#")
    pd.testing.assert_frame_equal(experiment.scores(), written)
    assert set(experiment.scores()["parameter"]) == set(experiment.config.database.prior)


def test_predictions_and_losses_are_tables(experiment):
    tested = experiment.predictions()
    assert len(tested) == 6 * 4
    assert {"light_cone", "image", "true_L_X", "predicted_L_X"} <= set(tested.columns)
    assert len(experiment.predictions(mock="FAINT")) == 2 * 4
    assert experiment.losses("all_images")["epoch"].tolist() == [1, 2]


def test_it_opens_light_cones_and_networks(experiment):
    cones = experiment.database()
    assert experiment.database("FAINT").sizes["light_cone"] == 2
    network = experiment.network(confidence=0.5)
    assert network.inference.confidence == 0.5
    assert len(network.predict(cones.brightness_temp.sel(light_cone=4))) == 4


def test_it_knows_its_figures_and_says_what_it_is(experiment):
    assert experiment.figures["all_images"]["recovery"].stat().st_size > 0
    assert set(experiment.figures) == {"all_images", "examples", "scheme"}
    assert repr(experiment).startswith(f"run         small: {experiment.directory}\n")


def test_of_a_run_that_is_not_there_it_says_so(settings, tmp_path):
    nothing = lcinfer.Experiment(config.parse(settings), results=tmp_path)
    assert nothing.figures == {"all_images": {}, "examples": {}, "scheme": {}}
    for ask in (nothing.scores, nothing.predictions, nothing.losses):
        with pytest.raises(UserError, match="nothing of this configuration is here"):
            ask()
