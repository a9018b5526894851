"""Results outlive versions: every release's kept run is read, audited and gone on from.

How an archive is made, and what to do where one of these tests fails, says README.md.
"""

import json
import re
import shutil
from collections import Counter
from hashlib import sha256
from pathlib import Path

import pytest
import yaml
from pandas import read_csv
from releases.make import ARCHIVE, EXPECTED, HERE, Workplace, expected, products, runs_of

from lcinfer import Experiment, cli

RELEASES = sorted(
    (path.parent for path in HERE.glob(f"*/{ARCHIVE}")),
    key=lambda release: [int(number) for number in release.name.split(".")],
)
RUNS = [
    pytest.param(release, name, id=f"{release.name}-{name}")
    for release in RELEASES
    for name in json.loads((release / EXPECTED).read_text(encoding="utf-8"))["products"]
]
each_run = pytest.mark.parametrize(("release", "name"), RUNS, indirect=["release"], scope="module")
# What goes on from a run takes minutes: the oldest and the newest alone.
oldest_and_newest = pytest.mark.parametrize(
    "release",
    [pytest.param(release, id=release.name) for release in (RELEASES[0], RELEASES[-1])],
    indirect=True,
    scope="module",
)


@pytest.fixture(scope="module", params=RELEASES, ids=lambda release: release.name)
def release(request) -> Path:
    """A release's directory in this one."""
    return request.param


@pytest.fixture(scope="module")
def kept(release, tmp_path_factory) -> Workplace:
    """Its results, only to be read, in a place that they were not made in."""
    directory = tmp_path_factory.mktemp("kept")
    shutil.unpack_archive(release / ARCHIVE, directory)
    return Workplace(directory)


@pytest.fixture
def here(kept, monkeypatch) -> Path:
    """The directory of these results, as the current one."""
    monkeypatch.chdir(kept.directory)
    return kept.directory


@pytest.fixture
def copy(kept, tmp_path) -> Workplace:
    """A copy, to go on from."""
    shutil.copytree(kept.directory, tmp_path / "copy", symlinks=True)
    return Workplace(tmp_path / "copy")


def lcinfer(*arguments: object) -> None:
    """Calls a verb in this process; one that fails ends the test."""
    cli.main([str(argument) for argument in arguments])


def run_of(directory: Path, name: str) -> Path:
    """What a run says: tables, links, manifest."""
    (run,) = (directory / "results" / "runs").glob(f"{name}-*")
    return run


def digests(directory: Path) -> dict[str, str]:
    """All that is made, by its path."""
    return {
        path.relative_to(directory).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in (directory / "results").rglob("*")
        if path.is_file() and "logs" not in path.parts
    }


def done(said: str) -> Counter:
    """Jobs per rule that Snakemake finished."""
    return Counter(re.findall(r"Finished jobid: \d+ \(Rule: (\w+)\)", said))


def planned(said: str) -> Counter:
    """Jobs per rule that a dry run announces."""
    table = re.findall(r"^(\w+) +(\d+)$", said, flags=re.MULTILINE)
    return Counter({rule: int(n) for rule, n in table if rule not in ("total", "all")})


# How an interval is taken from the test set is a matter of the version; what a network predicts is
# not. Keys may be added.
CHANGED = ("low", "high", "beyond")  # the last one turned on a processor's last digits until 0.4


def about(value: object, near: float = 0) -> object:
    """Another processor may give other last digits."""
    if type(value) is not float:
        return value
    return pytest.approx(value, rel=1e-5, abs=max(near, 1e-6))


def test_products_are_where_they_were_and_networks_answer_as_they_did(release, here) -> None:
    then = json.loads((release / EXPECTED).read_text(encoding="utf-8"))
    now = expected(here, lcinfer)
    assert now["products"] == then["products"]
    assert now["recovered"].keys() == then["recovered"].keys()
    for network, rows in then["recovered"].items():
        for row, found in zip(rows, now["recovered"][network], strict=True):
            # A posterior's numbers are of samples, and how these are drawn may change.
            near = row["spread"] / 5 if "low_68" in row else 0
            kept = {key: about(value, near) for key, value in row.items() if key not in CHANGED}
            assert {key: found[key] for key in kept} == kept, network


@each_run
def test_the_workflow_has_nothing_to_do(kept, name) -> None:
    said = kept.snakemake("--configfile", f"{name}.yaml", "--dry-run")
    assert "Nothing to be done" in said
    assert planned(said) == Counter()


@each_run
def test_every_link_of_an_audit_holds(here, name) -> None:
    run = run_of(here, name)
    lcinfer("audit", run, "--repredict")
    lcinfer("audit", min(run.glob("figures/*/recovery.*")))
    lcinfer("audit", run / "table2.csv")


@pytest.mark.parametrize("suffix", ["pdf", "png", "svg"])
def test_figures_in_every_format_are_audited(here, suffix) -> None:
    lcinfer("audit", min((here / "results" / "runs").glob(f"*/figures/*/loss.{suffix}")))


def test_figures_of_sweeps_are_audited(here) -> None:
    for figure in run_of(here, "whole").glob("figures/*/sweep.svg"):
        lcinfer("audit", figure)


@each_run
def test_databases_hold_and_are_sealed(here, name, capsys) -> None:
    lcinfer("verify", f"{name}.yaml", "--json")
    assert all(report["findings"] == [] for report in json.loads(capsys.readouterr().out))
    lcinfer("status", f"{name}.yaml", "--json")
    for database in json.loads(capsys.readouterr().out):
        assert database["sealed"]
        assert database["done"] + len(database["set_aside"]) == database["light_cones"]


@each_run
@pytest.mark.filterwarnings("ignore:.*their voxels are NaN:UserWarning")
def test_python_reads_all_of_it(here, name) -> None:
    experiment = Experiment(f"{name}.yaml")
    table = run_of(here, name) / "r2.csv"
    then = read_csv(table, comment="#").iloc[:, 3:6].to_numpy()
    assert experiment.scores()[["r2", "r2_low", "r2_high"]].to_numpy() == pytest.approx(then)
    cones = experiment.database()
    there = cones.brightness_temp.isel(light_cone=cones.state == "finished")
    assert not there.isnull().any()
    training = next(iter(experiment.config.trainings))
    network = experiment.network(training)
    predicted = [f"predicted_{parameter}" for parameter in network.parameters]
    for index, images in experiment.predictions(training).groupby("light_cone"):
        found = network.predict(cones.brightness_temp.sel(light_cone=index), each_image=True)
        found = found[found["image"] != "average"]["predicted"]
        assert found.to_list() == pytest.approx(images[predicted].to_numpy().ravel(), rel=1e-5)


def test_its_configurations_need_all_of_it(here, capsys) -> None:
    lcinfer("gc", *(f"{name}.yaml" for name in runs_of(here)), "--json")
    found = json.loads(capsys.readouterr().out)
    assert found["unused"] == found["left_alone"] == []


@each_run
def test_it_can_be_published(release, here, name, tmp_path, capsys) -> None:
    lcinfer("scores", f"{name}.yaml")
    lcinfer("methods", run_of(here, name), "--scores")
    assert f"lcinfer {release.name}" in capsys.readouterr().out, "the version that ran"
    lcinfer("crate", run_of(here, name), "--workflow", HERE.parents[1], "--to", tmp_path / "crate")


@oldest_and_newest
def test_light_cones_that_were_adopted_are_known_again(copy, monkeypatch) -> None:
    monkeypatch.chdir(copy.directory)
    before = digests(copy.directory)
    lcinfer("adopt", "adopted.yaml", *sorted(Path("saved").iterdir()))
    assert digests(copy.directory) == before


def edit(work: Workplace, *keys: str, value: object) -> Path:
    """The configuration of the whole run, with another value."""
    settings = yaml.safe_load((work.directory / "whole.yaml").read_text(encoding="utf-8"))
    place = settings
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    edited = work.directory / "edited.yaml"
    edited.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    return edited


@oldest_and_newest
def test_a_database_grows_by_its_new_light_cones_alone(copy) -> None:
    before = digests(copy.directory)
    edit(copy, "database", "realizations", value=15)
    database, images = (
        next(path for path in products(copy.directory, "edited") if f"/{kind}/cones-" in path)
        for kind in ("lightcones", "images")
    )
    seal = f"{images}/sealed-000015-after-1-attempts.json"
    said = copy.snakemake("--configfile", "edited.yaml", "--", seal)
    stages = ("prepare_lightcones", "simulate", "seal_lightcones")
    stages += ("prepare_images", "cut_images", "seal_images")
    assert done(said) == Counter(stages)
    after = digests(copy.directory)
    changed = {path for path in before if after.get(path) != before[path]}
    grown = rf"({database}/lightcones|{images}/images)\.zarr/(?P<array>.*)"
    arrays = [re.fullmatch(grown, path) for path in changed]
    assert all(arrays), "all else is as it was"
    assert not any(
        re.match(r"(brightness_temp|images)/c/", found["array"]) for found in arrays if found
    ), "voxels too"
    cubes = f"{database}/lightcones.zarr/brightness_temp/c/"
    new = [path for path in after.keys() - before.keys() if path.startswith(cubes)]
    assert new == [f"{cubes}14/0/0/0"]


@oldest_and_newest
def test_one_more_training_is_all_that_is_trained(copy) -> None:
    before = digests(copy.directory)
    trainings = yaml.safe_load((copy.directory / "whole.yaml").read_text())["trainings"]
    edit(copy, "trainings", "another", value={**trainings["one_image"], "seed": 9})
    whole = copy.snakemake("--configfile", "edited.yaml", "--dry-run")
    assert planned(whole) == Counter(train=1, evaluate=1, draw_training=1, summarise=1)
    (new,) = (path for path in products(copy.directory, "edited") if "trainings/another-" in path)
    said = copy.snakemake("--configfile", "edited.yaml", "--", f"{new}/trained.json")
    assert done(said) == Counter(train=1)
    after = digests(copy.directory)
    assert {path: after[path] for path in before} == before
    assert all(path.startswith(new) for path in after.keys() - before.keys())
