"""``lcinfer.load_network``: the same numbers as the pipeline's, from arrays and from files."""

import csv
import warnings
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

import lcinfer
from lcinfer import cli, config
from lcinfer.base.errors import UserError
from lcinfer.evaluation.evaluate import read_predictions
from lcinfer.lightcones import store
from lcinfer.products.run import Run

TESTED = 3


@pytest.fixture
def run(here):
    return Run(config.load("config/demo.yaml"))


@pytest.fixture
def network(run):
    return lcinfer.load_network("config/demo.yaml")


@pytest.fixture
def expected(run):
    """(parameter,) what the evaluation predicted, on average over the images."""
    known = read_predictions(run.evaluations["all_images"].predictions)
    return known.predicted[known.light_cones.tolist().index(TESTED)].mean(axis=0)


def test_an_array_gives_what_the_evaluation_gave(run, network, expected):
    cube = store.read(run.database.store, TESTED)
    redshift, _ = store.coordinates(run.database.simulation)
    table = network.predict(cube, redshift, cell_size=6)
    assert table["parameter"].tolist() == list(network.parameters)
    assert table["predicted"].to_numpy() == pytest.approx(expected, rel=1e-6)
    assert (table["low"] <= table["high"]).all()
    assert set(table["image"]) == {"average"}
    every = network.predict(cube, redshift, cell_size=6, each_image=True)
    assert every["image"].unique().tolist() == [0, 1, 2, 3, "average"]


def test_light_cones_of_a_database_know_where_they_lie(network, expected):
    cones = lcinfer.open_database("config/demo.yaml")
    one = network.predict(cones.brightness_temp.sel(light_cone=TESTED))
    assert set(one["observation"]) == {"light-cone 3"}
    assert one["predicted"].to_numpy() == pytest.approx(expected, rel=1e-6)
    several = network.predict(cones.brightness_temp.sel(light_cone=[2, TESTED]))
    assert several["observation"].unique().tolist() == ["light-cone 2", "light-cone 3"]
    assert several["predicted"].to_numpy()[4:] == pytest.approx(expected, rel=1e-6)


def test_units_of_an_array_are_heeded(network, expected):
    one = lcinfer.open_database("config/demo.yaml").brightness_temp.sel(light_cone=TESTED)
    with pytest.warns(UserWarning, match="its brightness is in K: taken times 1000"):
        in_kelvin = network.predict((one / 1000).assign_attrs(units="K"))
    assert in_kelvin["predicted"].to_numpy() == pytest.approx(expected, rel=1e-5)
    with pytest.raises(UserError, match="Jy"):
        network.predict(one.assign_attrs(units="Jy"))


@pytest.fixture
def one(here):
    """A light-cone of the test set, as a database has it."""
    return lcinfer.open_database("config/demo.yaml").brightness_temp.sel(light_cone=TESTED)


def trained_with(network, velocities):
    geometry = replace(network.inference.geometry, velocities=velocities)
    return replace(network, inference=replace(network.inference, geometry=geometry))


def test_velocities_of_an_array_are_held_against_the_network_s(network, one):
    network, same = trained_with(network, "subcell"), one.assign_attrs(velocities="subcell")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        network.predict(same)
    with pytest.warns(UserWarning, match="nothing tells how .* trained with velocities: subcell"):
        network.predict(one)
    differing = (
        "light-cone 3: not what the network was trained on: its peculiar velocities are treated as "
        "velocities: gradient, and the network was trained with velocities: subcell"
    )
    with pytest.raises(UserError, match=differing):
        network.predict(one.assign_attrs(velocities="gradient"))
    trained_with(network, "").predict(one.assign_attrs(velocities="gradient"))


def test_a_dataset_stands_for_its_brightness(network, expected, one):
    cones = lcinfer.open_database("config/demo.yaml").sel(light_cone=[TESTED])
    assert network.predict(cones)["predicted"].to_numpy() == pytest.approx(expected, rel=1e-6)
    with pytest.raises(UserError, match="has global_brightness_temp, neutral_fraction and no brig"):
        network.predict(cones.drop_vars("brightness_temp"))


def test_dimensions_are_known_by_their_names(network, one):
    usual = network.predict(one)
    assert network.predict(one.transpose("line_of_sight", "y", "x")).equals(usual)
    several = one.expand_dims("light_cone").transpose("x", "line_of_sight", "light_cone", "y")
    assert network.predict(several).equals(usual)
    own = xr.DataArray(one.to_numpy(), dims=("across", "up", "z"), name="own")
    positions = network.predict(own, one.redshift.to_numpy(), 6)
    assert positions["predicted"].equals(usual["predicted"])


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (lambda it: it.isel(x=0), "its dimensions are y, line_of_sight, without x: a network"),
        (lambda it: it.sel(redshift=6.3, method="nearest"), "are x, y, without line_of_sight"),
        (lambda it: it.isel(x=slice(0, 4)), "its face has 4x8 cells, the network's 8x8"),
        (lambda it: it.isel(x=slice(0, 1)), "its face has 1x8 cells, the network's 8x8$"),
        (lambda it: it.isel(line_of_sight=slice(None, None, -1)), "line of sight is reversed: the"),
        (lambda it: it.where(it.redshift > 6.3), "image 0 of 4 holds NaN"),
        (lambda it: it.assign_coords(state="failed"), "it is failed, and its voxels are NaN: choo"),
    ],
    ids=["a plane", "a plane of the sky", "a part", "a strip", "turned round", "NaN", "failed"],
)
def test_a_part_of_a_light_cone_is_one_line(network, one, part, said):
    with pytest.raises(UserError, match=f"^light-cone 3: .*{said}"):
        network.predict(part(one))


def test_a_network_is_shown_in_a_line(network):
    assert repr(network).startswith("<lcinfer.Network: ") and len(repr(network)) < 200
    assert all(name in repr(network) for name in network.parameters)


def test_a_file_gives_what_the_verb_infer_writes(run, network, tmp_path):
    file, out = f"{run.database.store}:{TESTED}", tmp_path / "recovered.csv"
    checkpoint = str(run.trainings["all_images"].directory)
    cli.main(["infer", file, "--checkpoint", checkpoint, "--out", str(out)])
    table = network.predict(file, each_image=True)
    assert [str(each) for each in table.columns] == next(csv.reader(out.open()))
    written = [float(row["predicted"]) for row in csv.DictReader(out.open())]
    assert table["predicted"].tolist() == written


def test_a_folder_opens_as_well_as_a_configuration(run, network, expected):
    cube = f"{run.database.store}:{TESTED}"
    same = lcinfer.load_network(run.trainings["all_images"].directory)
    assert same.predict(cube).equals(network.predict(cube))


def test_what_is_unlike_the_training_set_is_warned_of(run, network):
    cones = lcinfer.open_database("config/demo.yaml")
    shifted = cones.brightness_temp.sel(light_cone=TESTED) * 3
    with pytest.warns(UserWarning, match="light-cone 3: unlike the training set: "):
        table = network.predict(shifted)
    assert table["unlike"].all()


def test_frequencies_in_place_of_redshifts_are_understood_and_said(run, network, expected):
    cube = store.read(run.database.store, TESTED)
    redshift, _ = store.coordinates(run.database.simulation)
    with pytest.warns(UserWarning, match="from frequencies in MHz"):
        table = network.predict(cube, 1420.40575177 / (1 + np.asarray(redshift)), 6)
    assert table["predicted"].to_numpy() == pytest.approx(expected, rel=1e-6)


def test_messages_name_arguments_in_python_and_options_on_the_command_line(
    run, network, expected, tmp_path, capsys
):
    np.save(tmp_path / "cone.npy", store.read(run.database.store, TESTED))
    needed = "it does not say where its cells lie: give "
    with pytest.raises(UserError, match=f"{needed}redshift=FILE and cell_size=MPC$"):
        network.predict(tmp_path / "cone.npy")
    checkpoint = str(run.trainings["all_images"].directory)
    with pytest.raises(SystemExit):
        cli.main(["infer", "--checkpoint", checkpoint, str(tmp_path / "cone.npy")])
    assert capsys.readouterr().err.endswith(f"{needed}--redshifts FILE and --cell-size MPC\n")
    with pytest.raises(UserError, match=r"dataset=$"):
        network.predict(tmp_path / "cone.npy", dataset="cone")


def test_what_does_not_fit_is_one_line(run, network):
    cube = store.read(run.database.store, TESTED)
    with pytest.raises(UserError, match="an array does not say where it lies"):
        network.predict(cube)
    with pytest.raises(UserError, match="its cells are 3 Mpc, the network's 6 Mpc"):
        redshift, _ = store.coordinates(run.database.simulation)
        network.predict(cube, redshift, 3)
    with pytest.raises(UserError, match="has no training nine; there are all_images"):
        lcinfer.load_network("config/demo.yaml", "nine")
    of_run = lcinfer.Experiment("config/demo.yaml").directory
    near = "no trained network here: give a configuration file and a training's name, or one of "
    with pytest.raises(UserError, match=f"^{of_run}: {near}{of_run}/trainings: all_images$"):
        lcinfer.load_network(of_run)
    with pytest.raises(UserError, match=f"^results/lightcones: {near}results/trainings: all_ima"):
        lcinfer.load_network("results/lightcones")
    with pytest.raises(UserError, match=r"^nowhere: nothing of this .* say with results= where"):
        lcinfer.load_network("config/demo.yaml", results="nowhere")
    with pytest.raises(UserError, match="goes with a configuration file"):
        lcinfer.load_network(run.trainings["all_images"].checkpoint, "all_images")
