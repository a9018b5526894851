"""A run with a likelihood and no network that gives posteriors: what it makes of them."""

import io
import json
import re
import shutil
from contextlib import redirect_stdout

import pytest
import yaml
from support.filling import whole_run
from support.small import Settings, small_settings

import lcinfer
from lcinfer import cli, config
from lcinfer.audit.audit import audit
from lcinfer.audit.walk import Depth
from lcinfer.base.errors import UserError
from lcinfer.evaluation.posteriors import read_posteriors
from lcinfer.likelihood.convergence import Chains
from lcinfer.products.found import Spec
from lcinfer.products.run import Run
from lcinfer.products.shown import FigureSet
from lcinfer.records.stamp import rows
from lcinfer.stages import posteriors, scored

SHORT = "3 of 3 chains are shorter than 50 autocorrelation times: mcmc.toy.most_steps: "
FIGURES = ("calibration_toy", "posterior_toy")


def with_likelihood(settings: Settings) -> Settings:
    """And light-cones to fit it on."""
    settings["database"]["realizations"] = 25
    settings["spectra"] = {"shells": {"kind": "spherical", "bins": 3}}
    small = {"components": 4, "hidden": [8], "walkers": 8, "steps": 40, "samples": 60, "test": True}
    settings["mcmc"] = {"toy": {"spectra": "shells", **small}}
    return settings


@pytest.fixture(scope="module")
def printed() -> io.StringIO:
    """What the stages say on the terminal."""
    return io.StringIO()


@pytest.fixture(scope="module")
def run(tmp_path_factory, printed) -> Run:
    """Everything of such a configuration; not to be changed."""
    root = tmp_path_factory.mktemp("run") / "results"
    with redirect_stdout(printed):
        return whole_run(with_likelihood(small_settings()), root)


def test_the_stage_writes_posteriors_errors_and_what_is_too_short(run, printed) -> None:
    sampled = run.mcmc["toy"]
    assert all(path.exists() for path in sampled.outputs)
    prior = run.config.database.prior.values()
    found = read_posteriors(sampled.mock_posterior("FAINT"))
    assert found.samples.shape == (2, 60, 4)
    for column, (low, high) in zip(found.samples.reshape(-1, 4).T, prior, strict=True):
        assert ((column >= low) & (column <= high)).all()
    assert read_posteriors(sampled.posterior).light_cones.tolist() == [2, 3, 4]
    outcome = json.loads(sampled.outcome.read_text())
    assert outcome["training_light_cones"] == 20
    assert outcome["posteriors"]["test"]["converged"] == 0
    assert f"test: {SHORT}" in printed.getvalue()
    lines = rows(sampled.table)
    assert len(lines) == 5 * 3
    assert {"chunk", "redshift", "k", "r2", "bias", "rms"} <= lines[0].keys()


def test_it_is_no_training_to_infer_with(run, capsys, tmp_path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(run.config.model_dump(mode="json")), encoding="utf-8")
    said = r"toy is a likelihood \(mcmc\.toy\) and no training: only a network infers"
    with pytest.raises(UserError, match=said):
        lcinfer.load_network(file, "toy", results=run.root)
    with pytest.raises(SystemExit):
        cli.main(["infer", str(file), "toy", "cone.h5", "--results", str(run.root)])
    assert re.search(said, capsys.readouterr().err)


def test_its_tables_have_the_verdict_and_the_short_chains(run) -> None:
    table, page = run.summary.posterior_tables
    assert {table, page} <= set(run.summary.outputs)
    (row,) = rows(table)
    density = read_posteriors(run.mcmc["toy"].posterior).log_density.mean()
    assert float(row["log_density"]) == pytest.approx(density, abs=1e-4)
    assert (row["training"], row["verdict"], row["short_chains"]) == ("toy", "none", "3")
    assert int(row["steps_needed"]) > 40
    assert f"<small>{SHORT}{row['steps_needed']} would do</small>" in page.read_text("utf-8")
    told = scored.for_terminal(run)
    assert "\ntoy  " in told
    assert f"\ntoy: {SHORT}" in told
    table, page = run.summary.mock_tables
    lines = rows(table)
    assert {line["posterior"] for line in lines} == {"toy"}
    assert len(lines) == 2 * 4
    assert page.read_text("utf-8").count("<code>toy</code>") == 2
    assert "toy: 2 of 2 chains are shorter" in page.read_text("utf-8")


def test_its_figures_are_those_of_networks(run) -> None:
    drawn = run.figures["posteriors"]
    assert sorted(drawn.figures) == sorted((*FIGURES, "corner_FAINT"))
    assert all(path.stat().st_size > 0 for path in drawn.outputs)
    assert drawn.optional == []
    spec = Spec(drawn.directory, json.loads(drawn.spec.read_bytes()))
    assert FigureSet.rebuilt(spec, {"mcmc": list(run.mcmc.values())}, None) == drawn


def test_beside_networks_a_likelihood_s_figures_may_lack_as_in_runs_of_before(settings) -> None:
    settings = with_likelihood(settings)
    network = settings["trainings"]["all_images"]["network"]
    network["head"] = {"kind": "posterior"}
    drawn = Run(config.parse(settings)).figures["posteriors"]
    assert drawn.identity.keys() == {"stage", "version", "style", "posteriors", "corners", "mcmc"}
    assert {path.stem for path in drawn.optional} == {*FIGURES, "log_density"}
    assert not set(drawn.optional) & set(drawn.outputs)
    assert {path.stem for path in drawn.outputs} == {
        *("calibration_all_images", "posterior_all_images", "corner_FAINT")
    }
    settings["mcmc"]["all_images"] = settings["mcmc"].pop("toy")
    with pytest.raises(UserError, match=r"mcmc\.all_images: a training has posteriors"):
        config.parse(settings)


def test_a_likelihood_of_mocks_alone_says_so(run, settings) -> None:
    scores = scored.sampled(run)["toy"]
    untested = {"toy": Chains(2, 0, 40)}
    *_, last = posteriors.lines({"flow": scores}, untested)
    assert last.split()[:2] == ["toy", "none"]
    assert last.endswith("mcmc.toy.test asks for the test light-cones too")
    names = run.database.design.names
    assert "mcmc.toy.test asks" in posteriors.page({"flow": scores}, untested, names)
    settings = with_likelihood(settings)
    settings["mcmc"]["toy"]["test"] = False
    alone = Run(config.parse(settings))
    assert alone.summary.posterior_tables == []
    assert len(alone.summary.mock_tables) == 2
    assert "posteriors" not in alone.figures


def test_an_audit_holds_what_is_said_against_the_samples(run, tmp_path) -> None:
    assert audit(run.summary.directory, run.root, Depth(repredict=True)).holds
    shutil.copytree(run.root, tmp_path / "results", symlinks=True)
    sampled = Run(run.config, tmp_path / "results").mcmc["toy"]

    def wrong(**depth):
        (step,) = (
            step
            for step in audit(sampled.directory, tmp_path / "results", Depth(**depth)).steps
            if step.directory == sampled.directory
        )
        return {link.what: link.said for link in step.links if not link.holds}

    original = sampled.outcome.read_text()
    told = json.loads(original)
    told["posteriors"]["mock FAINT"]["log_density"] += 1
    sampled.outcome.write_text(json.dumps(told))
    assert wrong().keys() == {"files", "outcome"}
    assert "posteriors.mock FAINT.log_density is " in wrong()["outcome"][0]
    sampled.outcome.write_text(original)
    sampled.posterior.write_bytes(sampled.mock_posterior("FAINT").read_bytes())
    assert wrong().keys() == {"files", "posteriors", "outcome"}
    shutil.copy(run.mcmc["toy"].posterior, sampled.posterior)
    lines = sampled.table.read_text().splitlines()
    lines[-1] = ",".join([*lines[-1].split(",")[:-1], "0.5"])
    sampled.table.write_text("\n".join(lines))
    assert wrong().keys() == {"files"}
    assert wrong(repredict=True).keys() == {"files", "emulator"}
