"""Images that an instrument sees, from the configuration to what is inferred."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.filling import whole_run
from support.small import small_settings

from lcinfer import cli, config
from lcinfer.audit.audit import audit
from lcinfer.audit.walk import Depth
from lcinfer.base import groups
from lcinfer.base.errors import UserError
from lcinfer.images import cutting
from lcinfer.infer import recover
from lcinfer.infer.files import observations
from lcinfer.instrument.noise import Channels
from lcinfer.instrument.response import Response
from lcinfer.lightcones import store
from lcinfer.products.run import Run
from lcinfer.stages.evaluate import evaluate_network
from lcinfer.stages.train import train_network
from lcinfer.training import checkpoint as checkpoints

SKA = {"layout": "AA*", "track": 0.5, "longest_baseline": 1.5}
EVERY_PLANE = {"slices": 8, "spacing": 6}


def observed_settings(**instrument):
    settings = small_settings()
    settings["images"] |= EVERY_PLANE
    settings["instruments"] = {"ska": {**SKA, **instrument}}
    settings["trainings"]["all_images"]["instrument"] = "ska"
    return settings


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Every product of a run whose only network sees what an instrument sees."""
    return whole_run(observed_settings(), tmp_path_factory.mktemp("observed") / "results")


@pytest.fixture(scope="module")
def seen(run):
    return run.instruments["ska"]


def line_about(arguments, capsys):
    """The one line in which a verb says what is wrong."""
    with pytest.raises(SystemExit) as refused:
        cli.main(arguments)
    said = capsys.readouterr().err or str(refused.value)
    (line,) = said.splitlines()
    return line


def cubes(images):
    """The light-cones, (light_cone, x, y, line of sight), of images on every plane of x."""
    return np.stack([each[:8] for each in images])


def test_images_lack_what_the_instrument_does_not_see_and_no_more(run, seen):
    labelled = cutting.open_labelled(seen)
    signal = cubes(labelled.signal.read(range(12), 16)).astype(float)
    power = store.values(cutting.open_store(seen), "noise_power")
    modes = np.moveaxis(np.fft.rfft2(signal, axes=(1, 2)), -1, 1)
    whole = np.stack([store.read(run.database.store, index) for index in range(12)])
    before = np.moveaxis(np.fft.rfft2(whole, axes=(1, 2)), -1, 1)
    unseen = np.broadcast_to(power == 0, modes.shape)
    assert 0 < unseen.mean() < 1
    assert unseen[..., 0, 0].all(), "no interferometer sees the mean"
    assert np.abs(modes[unseen]).max() < 1e-3 * np.abs(before[unseen]).max()
    assert modes[~unseen] == pytest.approx(before[~unseen], abs=1e-2)


def test_images_in_half_precision_are_given_the_same_noise(seen):
    half = replace(seen, images=seen.images.model_copy(update={"precision": "half"}))
    given, same = (cutting.open_labelled(each).noise.fixed(3) for each in (half, seen))
    assert np.array_equal(given, same)


def test_posteriors_of_what_an_instrument_sees_are_evaluated(run):
    settings = observed_settings()
    training = settings["trainings"]["all_images"]
    training["network"]["head"], training["batch"] = {"kind": "posterior"}, 16
    evaluation = Run(config.parse(settings), run.root).evaluations["all_images"]
    train_network(evaluation.training, threads=1)
    evaluate_network(evaluation, threads=1)
    assert all(path.exists() for path in evaluation.outputs)


def test_the_wedge_leaves_nothing_below_the_horizon(tmp_path):
    settings = observed_settings(wedge="horizon")
    settings["database"]["box"]["cells"], settings["database"]["box"]["length"] = 24, 48
    settings["database"]["lightcone"]["cells"] = 64
    seen = Run(config.parse(settings), tmp_path).instruments["ska"]
    channels = Channels.of(seen.lightcones.simulation, 64)
    response = Response.of(seen.instrument, channels)
    cube = np.random.default_rng(1).normal(size=(24, 24, 64)).astype(np.float32)
    left = np.abs(np.fft.fftn(response.filtered(cube) * np.hanning(64))) ** 2
    k = 2 * np.pi * np.fft.fftfreq(24, 2)
    across = np.hypot(k[:, None], k)[..., None]
    along = np.abs(2 * np.pi * np.fft.fftfreq(64, 2))
    inside = (along < 2.5 * across) & (across > 0) & (across < 0.5)  # the horizon's slope is 2.8
    outside = (along > 3.6 * across) & (across > 0) & (across < 0.3)
    assert left[inside].mean() < 0.02 * left[outside].mean()


def test_reading_adds_noise_of_each_light_cone_s_own_and_always_the_same(run, seen):
    labelled = cutting.open_labelled(seen)
    noise = labelled.read(range(12), 16) - labelled.signal.read(range(12), 16)
    assert (labelled.read([7], 2) - labelled.signal.read([7], 2)) == pytest.approx(noise[[7], :2])
    rms = store.values(cutting.open_store(seen), "noise_rms")
    assert noise.std(axis=(0, 1, 2)).mean() == pytest.approx(rms.mean(), rel=0.1)
    flat = noise.reshape(12, -1)
    assert np.abs(np.corrcoef(flat) - np.eye(12)).max() < 0.2
    mock = cutting.open_labelled(run.evaluations["all_images"].mock_inputs["FAINT"])
    others = mock.read([0], 16) - mock.signal.read([0], 16)
    assert abs(np.corrcoef(others.ravel(), flat[0])[0, 1]) < 0.2


def test_a_run_is_complete_audits_whole_and_cuts_no_images_that_nobody_reads(run):
    assert [it.name for it in run.images.values()] == ["FAINT", "cones.ska", "FAINT.ska"]
    assert all(product.finished for product in run.products)
    report = audit(run.summary.directory, run.root, Depth(repredict=True, decode=True))
    assert report.holds, report.text()
    assert "within 0.001 mK" in report.text(everything=True)


def test_an_audit_finds_noise_power_that_is_not_the_instrument_s(run, seen):
    with groups.changing(seen.store) as group:
        power = store.array(group, "noise_power")
        before = power[3]
        power[3] = 2 * before
    try:
        report = audit(seen.directory, run.root, Depth())
        assert "noise_power: it is not that of the instrument" in report.text()
    finally:
        with groups.changing(seen.store) as group:
            store.array(group, "noise_power")[3] = before


def test_the_normalisation_is_that_of_signal_and_noise(run, seen):
    trained = checkpoints.load(run.trainings["all_images"].checkpoint)
    images = cutting.open_labelled(seen).read(range(5, 12), 16)
    assert trained.normalisation["image_std"] == pytest.approx(images.std(), rel=1e-4)


def test_infer_takes_what_the_network_s_instrument_has_seen_and_refuses_all_else(run, capsys):
    checkpoint = run.trainings["all_images"].checkpoint
    trained = checkpoints.load(checkpoint)
    assert trained.instrument["name"] == "ska"
    assert trained.instrument["hours"] == 1000
    files = [str(run.database.store) + ":3"]
    told = line_about(["infer", "--checkpoint", str(checkpoint), *files], capsys)
    for part in ("instrument ska (layout AA*, 1000 h", "say --instrument ska", "without noise"):
        assert part in told
    other = ["--instrument", "lofar"]
    told = line_about(["infer", "--checkpoint", str(checkpoint), *files, *other], capsys)
    assert "and lofar has seen it: use a network that was trained with it" in told
    cli.main(["infer", "--checkpoint", str(checkpoint), *files, "--instrument", "ska"])
    assert "average" in capsys.readouterr().out


def test_a_network_without_an_instrument_refuses_what_one_has_seen(run):
    inference = recover.load(run.trainings["all_images"].checkpoint, "cpu", None, 0.68)
    plain = replace(inference, checkpoint=replace(inference.checkpoint, instrument={}))
    (observation,) = observations(str(run.database.store) + ":3")
    plain.recover(observation, 2)
    with pytest.raises(UserError, match="trained with instrument: ska"):
        plain.recover(replace(observation, instrument="ska"), 2)


def test_the_noise_is_printed(write_config, capsys):
    cli.main(["instrument", str(write_config(observed_settings()))])
    head, columns, first, *_ = capsys.readouterr().out.splitlines()
    assert head.startswith("ska: 307 stations of AA*, 1000 h in tracks of 0.5 h")
    assert columns.split()[:2] == ["z", "MHz"]
    assert first.split()[:2] == ["6.00", "202.9"]


@pytest.mark.parametrize(
    ("instrument", "says"),
    [
        ({"hours": 0}, "instruments.ska.hours: should be greater than 0, not 0"),
        ({"layout": "AA9"}, "instruments.ska.layout: should be 'AA*' or 'AA4', not 'AA9'"),
        ({"without": [3, 400]}, "instruments.ska.without: station 400: AA* has 0 to 306"),
        ({"without": [*range(307)]}, "instruments.ska.without: no baseline of 0 stations up to"),
        ({"without": [*range(1, 307)]}, "ska.without: no baseline of 1 station up to 1500 m"),
        ({"sefd": "lofar"}, "instruments.ska.sefd: "),
        ({"longest_baseline": 0.2}, "leaves no mode of the box at z = 6.58: the longest wave in"),
        ({"wedge": "horizon"}, "instruments.ska.wedge horizon leaves no mode of the box at z ="),
    ],
)
def test_an_instrument_that_cannot_be_is_one_line(write_config, capsys, instrument, says):
    settings = observed_settings(**instrument)
    if "wedge" in instrument:
        settings["database"]["box"], settings["images"] = {"cells": 4, "length": 48}, {}
        settings["images"] = {"slices": 2, "spacing": 12, "halves": 1}
    assert says in line_about(["check", str(write_config(settings))], capsys)


def test_frequencies_beyond_the_sefd_s_table_are_one_line(write_config, capsys):
    settings = observed_settings(longest_baseline=5)
    settings["database"]["lightcone"]["cells"] = 600
    path = write_config(settings)
    line = line_about(["check", str(path)], capsys)
    assert "MHz: the SEFD table aavs2 has 49.9 to 349.4; images.line_of_sight_cells" in line
    settings["instruments"]["ska"]["sefd"] = 1848
    config.parse(settings)
    cli.main(["instrument", str(write_config(settings))])


def test_a_training_names_an_instrument_that_there_is(write_config, capsys):
    settings = observed_settings()
    settings["trainings"]["all_images"]["instrument"] = "skaa"
    line = line_about(["check", str(write_config(settings))], capsys)
    assert (
        "trainings.all_images.instrument: there is no instrument skaa (did you mean ska?)" in line
    )


def made(settings):
    run = Run(config.parse(settings), Path("results"))
    return {product.directory for product in run.products}


def test_an_instrument_that_nobody_uses_makes_and_changes_nothing():
    settings = small_settings()
    assert made(settings | {"instruments": {"ska": SKA}}) == made(settings)


def test_what_decides_an_instrument_decides_its_images_and_no_light_cone():
    before, after = made(observed_settings()), made(observed_settings(without=[3]))
    assert {path.parent.name for path in before - after} == {
        *("images", "trainings", "evaluations", "figures", "runs")
    }


def test_a_sweep_compares_instruments_on_one_database():
    settings = observed_settings()
    settings["instruments"]["long"] = {**SKA, "hours": 10000}
    settings["sweeps"] = {
        "noise": {"training": "all_images", "vary": {"instrument": [None, "ska", "long"]}}
    }
    run = Run(config.parse(settings), Path("results"))
    assert {it.name for it in run.images.values() if it.lightcones.name == "cones"} == {
        *("cones", "cones.ska", "cones.long")
    }
    (sweep,) = run.sweeps.values()
    assert [training.inputs.seen_with for _, training in sweep.trials] == ["", "ska", "long"]


def test_the_methods_section_says_what_saw_the_images(run, write_config, capsys):
    path = str(write_config(observed_settings()))
    cli.main(["methods", path, "--results", str(run.root)])
    said = " ".join(capsys.readouterr().out.split())
    for part in ("SKA-Low (AA*)", "no baseline up to 1.5 km sees", "thermal noise"):
        assert part in said
