"""What an edit of the configuration makes anew, and what it leaves alone."""

import re
from pathlib import Path

import pytest
from support.reruns import edited

from lcinfer import config
from lcinfer.base import durable
from lcinfer.products.found import Seal, Spec
from lcinfer.products.run import Run
from lcinfer.products.shown import RESPONSE_FIGURES, TRAINING_FIGURES

STAGES = ("lightcones", "images", "trainings", "evaluations", "figures")


@pytest.fixture
def settings(settings):
    """Two trainings, to tell the edited one from the other."""
    settings["trainings"]["one_image"] = {**settings["trainings"]["all_images"], "images": 1}
    return settings


def directories(settings, root=Path("results")) -> dict[str, dict[str, Path]]:
    """Stage -> name -> directory; names without fingerprints."""
    run = Run(config.parse(settings), root)
    found = {
        stage: {product.name: product.directory for product in getattr(run, stage).values()}
        for stage in STAGES
    }
    return {**found, "runs": {"": run.summary.directory}}


def moved(before, after) -> set[str]:
    """``stage`` or ``stage/name`` of every product that has another directory now."""
    return {
        f"{stage}/{name}".rstrip("/")
        for stage in before
        for name in before[stage]
        if before[stage][name] != after[stage].get(name)
    }


ALL_IMAGES = {"trainings/all_images", "evaluations/all_images", "figures/all_images", "runs"}
ONE_IMAGE = {"trainings/one_image", "evaluations/one_image", "figures/one_image", "runs"}
TRAININGS = ALL_IMAGES | ONE_IMAGE
EVALUATIONS = {product for product in TRAININGS if not product.startswith("trainings")}
EXAMPLES = {"figures/examples"}
SCHEME = {"figures/scheme"}
IMAGES = {"images/cones", "images/FAINT", *TRAININGS, *EXAMPLES}
EVERYTHING = {"lightcones/cones", "lightcones/FAINT", *IMAGES}

EDITS = [
    ("trainings.all_images.optimiser.learning_rate", 0.01, ALL_IMAGES),
    ("trainings.all_images.augment", True, ALL_IMAGES),
    ("trainings.all_images.augment", False, set()),
    ("trainings.one_image.epochs", 3, ONE_IMAGE),
    ("split.test", 4, TRAININGS),
    ("database.realizations", 16, TRAININGS),
    ("mocks.FAINT.realizations", 3, EVALUATIONS | EXAMPLES),
    ("images.slices", 1, IMAGES | SCHEME),
    ("database.seed", 6, EVERYTHING - {"lightcones/FAINT", "images/FAINT"} - EXAMPLES),
    ("database.box.length", 24, EVERYTHING | SCHEME),
    ("evaluation.bootstrap", 60, EVALUATIONS),
    ("figures.dpi", 60, {"figures/all_images", "figures/one_image", "runs"} | EXAMPLES | SCHEME),
    ("database.block", 3, set()),
    ("database.storage.chunk_cells", 4, set()),
    ("name", "renamed", {"runs"}),
]


NAMED = [f"{key}-{value}" for key, value, _ in EDITS]


@pytest.mark.parametrize(("key", "value", "makes_anew"), EDITS, ids=NAMED)
def test_an_edit_moves_what_it_decides_and_nothing_else(settings, key, value, makes_anew) -> None:
    before, after = directories(settings), directories(edited(settings, key, value))
    assert moved(before, after) == makes_anew


def test_a_new_training_moves_only_the_summary(settings) -> None:
    after = edited(settings, "trainings.third", {})
    after["trainings"]["third"] = {**settings["trainings"]["all_images"], "seed": 2}
    assert moved(directories(settings), directories(after)) == {"runs"}


def test_a_new_mock_trains_nothing_again(settings) -> None:
    after = edited(settings, "mocks.BRIGHT", settings["mocks"]["FAINT"])
    assert moved(directories(settings), directories(after)) == EVALUATIONS | EXAMPLES


@pytest.mark.parametrize(("key", "value", "makes_anew"), EDITS, ids=NAMED)
def test_going_back_finds_the_old_paths(settings, key, value, makes_anew) -> None:
    before = directories(settings)
    directories(edited(settings, key, value))
    assert directories(settings) == before


def test_growing_keeps_the_markers_of_whole_blocks(settings) -> None:
    small = Run(config.parse(settings)).database
    large = Run(config.parse(edited(settings, "database.realizations", 18))).database
    assert small.spans == [(0, 4), (4, 8), (8, 12)]
    assert large.spans == [*small.spans, (12, 16), (16, 18)]
    assert [large.done(span) for span in large.spans[:3]] == [small.done(s) for s in small.spans]
    assert large.sealed != small.sealed
    assert large.prepared != small.prepared


def test_an_existing_database_keeps_its_block_size_and_its_images_follow(
    settings, tmp_path
) -> None:
    first = Run(config.parse(settings), tmp_path)
    durable.write_json(first.database.spec, {"block": first.database.block})
    later = Run(config.parse(edited(settings, "database.block", 6)), tmp_path)
    assert later.database.block == first.database.block == 4
    assert later.database.spans == first.database.spans
    assert later.database_images.spans == first.database.spans
    assert later.mocks["FAINT"].block == 6, "a database of its own, not made yet"


def test_every_product_is_found_by_its_directorys_name(settings) -> None:
    run = Run(config.parse(settings))
    products = [product for stage in STAGES for product in getattr(run, stage).values()]
    assert len(run.by_directory) == len(products) == 2 + 2 + 2 + 2 + 4
    for product in products:
        assert run.by_directory[product.directory.name] is product


def test_a_path_is_root_kind_name_and_ten_digits_of_the_fingerprint(settings, tmp_path) -> None:
    run = Run(config.parse(settings), tmp_path)
    for cones in (run.database, *run.mocks.values()):
        expected = tmp_path / "lightcones" / f"{cones.name}-{cones.fingerprint[:10]}"
        assert cones.directory == expected
        assert len(cones.fingerprint) == 64


def test_every_figure_has_a_file_in_every_format_and_none_without_mocks(settings) -> None:
    settings["figures"]["formats"] = ["pdf", "png"]
    files = Run(config.parse(settings)).figure_files
    of_a_training = (*TRAINING_FIGURES, *RESPONSE_FIGURES)
    assert sorted({path.name for path in files}) == [
        f"{figure}.{suffix}"
        for figure in sorted(("examples", "slicing", *of_a_training))
        for suffix in ("pdf", "png")
    ]
    assert len(files) == len(set(files)) == 2 * (1 + 1 + 2 * len(of_a_training))
    settings["mocks"] = {}
    without = Run(config.parse(settings)).figures
    assert without.keys() == {"all_images", "one_image", "scheme"}
    assert without["all_images"].figures == TRAINING_FIGURES, "no responses: there is no image"


def test_nothing_is_written_by_asking_where_things_are(settings, tmp_path) -> None:
    directories(settings, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_paths_of_the_rules_are_those_of_the_products(settings) -> None:
    run = Run(config.parse(settings))
    for product in run.products:
        files = product.outputs if product.parts else product.markers
        for file in files if product.makes else ():
            paths = (re.sub(r"{\w+}", r"[\\w.-]*", path) for path in product.patterns())
            assert any(re.fullmatch(path, file.as_posix()) for path in paths), file


def test_a_description_names_what_a_product_is_made_from(settings) -> None:
    for product in Run(config.parse(settings)).products:
        content = {"name": product.name, "fingerprint": product.fingerprint}
        spec = Spec(product.directory, {**content, "made_of": product.identity})
        named = {it.fingerprint for it in product.refers(spec, Seal(product.parts))}
        assert product.separate or {it.fingerprint for it in product.sources} <= named, product
