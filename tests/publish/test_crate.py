"""The crate: valid, whole, true to the files of the run, and made without a network."""

import csv
import errno
import hashlib
import io
import json
import shutil
import socket
import zipfile
from importlib import resources
from pathlib import Path

import pytest
import requests
import urllib3
import yaml
from requests_cache import CachedSession
from rocrate_validator.models import Severity, ValidationSettings
from rocrate_validator.services import validate

from lcinfer import cli, config
from lcinfer.lightcones import store
from lcinfer.products.run import Run
from lcinfer.publish import crate, recorded
from lcinfer.publish.entities import TERMS

PROJECT = Path(__file__).parents[2]
CONTEXT = "https://w3id.org/ro/crate/1.1/context"
METADATA = "ro-crate-metadata.json"
PROFILE = "provenance-run-crate"  # and with it workflow-run-crate and all that it is a profile of
WISHES = crate.Wishes(workflow=PROJECT, author="Ada Lovelace", license="https://example.org/l")


@pytest.fixture(scope="module")
def written(published, tmp_path_factory) -> Path:
    """A crate of the small run, written where there is no network."""
    to = tmp_path_factory.mktemp("crate") / "crate"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a crate needs no network"))
        crate.write(opened(published), to, WISHES)
    return to


def opened(run: Run) -> recorded.Recorded:
    return recorded.open_run(run.summary.directory, Path("unused"))


def graph(folder: Path) -> dict[str, dict]:
    """Every entity of a crate by its identifier."""
    metadata = json.loads((folder / METADATA).read_text())
    return {entity["@id"]: entity for entity in metadata["@graph"]}


def context_of_1_1() -> dict:
    """RO-Crate 1.1's terms: those of 1.3, which the library has, but for four of Bioschemas'."""
    file = resources.files("rocrate") / "data" / "ro-crate.jsonld"
    context = json.loads(file.read_text(encoding="utf-8"))
    workflow = "https://bioschemas.org/ComputationalWorkflow"
    context["@context"] |= {
        "ComputationalWorkflow": workflow,
        "FormalParameter": "https://bioschemas.org/FormalParameter",
        "input": f"{workflow}#input",
        "output": f"{workflow}#output",
    }
    return context


class Shelf(requests.adapters.HTTPAdapter):
    """Answers with RO-Crate's context in place of the network."""

    def send(self, request, **_):
        if request.url != CONTEXT:
            raise requests.ConnectionError(f"{request.url} is not on the shelf")
        answer = urllib3.HTTPResponse(
            io.BytesIO(json.dumps(context_of_1_1()).encode()),
            headers={"Content-Type": "application/ld+json"},
            status=200,
            preload_content=False,
        )
        return self.build_response(request, answer)


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    """A cache of the validator's in which the context is."""
    path = tmp_path_factory.mktemp("contexts") / "cache"
    with CachedSession(str(path)) as session:
        session.mount("https://", Shelf())
        session.get(CONTEXT)
    return path


def complaints(folder: Path, cache: Path) -> list[str]:
    """What the profile requires and a crate has not."""
    settings = ValidationSettings(
        rocrate_uri=str(folder),
        profile_identifier=PROFILE,
        requirement_severity=Severity.REQUIRED,
        offline=True,
        cache_path=cache,
    )
    return [
        f"{issue.violatingEntity}: {issue.message}" for issue in validate(settings).get_issues()
    ]


def test_it_is_valid(written, cache) -> None:
    assert complaints(written, cache) == []


def test_the_validator_finds_a_run_without_its_workflow(written, cache, tmp_path) -> None:
    folder = shutil.copytree(written, tmp_path / "crate")
    metadata = json.loads((folder / METADATA).read_text())
    run = next(entity for entity in metadata["@graph"] if entity["@id"] == "#run")
    run["instrument"] = {"@id": "workflow/rules/train.smk"}
    (folder / METADATA).write_text(json.dumps(metadata))
    [complaint] = complaints(folder, cache)
    assert "MUST reference the root data entity's mainEntity as its instrument" in complaint


def test_every_term_has_a_meaning(written) -> None:
    known = context_of_1_1()["@context"].keys() | TERMS.keys()
    used = {term for entity in graph(written).values() for term in entity}
    types = {
        entity["@type"] for entity in graph(written).values() if isinstance(entity["@type"], str)
    }
    assert {term for term in used if not term.startswith("@")} <= known
    assert types <= known


def test_every_file_is_told_with_its_size_and_sha256_and_nothing_else_is_there(written) -> None:
    there = {path.relative_to(written).as_posix() for path in written.rglob("*") if path.is_file()}
    entities = graph(written)
    parts = {part["@id"] for part in entities["./"]["hasPart"]}
    assert there == parts | {METADATA}
    for name in parts:
        content = (written / name).read_bytes()
        assert entities[name]["contentSize"] == str(len(content))
        assert entities[name]["sha256"] == hashlib.sha256(content).hexdigest()


def test_the_files_are_the_runs(written, published) -> None:
    for path in (
        published.summary.table,
        *published.figure_files,
        *(training.checkpoint for training in published.trainings.values()),
        *(evaluation.predictions for evaluation in published.evaluations.values()),
    ):
        inside = written / "results" / path.relative_to(published.root)
        assert inside.read_bytes() == path.read_bytes()


def test_the_configuration_gives_the_same_run(written, published) -> None:
    settings = yaml.safe_load((written / "configuration.yaml").read_text())
    again = Run(config.parse(settings), published.root)
    assert again.summary.fingerprint == published.summary.fingerprint
    assert again.by_directory.keys() == published.by_directory.keys()


def test_light_cones_are_told_by_the_digests_of_their_voxels(written, published) -> None:
    assert not list(written.rglob("*.zarr"))
    for cones in published.lightcones.values():
        name = f"lightcones/{cones.directory.name}"
        with (written / "results" / name / "digests.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert [int(row["light_cone"]) for row in rows] == list(range(cones.realizations))
        assert [int(row["random_seed"]) for row in rows] == cones.design.seeds(
            0, len(rows)
        ).tolist()
        for row in rows:
            index = int(row["light_cone"])
            assert row["sha256"] == store.digest(index, store.read(cones.store, index))
            assert float(row["L_X"]) == cones.design.parameters(index, index + 1)[0][2]
        entities = graph(written)
        dataset = entities[f"#{name.replace('/', '-')}"]
        assert dataset["identifier"] == cones.fingerprint
        root = entities[dataset["additionalProperty"]["@id"]]
        assert root["value"] == store.root_digest([row["sha256"] for row in rows])


def test_every_product_has_an_action_of_its_rule_with_times_and_cost(written, published) -> None:
    entities = graph(written)
    for product in (*published.by_directory.values(), published.summary):
        action = entities[f"#make-{product.kind}-{product.directory.name}"]
        assert action["instrument"]["@id"] in entities
        assert "SoftwareSourceCode" in entities[action["instrument"]["@id"]]["@type"]
        assert action["startTime"] <= action["endTime"]
        usage = action["resourceUsage"]
        first = usage[0] if isinstance(usage, list) else usage
        assert float(entities[first["@id"]]["value"]) > 0
    evaluation = next(iter(published.evaluations.values()))
    made = entities[f"#make-evaluations-{evaluation.directory.name}"]
    network = f"results/trainings/{evaluation.training.directory.name}/checkpoint.pt"
    assert {"@id": network} in made["object"]


def test_software_stands_with_the_versions_that_ran(written) -> None:
    import numpy
    import torch

    found = {
        entity["name"]: entity.get("softwareVersion")
        for entity in graph(written).values()
        if entity["@type"] == "SoftwareApplication"
    }
    assert found["numpy"] == numpy.__version__
    assert found["torch"] == torch.__version__


def test_the_archive_has_the_same_files(written, published, tmp_path) -> None:
    to = crate.write(opened(published), tmp_path / "crate.zip", WISHES, zipped=True)
    with zipfile.ZipFile(to) as archive:
        assert archive.testzip() is None
        for name in archive.namelist():
            if name != METADATA:  # the day of its writing is in it
                assert archive.read(name) == (written / name).read_bytes()
        inside = {path.relative_to(written).as_posix() for path in written.rglob("*.*")}
        assert inside - set(archive.namelist()) == set()


def test_a_large_file_is_told_and_left_out(published, cache, tmp_path) -> None:
    small = crate.Wishes(workflow=PROJECT, largest=20_000)
    to = crate.write(opened(published), tmp_path / "crate", small)
    checkpoint = next(iter(published.trainings.values())).checkpoint
    name = f"results/{checkpoint.relative_to(published.root).as_posix()}"
    assert not (to / name).exists()
    told = graph(to)[f"#{name}"]
    assert told["sha256"] == hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    assert complaints(to, cache) == []


def test_rules_are_in_it_however_small_its_files_must_be(published, tmp_path) -> None:
    smallest = crate.Wishes(workflow=PROJECT, largest=1)
    to = crate.write(opened(published), tmp_path / "crate", smallest)
    assert (to / "workflow" / "rules" / "train.smk").exists()
    assert not (to / "envs" / "lock.txt").exists()


def test_the_verb_writes_an_archive_from_a_configuration(
    copied, write_config, tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    path = write_config(copied.config.model_dump(mode="json"))
    cli.main(["crate", str(path), "--zip", "--workflow", str(PROJECT)])
    name = f"{copied.summary.directory.name}-crate.zip"
    assert capsys.readouterr().out == f"{name}\n"
    assert zipfile.is_zipfile(tmp_path / name)


def test_a_disk_that_is_full_leaves_nothing_behind(published, tmp_path, monkeypatch) -> None:
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copy", full)
    with pytest.raises(OSError, match="No space left"):
        crate.write(opened(published), tmp_path / "crate", WISHES)
    assert list(tmp_path.iterdir()) == []


def refused(capsys, run: Run, *arguments: str) -> str:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["crate", str(run.summary.directory), *arguments])
    printed = capsys.readouterr()
    assert (stopped.value.code, printed.out) == (1, "")
    assert printed.err.count("\n") == 1
    return printed.err


def test_what_is_there_is_not_overwritten(published, tmp_path, capsys) -> None:
    to = tmp_path / "crate"
    to.write_text("mine")
    line = refused(capsys, published, "--to", str(to), "--workflow", str(PROJECT))
    assert "there already" in line
    assert to.read_text() == "mine"


def test_without_the_workflow_nothing_is_written(published, tmp_path, capsys) -> None:
    to = tmp_path / "new" / "crate"
    line = refused(capsys, published, "--to", str(to), "--workflow", str(tmp_path))
    assert "no Snakefile" in line
    assert not to.parent.exists()


def test_edited_predictions_are_not_published(copied, tmp_path, capsys) -> None:
    path = next(iter(copied.evaluations.values())).predictions
    path.write_text(path.read_text().replace("1", "2", 1))
    to = tmp_path / "new" / "crate"
    line = refused(capsys, copied, "--to", str(to), "--workflow", str(PROJECT))
    assert "predictions.csv: changed since it was made" in line
    assert not to.parent.exists()
