"""Ensembles: posteriors of networks with several seeds, mixed; each is a training of its own."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml
from support.filling import finish, whole_run
from support.small import Settings, small_settings
from support.toy_images import IDENTITY, toy_images, toy_training

import lcinfer
from lcinfer import cli, config
from lcinfer.audit import networks
from lcinfer.base.errors import UserError
from lcinfer.config.sections import Split, Training
from lcinfer.config.sweeps import members, repeats
from lcinfer.evaluation.posteriors import read_posteriors
from lcinfer.evaluation.predict import predict
from lcinfer.images import cutting
from lcinfer.products.run import Run
from lcinfer.publish import methods
from lcinfer.publish.recorded import open_run
from lcinfer.records.stamp import rows
from lcinfer.stages.train import train_network
from lcinfer.text.styles import Markdown
from lcinfer.training import checkpoint as checkpoints
from lcinfer.training.ensemble import mix
from lcinfer.training.learner import apply_together
from lcinfer.training.loop import train, validation_set
from lcinfer.training.networks.head import Density
from lcinfer.training.networks.mixture import Mixture

FLOW = {"kind": "posterior", "transforms": 1, "hidden": [8]}


def with_ensemble(settings: Settings, **more: object) -> Settings:
    """In the place of its network one of seed 2, and an ensemble of the seeds 1 to 3."""
    one = settings["trainings"].pop("all_images")
    one["network"]["head"] = FLOW
    settings["trainings"] = {"one": {**one, "seed": 2}, "three": {**one, "ensemble": 3, **more}}
    settings["evaluation"]["samples"] = 100
    return settings


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    """Everything of a small configuration with an ensemble."""
    return whole_run(with_ensemble(small_settings()), tmp_path_factory.mktemp("run") / "results")


def loaded(run: Run, name: str) -> checkpoints.Checkpoint:
    """A training's checkpoint."""
    return checkpoints.load(run.trainings[name].checkpoint)


def test_its_members_are_trainings_of_their_own_and_one_that_is_configured_is_not_trained_again(
    run,
) -> None:
    assert list(run.trainings) == ["three.member1", "three.member3", "one", "three"]
    assert list(run.evaluations) == ["one", "three"], "of the members alone nothing is asked"
    three = run.trainings["three"]
    assert [it.name for it in three.members] == ["three", "one", "three"]
    assert three.members[1] == run.trainings["one"]
    assert three.seeds == [1, 2, 3]
    alone = small_settings()
    alone["trainings"]["all_images"]["network"]["head"] = FLOW
    made = Run(config.parse(alone)).trainings["all_images"]
    assert made.fingerprint == three.members[0].fingerprint, "ensemble 1, the default, is not in it"
    alone["trainings"]["all_images"]["ensemble"] = 1
    assert Run(config.parse(alone)).trainings["all_images"].fingerprint == made.fingerprint


def test_repeats_of_ensembles_share_no_network() -> None:
    network = {"head": {"kind": "posterior"}}
    training = Training.model_validate(
        {"seed": 4, "repeats": 2, "ensemble": 3, "epochs": 5, "network": network}
    )
    found = repeats(training)
    assert [it.seed for it in found] == [4, 7]
    assert [it.seed for each in found for it in members(each)] == list(range(4, 10))
    assert members(found[0])[0] == training.model_copy(update={"repeats": 1, "ensemble": 1})
    assert members(members(training)[0]) == []


def test_its_log_density_is_that_of_the_mean_of_its_members_densities(run) -> None:
    found = read_posteriors(run.evaluations["three"].posterior)
    each = []
    for member in run.trainings["three"].members:
        trained = checkpoints.load(member.checkpoint)
        normalisation = trained.fitted_normalisation()
        network = trained.trained_network(torch.device("cpu"))
        images = normalisation.images(
            cutting.open_labelled(member.inputs).read(found.light_cones.tolist(), 4)
        )
        features = network.trunk(images.flatten(0, 1)[:, None]).view(len(images), 4, -1)
        with torch.no_grad():
            each.append(-network.head.errors(features, normalisation.parameters(found.truth)))
    density = np.exp(np.stack(each).astype(float))
    assert found.log_density == pytest.approx(np.log(density.mean(axis=0)), rel=1e-4)
    assert density.std(axis=0).min() > 1e-4, "they differ"
    scores = json.loads(run.evaluations["three"].scores.read_bytes())
    assert scores["log_density"]["mean"] == pytest.approx(found.log_density.mean())


class Point(Density):
    """A posterior all of whose samples are one number, that of its feature."""

    def samples(self, features, count, generator=None):
        return features[:, None].expand(-1, count, 2)


def test_its_samples_are_of_its_members_in_equal_parts_and_in_no_order() -> None:
    mixed = Mixture([Point(2), Point(2), Point(2)])
    drawn = mixed.samples(torch.tensor([[1.0, 2, 3]] * 2), 3000, torch.Generator().manual_seed(1))
    assert drawn.shape == (2, 3000, 2)
    whose = drawn[..., 0]
    for member in (1, 2, 3):
        shares = (whose == member).float().mean(1).tolist()
        assert shares == pytest.approx([1 / 3] * 2, abs=0.03)
    assert not torch.equal(whose[0], whose[1])
    assert (whose.diff() < 0).float().mean() == pytest.approx(1 / 3, abs=0.03)


def test_its_prediction_is_the_mean_of_its_members(run) -> None:
    trained, labelled = loaded(run, "three"), cutting.open_labelled(run.database_images)
    single = [predict(replace(trained, members=[it]), labelled, [3]) for it in trained.members]
    mean = np.mean([it.predicted for it in single], axis=0)
    assert predict(trained, labelled, [3]).predicted == pytest.approx(mean, rel=1e-4)


def test_its_history_is_the_mean_of_theirs_and_its_networks_are_audited(run) -> None:
    three = run.trainings["three"]
    losses = [
        [float(row["validation_loss"]) for row in rows(it.history)]
        for it in (*three.members, three)
    ]
    assert losses[-1] == pytest.approx(np.mean(losses[:3], axis=0))
    assert list(networks.mixed(three)) == []
    mixed = loaded(run, "three")
    swapped = replace(mixed, members=mixed.members[::-1])
    original = three.checkpoint.read_bytes()
    checkpoints.save(swapped, three.checkpoint)
    wrong = list(networks.mixed(three))
    checkpoints.save(replace(mixed, members=mixed.members[:2]), three.checkpoint)
    (fewer,) = networks.mixed(three)
    checkpoints.save(replace(mixed, widths=[1.0]), three.checkpoint)
    (narrow,) = networks.mixed(three)
    three.checkpoint.write_bytes(original)
    assert len(wrong) == 2
    assert f"is not that of {three.members[0].checkpoint}" in wrong[0]
    assert fewer.endswith("it has 2 networks, not 3")
    assert narrow.endswith("its widths are 1, not 4")


def test_it_is_audited_inferred_from_and_told_of_as_any_training(run, capsys, tmp_path) -> None:
    results = str(run.root)
    cli.main(["audit", str(run.summary.directory), "--results", results, "--repredict"])
    assert "PASS: all" in capsys.readouterr().out
    checkpoint, out = run.trainings["three"].checkpoint, tmp_path / "out.csv"
    cone = f"{run.database.store}:3"
    cli.main(["infer", cone, "--checkpoint", str(checkpoint), "--out", str(out)])
    assert "10000 samples, all inside the prior" in capsys.readouterr().out
    told = [row for row in csv.DictReader(out.open()) if row["image"] == "average"]
    known = read_posteriors(run.evaluations["three"].posterior)
    own = known.samples[known.light_cones.tolist().index(3)]
    for number, row in enumerate(told):
        error = own[:, number].std() / np.sqrt(len(own))
        assert float(row["predicted"]) == pytest.approx(own[:, number].mean(), abs=4 * error)
    table, _ = run.summary.posterior_tables
    assert [row["training"] for row in rows(table)] == ["one", "three"]
    told = methods.text(open_run(run.summary.directory, run.root), Markdown())
    assert "of 3 such networks, trained with seeds 1, 2 and 3, are mixed with equal" in told
    recorded = open_run(run.summary.directory, run.root)
    for member in run.trainings["three"].members:
        recorded.stages[member.directory.name] = [{"stage": "train", "seconds": 3600, "cpu": "one"}]
    assert "This took 3 hours on" in methods.text(recorded, Markdown())
    assert {"filters.png", "responses.png"} <= {it.name for it in run.figures["three"].outputs}


def test_its_name_means_the_ensemble_and_no_member(run, tmp_path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(run.config.model_dump(mode="json")), encoding="utf-8")
    cone, results = f"{run.database.store}:3", ["--results", str(run.root)]
    told = {}
    for name in ("three", "three.member1", run.trainings["three"].directory.name):
        told[name] = tmp_path / f"{name}.csv"
        cli.main(["infer", str(file), name, cone, *results, "--out", str(told[name])])
    by_name, member, by_directory = (out.read_text() for out in told.values())
    assert by_name == by_directory != member
    network = lcinfer.load_network(file, "three", results=run.root).inference.network
    assert isinstance(network.head, Mixture)


def test_a_member_that_is_lost_is_trained_again_and_the_ensemble_is_the_same(run, tmp_path) -> None:
    three = run.trainings["three"]
    before = loaded(run, "three").members
    lost = three.members[0]
    for path in (lost.trained, lost.checkpoint, three.trained, three.checkpoint):
        path.rename(tmp_path / f"{path.parent.name}-{path.name}")
    with pytest.raises(UserError, match="there is no checkpoint"):
        train_network(three, 1)
    finish(run)
    for one, other in zip(before, loaded(run, "three").members, strict=True):
        assert all(one[name].equal(other[name]) for name in one)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"network": {"head": {"kind": "regression"}}}, "a head of regression gives none: say net"),
        ({"ensemble": 0}, "trainings.three.ensemble: should be greater than 0"),
    ],
)
def test_what_cannot_be_mixed_is_said_before_any_job(change, said) -> None:
    settings = with_ensemble(small_settings())
    settings["trainings"]["three"] |= change
    with pytest.raises(UserError, match=said):
        config.parse(settings)


@pytest.mark.parametrize(
    ("section", "change", "said"),
    [
        ("evaluation", {"samples": 1}, "evaluation.samples 1: 20 at least: fewer tell no interval"),
        ("figures", {"corners": []}, "figures.corners names none: leave it out for the first 4"),
        ("figures", {"corners": ["one", "one"]}, "figures.corners names a posterior twice: one"),
    ],
)
def test_posteriors_that_cannot_be_told_are_said_before_any_job(section, change, said) -> None:
    settings = with_ensemble(small_settings())
    settings[section] |= change
    with pytest.raises(UserError, match=said):
        config.parse(settings)
    config.parse(settings, recorded=True)


def test_widths_are_set_together_on_the_validation_set_and_the_networks_stay_what_they_are(
    tmp_path,
) -> None:
    labelled = replace(toy_images(150), prior={"depth": (20.0, 200.0), "edge": (4.0, 20.0)})
    split = Split(validation=60, test=30)
    one = toy_training().model_dump(mode="json")
    one["network"]["head"] = {**FLOW, "base": "validation"}
    paths = []
    for seed in (1, 2, 3):
        training = Training.model_validate({**one, "seed": seed, "epochs": 3})
        train(training, split, labelled, tmp_path / str(seed), IDENTITY, show=False)
        paths.append(tmp_path / str(seed) / checkpoints.NAME)
    ensemble = Training.model_validate({**one, "ensemble": 3, "epochs": 3})
    made = mix(
        paths, ensemble, split, labelled, tmp_path / "mixed", IDENTITY, {}, torch.device("cpu")
    )
    kept = checkpoints.load(tmp_path / "mixed" / checkpoints.NAME)
    assert kept.widths == made.widths and len(kept.widths) == 2
    for path, member in zip(paths, kept.members, strict=True):
        alone = checkpoints.load(path).model
        assert all(alone[name].equal(value) for name, value in member.items())

    found = {}
    for factor in (0.8, 1.0, 1.25):
        trained = replace(kept, widths=[factor * width for width in kept.widths])
        network = trained.trained_network(torch.device("cpu"))
        normalisation = trained.fitted_normalisation()
        images, targets = validation_set(ensemble, range(60), labelled, normalisation)
        features = apply_together(network.trunk, images)
        with torch.no_grad():
            found[factor] = network.head.errors(features, targets).mean().item()
    assert found[1.0] < min(found[0.8], found[1.25]) - 0.005


def test_a_sweep_varies_single_networks() -> None:
    settings = with_ensemble(small_settings())
    vary = {"training": "three", "vary": {"epochs": [1, 2]}}
    settings["sweeps"] = {"study": vary}
    run = Run(config.parse(settings))
    trials = [run for _, run in run.sweeps["study"].trials]
    assert [it.training.ensemble for it in trials] == [1, 1]
    assert trials[1] == run.trainings["three.member1"]
    settings["sweeps"]["study"]["vary"] = {"ensemble": [2]}
    with pytest.raises(UserError, match="ensemble cannot be varied: vary `seed`"):
        config.parse(settings)
