"""A run whose networks give posteriors: calibration in its scores, tables, report and figures."""

import csv
import json

import numpy as np
import pytest
from support.filling import whole_run
from support.small import Settings, small_settings

from lcinfer import cli, config
from lcinfer.audit import networks, shown
from lcinfer.audit.audit import audit
from lcinfer.audit.walk import Depth
from lcinfer.base.errors import UserError
from lcinfer.evaluation.posteriors import read_posteriors
from lcinfer.products.found import Seal, Spec
from lcinfer.products.run import Run
from lcinfer.products.shown import FigureSet, Summary
from lcinfer.records.stamp import uncommented
from lcinfer.stages import draw, scored

HEADS = {"dropout": "gaussian_dropout", "flow": "posterior"}


def with_heads(settings: Settings) -> Settings:
    """Beside its network two that give posteriors."""
    trainings = settings["trainings"]
    for name, kind in HEADS.items():
        network = {**trainings["all_images"]["network"], "head": {"kind": kind}}
        trainings[name] = {**trainings["all_images"], "network": network}
    settings["evaluation"]["samples"] = 100
    return settings


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    """Everything of a small configuration with such networks."""
    return whole_run(with_heads(small_settings()), tmp_path_factory.mktemp("run") / "results")


def test_scores_hold_the_calibration_and_follow_from_the_posteriors(run) -> None:
    evaluation = run.evaluations["flow"]
    found = json.loads(evaluation.scores.read_bytes())
    told = found["calibration"]
    assert told["verdict"] == "none"
    assert told["reason"] == "3 test light-cones, and a verdict needs 200"
    assert (told["light_cones"], told["false_alarms"]) == (3, 0.05)
    names = set(run.config.database.prior)
    assert names == told["sbc"].keys() == told["coverage"]["0.95"].keys()
    assert names == found["posterior_width"].keys()
    assert list(networks.scores(evaluation)) == []
    forged = {**found, "calibration": {**told, "verdict": "PASS"}}
    original = evaluation.scores.read_bytes()
    evaluation.scores.write_text(json.dumps(forged), encoding="utf-8")
    (wrong,) = networks.scores(evaluation)
    evaluation.scores.write_bytes(original)
    assert "calibration.verdict is PASS, and the predictions give none" in wrong


def test_the_run_s_tables_have_a_line_for_each_network(run) -> None:
    table, page = run.summary.posterior_tables
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(uncommented(file)))
    assert [row["training"] for row in rows] == ["dropout", "flow"]
    for row in rows:
        density = read_posteriors(run.evaluations[row["training"]].posterior).log_density
        assert float(row["log_density"]) == pytest.approx(density.mean(), abs=1e-4)
        error = density.std(ddof=1) / np.sqrt(3)
        assert float(row["log_density_standard_error"]) == pytest.approx(error, abs=1e-4)
        assert (row["verdict"], row["test_light_cones"]) == ("none", "3")
        for name in run.config.database.prior:
            columns = ("p_sbc_{}", "coverage_68_{}", "coverage_95_{}", "width_68_{}")
            assert all(float(row[column.format(name)]) >= 0 for column in columns)
    assert "a verdict needs 200" in page.read_text(encoding="utf-8")
    assert list(shown.table(run)) == []
    assert set(run.summary.posterior_tables) <= set(run.summary.outputs)


def test_the_mocks_posteriors_are_tabled_by_light_cone_and_method(run) -> None:
    table, page = run.summary.mock_tables
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(uncommented(file)))
    names = list(run.config.database.prior)
    told = [(row["light_cone"], row["posterior"], row["parameter"]) for row in rows]
    assert told == [
        (cone, of, name) for cone in "01" for of in ("dropout", "flow") for name in names
    ]
    found = read_posteriors(run.evaluations["flow"].mock_posterior("FAINT"))
    row = rows[2 * 4 + 4 + 3]  # the second light-cone's, of the flow
    own = found.samples[1, :, 3].astype(float)
    assert (row["mock"], row["true"], row["unit"]) == ("FAINT", "500", "eV")
    assert float(row["log_density"]) == pytest.approx(found.log_density[1], abs=1e-4)
    for column, share in {"low_95": 0.025, "low_68": 0.16, "median": 0.5, "high_68": 0.84}.items():
        assert float(row[column]) == pytest.approx(np.quantile(own, share), rel=1e-5)
    assert page.read_text(encoding="utf-8").count("<tr>") == 1 + 1 + 4
    assert set(run.summary.mock_tables) <= set(run.summary.optional), "earlier runs have none"
    assert list(shown.table(run)) == []


def test_a_run_of_before_there_was_a_table_of_mocks_is_whole(run, tmp_path) -> None:
    for path in run.summary.mock_tables:
        path.rename(tmp_path / path.name)
    found = audit(run.summary.directory, run.root, Depth())
    for path in run.summary.mock_tables:
        (tmp_path / path.name).rename(path)
    assert found.holds


def test_a_table_that_is_gone_is_named_by_an_audit(run, tmp_path) -> None:
    for table in run.summary.posterior_tables:
        table.rename(tmp_path / table.name)
        found = audit(run.summary.directory, run.root, Depth())
        (tmp_path / table.name).rename(table)
        (step,) = (step for step in found.steps if step.directory == run.summary.directory)
        wrong = {link.what: link.said for link in step.links if not link.holds}
        assert wrong == dict.fromkeys(("files", "table"), (f"{table} is missing",))


def test_lcinfer_scores_prints_a_line_for_each_network(run) -> None:
    *_, head, first, second = scored.for_terminal(run).partition("\n\ntables")[0].splitlines()
    assert head.split() == ["posterior", "of", "log", "density", "[nats]", "calibration"]
    for line, name in ((first, "dropout"), (second, "flow")):
        assert line.startswith(name) and line.endswith("and a verdict needs 200")


def test_the_first_of_the_corners_is_compared_with_each_other_one(run, monkeypatch) -> None:
    style = run.config.figures.model_copy(update={"corners": ("flow", "dropout")})
    asked = Run(run.config.model_copy(update={"figures": style}), run.root)
    drawn, draws = [], draw.figures.draw_compared
    monkeypatch.setattr(
        draw.figures, "draw_compared", lambda found: drawn.append([*found]) or draws(found)
    )
    draw.draw_figures(asked, "posteriors")
    assert drawn == [["flow", "dropout"]]


def test_its_figures_are_a_set_of_their_own_that_a_spec_describes(run) -> None:
    drawn = run.figures["posteriors"]
    assert drawn.figures == (
        *("calibration_dropout", "calibration_flow"),
        *("posterior_dropout", "posterior_flow", "corner_FAINT", "log_density"),
    )
    assert {path.stem for path in drawn.optional} == {"log_density"}, "runs of 0.3 had none"
    draw.draw_figures(run, "posteriors")
    pages = [*drawn.outputs, *drawn.optional]
    assert all(path.stat().st_size > 3000 for path in pages), "no page is empty"
    spec = Spec(drawn.directory, json.loads(drawn.spec.read_bytes()))
    named = FigureSet.refers(spec, None)
    assert [each.name for each in named] == ["dropout", "flow"]
    sources = {"evaluations": [run.evaluations[name] for name in HEADS]}
    assert FigureSet.rebuilt(spec, sources, None) == drawn
    again = Spec(run.summary.directory, json.loads(run.summary.spec.read_bytes()))
    assert Summary.rebuilt(again, {"evaluations": []}, None).outputs == run.summary.outputs
    for product in run.products:
        content = {"name": product.name, "fingerprint": product.fingerprint}
        spec = Spec(product.directory, {**content, "made_of": product.identity})
        referred = {it.fingerprint for it in product.refers(spec, Seal(product.parts))}
        assert product.separate or {it.fingerprint for it in product.sources} <= referred


def test_a_run_without_posteriors_has_none_of_it(settings) -> None:
    without = Run(config.parse(settings))
    assert "posteriors" not in without.figures
    assert without.summary.posterior_tables == []
    assert "posteriors" not in without.summary.identity
    assert not any("posterior" in path.name for path in without.evaluations["all_images"].outputs)


def test_check_says_when_no_verdict_can_be_given(settings, write_config, capsys):
    settings = with_heads(settings)
    settings["spectra"] = {"rings": {"bins": 3}}
    toy = {"spectra": "rings", "components": 2}
    settings["mcmc"] = {"all": {**toy, "test": True}, "mocks": toy}
    cli.main(["check", str(write_config(settings))])
    asked = ", ".join([*(f"trainings.{name}" for name in HEADS), "mcmc.all"])
    assert capsys.readouterr().err == (
        f"lcinfer: warning: {asked}: whether posteriors are calibrated is not decided on 3 test "
        "light-cones: split.test must be 200 at least\n"
    )
    settings["database"]["realizations"], settings["split"]["test"] = 300, 200
    cli.main(["check", str(write_config(settings))])
    assert capsys.readouterr().err == ""


def test_a_training_may_be_called_posteriors_only_where_there_are_none(settings):
    settings["trainings"]["posteriors"] = settings["trainings"]["all_images"]
    named = Run(config.parse(settings)).figures["posteriors"]
    assert "recovery" in named.figures
    with pytest.raises(UserError, match="name of the posteriors' figures"):
        config.parse(with_heads(settings))
