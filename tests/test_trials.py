"""Trials side by side: a study's ranking, a learning curve's trend, and the audit of both."""

import csv
import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from support.filling import whole_run
from support.small import small_settings

from lcinfer.audit.audit import audit
from lcinfer.audit.walk import Depth
from lcinfer.base.errors import UserError
from lcinfer.changes.unused import find
from lcinfer.changes.work import to_make
from lcinfer.config.instruments import Instrument
from lcinfer.evaluation import trials
from lcinfer.evaluation.predict import load_trained
from lcinfer.evaluation.trials import Result, Trend
from lcinfer.figures import draw_learning, draw_observing, draw_study
from lcinfer.products.run import Run
from lcinfer.records.stamp import uncommented
from lcinfer.stages import scored
from lcinfer.stages.compare import compare_trials

SWEEPS = {
    "curve": {
        "training": "all_images",
        "vary": {"light_cones": [3, 5, 7], "seed": [1, 2]},
        "scored_on": "test",
    },
    "study": {
        "training": "all_images",
        "vary": {
            "optimiser.learning_rate": {"low": 1e-4, "high": 1e-1, "log": True},
            "network.dense": [[8], [4, 4]],
            "batch": [8],
        },
        "trials": 3,
    },
}


@pytest.fixture(scope="module")
def swept(tmp_path_factory) -> Run:
    """A whole run with a learning curve and a study."""
    settings = {**small_settings(), "sweeps": SWEEPS}
    settings["trainings"]["all_images"]["repeats"] = 2
    return whole_run(settings, tmp_path_factory.mktemp("swept") / "results")


@pytest.fixture
def copied(swept, tmp_path) -> Run:
    shutil.copytree(swept.root, tmp_path / "results", symlinks=True)
    return Run(swept.config, tmp_path / "results")


def outcome(run: Run, name: str) -> dict:
    return json.loads(run.sweeps[name].outcome.read_text())


def test_the_best_trial_has_the_lowest_validation_loss(swept) -> None:
    tried = trials.results(swept.sweeps["study"])
    best = outcome(swept, "study")["best"]
    assert best["validation_loss"] == min(result.validation_loss for result in tried)
    assert best["values"] == dict(tried[best["trial"] - 1].trial.values)


def test_a_study_reads_the_test_set_for_its_best_trial_alone(swept) -> None:
    study = swept.sweeps["study"]
    evaluated = [name for name, it in study.evaluations.items() if it.directory.exists()]
    best = outcome(swept, "study")["best"]
    assert evaluated == [best["training"]]
    scores = json.loads(study.evaluations[best["training"]].scores.read_text())
    assert best["scores"]["average"] == scores["average"]


def test_the_table_of_trials_has_a_line_each_with_losses_and_scores(swept) -> None:
    curve = swept.sweeps["curve"]
    with curve.table.open() as file:
        rows = list(csv.DictReader(uncommented(file)))
    assert [(row["light_cones"], row["seed"]) for row in rows] == [
        (cones, seed) for cones in "357" for seed in "12"
    ]
    for row, (_, run) in zip(rows, curve.trials, strict=True):
        assert row["training"] == run.directory.name
        scores = json.loads(curve.evaluations[run.directory.name].scores.read_text())
        assert float(row["r2_one_image_L_X"]) == scores["one_image"]["L_X"]["r2"]


def test_what_a_trial_varies_stands_beside_its_name(swept) -> None:
    told = scored.for_terminal(swept)
    assert "\ncurve.1 (light_cones: 3, seed: 1)  one image" in told
    assert "\nall_images  " in told


def test_a_trial_learns_from_as_many_light_cones_as_it_says(swept) -> None:
    _, few = swept.sweeps["curve"].trials[0]
    _, all_of_them = swept.sweeps["curve"].trials[-1]
    normalisations = [
        load_trained(run.checkpoint).fitted_normalisation() for run in (few, all_of_them)
    ]
    taken = swept.database.design.parameters(5, 8)
    assert normalisations[0].parameter_mean == pytest.approx(tuple(taken.mean(axis=0)))
    assert normalisations[0] != normalisations[1]


def test_the_runs_table_says_how_many_light_cones_each_trial_learnt_from(swept) -> None:
    with swept.summary.table.open() as file:
        rows = list(csv.DictReader(uncommented(file)))
    told = {row["training"]: int(row["training_light_cones"]) for row in rows}
    curve = swept.sweeps["curve"]
    names = {run.directory.name: name for name, run in swept.trainings.items()}
    sizes = [told[names[run.directory.name]] for _, run in curve.trials]
    assert sizes == [3, 3, 5, 5, 7, 7]
    assert told["all_images"] == 7


def test_a_trend_averages_over_the_seeds(swept) -> None:
    tried = trials.results(swept.sweeps["curve"])
    found = {(trend.prediction, trend.parameter): trend for trend in trials.trends(tried)}
    assert len(found) == 2 * 4
    trend = found["average", "ION_Tvir_MIN"]
    r2 = [result.scores["average"]["ION_Tvir_MIN"]["r2"] for result in tried]
    assert trend.light_cones.tolist() == [3, 5, 7]
    assert trend.mean == pytest.approx(np.reshape(r2, (3, 2)).mean(axis=1))
    assert trend.spread == pytest.approx(np.reshape(r2, (3, 2)).std(axis=1, ddof=1))


def made_up(mean: list[float], light_cones: list[int]) -> Trend:
    sizes, r2 = np.array(light_cones), np.array(mean)
    return Trend("average", "L_X", 4, {}, sizes, r2, np.full(len(sizes), np.nan))


def test_a_power_law_is_found_and_continued() -> None:
    sizes = np.array([100, 200, 400, 800])
    trend = made_up((1 - 3 * sizes**-0.5).tolist(), sizes.tolist())
    assert trend.power_law == pytest.approx((3, 0.5))
    assert trend.plain()["with_1000_more"] == pytest.approx(1 - 3 * 1800**-0.5)


def test_two_numbers_of_light_cones_are_no_trend() -> None:
    trend = made_up([0.5, 0.6], [100, 200])
    assert trend.power_law is None
    assert "with_1000_more" not in trend.plain()


def test_an_untrained_trial_is_one_line(copied) -> None:
    copied.sweeps["study"].trials[1][1].history.unlink()
    with pytest.raises(UserError, match="this trial is not trained yet"):
        compare_trials(copied.sweeps["study"])


def test_nothing_is_left_to_make_and_nothing_is_unused(swept) -> None:
    assert to_make(swept) == []
    assert find([swept], swept.root).unused == []


def test_what_a_removed_sweep_had_is_unused(swept) -> None:
    without = Run(swept.config.model_copy(update={"sweeps": {}}), swept.root)
    directories = {found.path.parent.name for found in find([without], swept.root).unused}
    assert {"sweeps", "trainings", "evaluations", "figures"} <= directories


def test_a_run_with_sweeps_passes_its_audit(swept) -> None:
    report = audit(swept.summary.directory, swept.root, Depth())
    assert report.holds, str(report)
    audited = {step.product for step in report.steps}
    for product in swept.by_directory.values():
        assert f"{product.kind}/{product.directory.name}" in audited


def test_an_edited_table_of_trials_fails_the_audit(copied) -> None:
    table = copied.sweeps["study"].table
    lines = table.read_text().splitlines()
    lines[2] = lines[2].replace(lines[2].rsplit(",", 1)[1], "0.001")
    table.write_text("\n".join(lines) + "\n")
    report = audit(table, copied.root, Depth())
    failed = [link.what for step in report.steps for link in step.links if not link.holds]
    assert failed == ["files", "trials"]


def test_an_edited_outcome_fails_the_audit(copied) -> None:
    path = copied.sweeps["curve"].outcome
    content = json.loads(path.read_text())
    content["trends"][0]["r2"][0] = 0.99
    path.write_text(json.dumps(content))
    report = audit(path.parent, copied.root, Depth())
    assert "trials" in [link.what for step in report.steps for link in step.links if not link.holds]


def test_the_figures_show_every_trial(swept) -> None:
    study = swept.sweeps["study"]
    panels = draw_study(study.sweep, trials.results(study)).axes
    drawn = [axes for axes in panels if axes.get_visible()]
    assert [axes.get_xlabel() for axes in drawn] == ["network.dense", "optimiser.learning_rate"]
    assert [len(axes.lines[0].get_xdata()) for axes in drawn] == [3, 3]
    averaged = [
        trend
        for trend in trials.trends(trials.results(swept.sweeps["curve"]))
        if trend.prediction == "average"
    ]
    figure = draw_learning(averaged)
    assert len([axes for axes in figure.axes if axes.get_visible()]) == 4
    told = figure.legends[0].get_title().get_text()
    assert told == "Predictions from averages over a light-cone's images"


def test_one_seed_has_no_error_bar_and_a_power_law_is_named() -> None:
    sizes = np.array([10, 20, 40])
    one = Trend("average", "L_X", 2, {}, sizes, np.array([0.5, 0.6, 0.7]), np.full(3, np.nan))
    figure = draw_learning([one])
    (bars,) = figure.axes[0].containers
    assert not bars.has_yerr
    named = [text.get_text() for text in figure.legends[0].get_texts()]
    assert named == ["2 images of each", "power law, to 1000 light-cones more"]


def test_trends_of_one_number_of_light_cones_stand_side_by_side() -> None:
    on, off = (
        Trend("average", "L_X", 2, {"augment": augment}, *map(np.array, ([10], [r2], [0.1])))
        for augment, r2 in ((True, 0.7), (False, 0.6))
    )
    axes = draw_learning([on, off]).axes[0]
    points = [line for line in axes.lines if line.get_marker() in ("o", "s")]
    assert [line.get_xdata().tolist() for line in points] == [[0], [1]]
    assert [line.get_ydata().tolist() for line in points] == [[pytest.approx(0.3)], [0.4]]
    assert axes.get_xlabel() == "10 light-cones"


def observed(instrument: Instrument | None, log_density: float) -> Result:
    """A trial of images that an instrument has seen."""
    run = SimpleNamespace(
        inputs=SimpleNamespace(instrument=instrument, per_lightcone=1),
        training=SimpleNamespace(images_of=lambda per_lightcone: per_lightcone),
        training_set=range(9),
        directory=SimpleNamespace(name="it"),
    )
    return Result(
        number=1,
        trial=SimpleNamespace(values={"instrument": str(instrument)}),
        run=run,
        training_loss=0.0,
        validation_loss=0.0,
        scores={kind: {"L_X": {"r2": 0.5}} for kind in trials.PREDICTIONS},
        posterior={
            "log_density": {"mean": log_density, "standard_error": 0.1},
            "posterior_width": {"L_X": 0.68},
            "calibration": {"verdict": "PASS"},
        },
    )


def test_a_trial_with_a_posterior_has_its_worth_in_the_table() -> None:
    sweep = SimpleNamespace(sweep=SimpleNamespace(vary={"instrument": ()}))
    first, line = csv.reader(trials.table(sweep, [observed(None, 2.5)]).splitlines())
    row = dict(zip(first, line, strict=True))
    expected = {
        "log_density": "2.5",
        "log_density_standard_error": "0.1",
        "width_68_L_X": "0.68",
        "verdict": "PASS",
    }
    assert {key: row[key] for key in expected} == expected


def test_instruments_stand_by_their_hours_with_a_line_for_each_wedge() -> None:
    tried = [
        observed(Instrument(hours=hours, wedge=wedge), log_density=np.log10(hours))
        for hours in (1e12, 100, 1000)
        for wedge in ("none", "horizon")
    ]
    figure = draw_observing([*tried, observed(None, 5.0)], {"L_X": (38, 42)})
    _, widths, worth = figure.axes
    ticks = [tick.get_text() for tick in worth.get_xticklabels()]
    assert ticks == ["100", "1,000", "no\nnoise", "the\nsky"]
    assert [line.get_ydata().tolist() for line in widths.lines] == [[0.25] * 3, [0.25] * 3, [0.25]]
    lines = [(line.get_xdata().tolist(), line.get_ydata().tolist()) for line in worth.lines[:3]]
    assert lines == [([0, 1, 2], [2.0, 3.0, 12.0])] * 2 + [([3], [5.0])]
    named = [text.get_text() for text in figure.legends[0].get_texts()]
    assert named[1:] == ["no wedge", "wedge: horizon"]
