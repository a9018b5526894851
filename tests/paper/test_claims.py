"""The paper's claims on predictions of which it is known whether they hold."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.small import small_settings

from lcinfer import config
from lcinfer.base.errors import UserError
from lcinfer.evaluation.evaluate import Predictions, read_predictions, write_predictions
from lcinfer.evaluation.posteriors import Posteriors, write_posteriors
from lcinfer.paper import claims
from lcinfer.paper.claims import FAILS, HOLDS, OPEN, Line
from lcinfer.products.run import Run
from lcinfer.records.stamp import uncommented
from lcinfer.text.styles import Csv

TEST = 400
NAMES = ("HII_EFF_FACTOR", "ION_Tvir_MIN", "L_X", "NU_X_THRESH")
LOW, HIGH = np.array([10, 4, 38, 100.0]), np.array([250, 6, 42, 1500.0])
GOOD = np.array([0.01, 0.01, 0.02, 0.01]) * (HIGH - LOW)
FALLING = np.geomspace(1, 0.1, 16)
Predict = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def well(true: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Predictions with a small error everywhere."""
    return true + random.normal(0, GOOD, true.shape)


def by_guessing(true: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The mean of the prior, whatever the image shows."""
    return (LOW + HIGH) / 2 + random.normal(0, GOOD, true.shape)


def as_in_the_paper(true: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """E0 saturates, zeta worsens, the logarithms are known well."""
    predicted = well(true, random)
    predicted[:, 3] = np.minimum(true[:, 3], 850) + random.normal(0, 60, len(true))
    predicted[:, 0] += random.normal(0, 0.1, len(true)) * true[:, 0]
    return predicted


def run_of(
    root: Path,
    predict: dict[str, Predict],
    losses: tuple[np.ndarray, np.ndarray] = (FALLING, FALLING),
    test: int = TEST,
    **trainings: dict[str, object],
) -> Run:
    """A run that consists of predictions and histories alone, by the trainings' labels."""
    settings = small_settings()
    settings["database"]["realizations"] = test + 20
    settings["split"] = {"validation": 10, "test": test}
    settings["evaluation"] = {"bootstrap": 200}
    training = settings["trainings"].pop("all_images")
    for name, changed in (trainings or {"all_images": {}}).items():
        settings["trainings"][name] = {**training, **changed}
    run = Run(config.parse(settings), root)
    for number, (label, evaluation) in enumerate(run.evaluations.items()):
        random = np.random.default_rng(number)
        true = np.random.default_rng(99).uniform(LOW, HIGH, (test, 4))
        guess = predict[label](true, random)[:, None]
        cones = np.arange(10, 10 + test)
        write_predictions(Predictions(NAMES, cones, true, guess), evaluation.predictions)
        history = evaluation.training.history
        history.parent.mkdir(parents=True)
        with history.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["epoch", "training_loss", "validation_loss"])
            for epoch, pair in enumerate(zip(*losses, strict=True), start=1):
                writer.writerow([epoch, *map(float, pair)])
    return run


def said(lines: list[Line], claim: str, parameter: str = "") -> Line:
    (found,) = [
        it for it in lines if it.claim.text.startswith(claim) and it.claim.parameter == parameter
    ]
    return found


def verdicts(lines: list[Line]) -> dict[tuple[str, str], str]:
    return {(it.claim.text.split()[0], it.claim.parameter): it.verdict.holds for it in lines}


def test_what_is_as_in_the_paper_holds(tmp_path) -> None:
    lines = claims.lines(run_of(tmp_path, {"all_images": as_in_the_paper}))
    assert said(lines, "E0", "NU_X_THRESH").verdict.holds == HOLDS
    assert said(lines, "zeta", "HII_EFF_FACTOR").verdict.holds == HOLDS
    for parameter in ("ION_Tvir_MIN", "L_X", "HII_EFF_FACTOR"):
        assert said(lines, "Error", parameter).verdict.holds == HOLDS
    for parameter in ("ION_Tvir_MIN", "L_X"):
        assert said(lines, "The residual's", parameter).verdict.holds == HOLDS
    assert said(lines, "No over-fitting").verdict.holds == HOLDS


def test_a_network_that_follows_all_of_e0_does_not_saturate(tmp_path) -> None:
    lines = claims.lines(run_of(tmp_path, {"all_images": well}))
    saturates = said(lines, "E0", "NU_X_THRESH").verdict
    assert saturates.holds == OPEN, "the slopes agree: their difference encloses 0"
    assert "below: slope of predicted against true 1 [" in saturates.measured
    assert said(lines, "zeta", "HII_EFF_FACTOR").verdict.holds == OPEN


def test_what_is_the_reverse_of_the_paper_does_not_hold(tmp_path) -> None:
    def reversed_(true: np.ndarray, random: np.random.Generator) -> np.ndarray:
        predicted = well(true, random)
        predicted[:, 3] = np.maximum(true[:, 3], 700) + random.normal(0, 30, len(true))
        predicted[:, 0] += random.normal(0, 0.1, len(true)) * (250 - true[:, 0])
        predicted[:, 1:3] += random.normal(0, 0.4, (len(true), 2)) * [1, 2]
        return predicted

    found = verdicts(claims.lines(run_of(tmp_path, {"all_images": reversed_})))
    assert found["E0", "NU_X_THRESH"] == FAILS
    assert found["zeta", "HII_EFF_FACTOR"] == FAILS
    for parameter in ("ION_Tvir_MIN", "L_X"):
        assert found["Error", parameter] == found["The", parameter] == FAILS


def test_a_network_that_learnt_nothing_has_no_say_in_how_it_recovers(tmp_path) -> None:
    lines = claims.lines(run_of(tmp_path, {"all_images": by_guessing}))
    for claim, parameter in (("E0", "NU_X_THRESH"), ("zeta", "HII_EFF_FACTOR")):
        verdict = said(lines, claim, parameter).verdict
        assert verdict.holds == OPEN and "has not learnt it" in verdict.why
    assert said(lines, "Error", "ION_Tvir_MIN").verdict.holds == FAILS


def test_few_light_cones_and_few_epochs_say_nothing(tmp_path) -> None:
    short = (FALLING[:7], FALLING[:7])
    predict = {"few": coarse, "many": well}
    sizes = {"few": {"images": 1}, "many": {"images": 4}}
    lines = claims.lines(run_of(tmp_path, predict, short, test=19, **sizes))
    assert {line.verdict.holds for line in lines} == {OPEN}
    whys = [line.verdict.why for line in lines]
    assert sum("only 19 test light-cones" in why for why in whys) == 2 * len(claims.CLAIMS) + 4
    assert sum("only 7 epochs" in why for why in whys) == 2


def validation(start: float, end: float) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0, 0.01, 32)
    return np.concatenate([np.linspace(1, start, 16), np.linspace(start, end, 16)]) + noise


@pytest.mark.parametrize(
    ("training", "validating", "holds"),
    [
        (np.geomspace(1, 0.01, 32), validation(0.3, 0.2), HOLDS),
        (np.geomspace(1, 0.01, 32), validation(0.3, 0.3), HOLDS),
        (np.geomspace(1, 0.01, 32), validation(0.3, 0.9), FAILS),
        (validation(0.2, 0.8), validation(0.3, 0.9), OPEN),
    ],
    ids=["both fall", "flat", "only training falls", "both rise"],
)
def test_over_fitting_is_a_validation_loss_that_rises_while_the_training_loss_falls(
    tmp_path, training, validating, holds
) -> None:
    run = run_of(tmp_path, {"all_images": well}, (training, validating))
    assert said(claims.lines(run), "No over-fitting").verdict.holds == holds


def coarse(true: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return true + random.normal(0, 20 * GOOD, true.shape)


def test_more_slices_are_compared_in_trainings_that_differ_in_them_alone(tmp_path) -> None:
    run = run_of(
        tmp_path,
        {"many": well, "few": coarse, "other": coarse},
        many={"images": 4},
        few={"images": 1},
        other={"images": 2, "epochs": 3},
    )
    lines = [line for line in claims.lines(run) if line.claim.text.startswith("More")]
    assert {line.training for line in lines} == {"few, many"}
    assert {line.claim.parameter for line in lines} == set(NAMES)
    assert {line.verdict.holds for line in lines} == {HOLDS}
    assert "one training seed" in lines[0].verdict.why
    assert said(lines, "More", "NU_X_THRESH").claim.paper == "R2 from 0.531 to 0.728 for 1 and 10"


def test_the_seeds_of_a_training_are_one_line(tmp_path) -> None:
    predict = {"few": coarse, "few.seed2": coarse, "many": coarse, "many.seed2": coarse}
    run = run_of(
        tmp_path, predict, few={"images": 1, "repeats": 2}, many={"images": 4, "repeats": 2}
    )
    lines = claims.lines(run)
    assert len(lines) == 2 * (len(claims.CLAIMS) + 1) + 4
    more = [line for line in lines if line.claim.text.startswith("More")]
    assert {line.verdict.holds for line in more} <= {OPEN, HOLDS, FAILS}
    assert all("one training seed" not in line.verdict.why for line in more)


def test_without_such_a_pair_more_slices_cannot_be_said(tmp_path) -> None:
    lines = claims.lines(run_of(tmp_path, {"all_images": well}))
    verdict = said(lines, "More").verdict
    assert (verdict.holds, "differ in `images` alone" in verdict.why) == (OPEN, True)


def test_the_table_has_a_row_per_line_with_where_the_paper_says_so(tmp_path) -> None:
    run = run_of(tmp_path, {"all_images": as_in_the_paper})
    head, *body = csv.reader(uncommented(claims.table(run, Csv()).splitlines()))
    assert len(body) == len(claims.lines(run))
    assert head[3:6] == ["unit", "paper", "where"]
    assert all(row[5].startswith(("section", "abstract")) for row in body)
    assert {row[7] for row in body} <= {HOLDS, FAILS, OPEN}
    assert {row[3] for row in body if row[2] == "NU_X_THRESH"} == {"keV"}


def test_a_damaged_history_is_named(tmp_path) -> None:
    run = run_of(tmp_path, {"all_images": well})
    run.trainings["all_images"].history.write_text("epoch\n1\n")
    with pytest.raises(UserError, match=r"history\.csv is damaged"):
        claims.lines(run)


def test_e0_s_posterior_is_wider_where_it_saturates(tmp_path):
    head = {"network": {**small_settings()["trainings"]["all_images"]["network"]}}
    head["network"]["head"] = {"kind": "posterior"}
    for factor, verdict in ((3, HOLDS), (1, OPEN), (0.3, FAILS)):
        run = run_of(tmp_path / str(factor), {"all_images": well}, all_images=head)
        evaluation = run.evaluations["all_images"]
        table = read_predictions(evaluation.predictions)
        widths = np.where(table.true[:, 3] > 800, 50 * factor, 50)[:, None, None]
        normal = np.random.default_rng(1).normal(size=(TEST, 60, 4))
        posteriors = Posteriors(
            NAMES,
            table.light_cones,
            table.true,
            (table.true[:, None] + widths * normal).astype(np.float32),
            np.zeros(TEST),
            table.true,
        )
        write_posteriors(posteriors, evaluation.posterior)
        found = claims.lines(run)
        line = said(found, "E0's posterior is wider", "NU_X_THRESH")
        assert line.verdict.holds == verdict
        assert "below 0.8 keV: 0.0" in line.verdict.measured
        assert line.verdict.measured.endswith("of the prior: 0.404 keV")
        assert not [it for it in found if it.claim.text.startswith("No over-fitting")]
