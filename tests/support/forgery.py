"""What people and accidents do to a finished run, and the links that an audit then finds broken."""

import json
import shutil
from pathlib import Path

import numpy as np
import zarr

from lcinfer.base import durable
from lcinfer.evaluation.evaluate import read_predictions
from lcinfer.lightcones import journal
from support import damage


def edited(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def edited_json(path: Path, *keys: str, value) -> None:
    content = json.loads(path.read_text())
    place = content
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")


def one_of(products):
    (one,) = products.values()
    return one


def a_predicted_value_edited(run) -> None:
    """So little that only scores and digests can tell."""
    path = one_of(run.evaluations).predictions
    lines = path.read_text().splitlines()
    cells = lines[2].split(",")
    cells[-1] = repr(float(cells[-1]) * 1.001)
    path.write_text("\n".join([*lines[:2], ",".join(cells), *lines[3:]]) + "\n")


def a_true_value_edited(run) -> None:
    path = one_of(run.evaluations).predictions
    value = read_predictions(path).true[0, 0].item()
    path.write_text(path.read_text().replace(repr(value), repr(value * 1.001)))


def a_score_edited(run) -> None:
    edited_json(one_of(run.evaluations).scores, "average", "L_X", "r2", value=0.99)


def a_table_edited(run) -> None:
    lines = run.summary.table.read_text().splitlines()
    lines[2] = lines[2].replace(lines[2].split(",")[3], "0.9900")
    run.summary.table.write_text("\n".join(lines) + "\n")


def a_paper_table_edited(run) -> None:
    edited(run.summary.paper_table("table2", "tex"), "one image", "two images")


def a_page_edited(run) -> None:
    edited(run.summary.page, "one image", "two images")


def a_link_led_elsewhere(run) -> None:
    link = run.summary.directory / "figures" / "all_images"
    durable.write_link(link, run.figures["examples"].directory)


def two_shards_swapped(run) -> None:
    damage.swapped_shards(run.database)


def a_voxel_changed_and_its_image_cut_again(run) -> None:
    cubes = zarr.open_array(run.database.store, path="brightness_temp", mode="r+")
    cubes[4, 0, 0, 0] = 1.0


def an_image_edited(run) -> None:
    stored = zarr.open_array(run.database_images.store, path=run.database_images.kind, mode="r+")
    stored[4, 1, 2, 3] += np.float32(0.5)


def images_swapped(run) -> None:
    stored = zarr.open_array(run.database_images.store, path=run.database_images.kind, mode="r+")
    one, other = stored[4], stored[9]
    stored[4], stored[9] = other, one


def a_label_edited(run) -> None:
    zarr.open_group(run.database_images.store, mode="r+")["L_X"][4] = 39.0


def a_checkpoint_replaced(run) -> None:
    """By one of another seed, which says that it is this training's."""
    import torch

    path = one_of(run.trainings).checkpoint
    content = torch.load(path, weights_only=True)
    content["model"] = {name: value + 1 for name, value in content["model"].items()}
    torch.save(content, path)


def a_history_edited(run) -> None:
    path = one_of(run.trainings).history
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")


def a_seed_in_the_journal_changed(run) -> None:
    damage.set_in_line(run.database, 4, lambda record: record.update(seed=record["seed"] + 1))


def two_light_cones_with_one_seed(run) -> None:
    seed = journal.finished(run.database.journal)[2]["seed"]
    damage.set_in_line(run.database, 9, lambda record: record.update(seed=seed))


def a_mock_with_a_seed_of_the_database(run) -> None:
    seed = journal.finished(run.database.journal)[9]["seed"]
    damage.set_in_line(run.mocks["FAINT"], 1, lambda record: record.update(seed=seed))


def the_databases_seed_changed(run) -> None:
    edited_json(run.database.spec, "design", "seed", value=6)


def the_stores_seeds_changed(run) -> None:
    zarr.open_group(run.database.store, mode="r+")["random_seed"][4] += 1


def the_prior_widened_in_the_manifest(run) -> None:
    edited_json(run.summary.manifest, "configuration", "database", "prior", "L_X", value=[38, 43])


def the_epochs_changed_in_the_specification(run) -> None:
    edited_json(one_of(run.trainings).spec, "made_of", "training", "epochs", value=200)


def the_split_changed_in_the_manifest(run) -> None:
    edited_json(run.summary.manifest, "configuration", "split", "test", value=4)


def the_style_changed_in_the_specification(run) -> None:
    edited_json(run.figures["examples"].spec, "made_of", "style", "dpi", value=51)


def the_slices_changed_in_the_specification(run) -> None:
    edited_json(run.database_images.spec, "made_of", "images", "slices", value=1)


def a_line_of_the_journal_removed(run) -> None:
    damage.removed_line(run.database)


def a_figure_redrawn_by_hand(run) -> None:
    from PIL import Image

    path = run.figures["all_images"].files("recovery")[0]
    with Image.open(path) as image:
        image.load()
    image.putpixel((5, 5), (255, 0, 0))
    image.save(path)


def a_seal_edited(run) -> None:
    edited_json(run.database.sealed, "root_digest", value="0" * 64)


def a_blocks_digest_edited(run) -> None:
    edited_json(run.database_images.done((4, 8)), "images", "5", value="0" * 64)


def a_record_edited(run) -> None:
    (path,) = (one_of(run.trainings).directory / "provenance").iterdir()
    path.write_text(path.read_text()[:-10])


def the_records_removed(run) -> None:
    shutil.rmtree(one_of(run.evaluations).directory / "provenance")


FAULTS = {
    a_predicted_value_edited: {
        *("evaluations: files", "evaluations: scores", "figures: made from"),
        *("runs: made from", "runs: paper's tables"),
    },
    a_true_value_edited: {
        *("evaluations: files", "evaluations: scores", "evaluations: predictions"),
        *("figures: made from", "runs: made from", "runs: paper's tables"),
    },
    a_score_edited: {
        *("evaluations: files", "evaluations: scores", "figures: made from", "runs: made from"),
        "runs: table",
    },
    a_table_edited: {"runs: files", "runs: table"},
    a_paper_table_edited: {"runs: files", "runs: paper's tables"},
    a_page_edited: {"runs: files", "runs: table"},
    a_link_led_elsewhere: {"runs: configuration"},
    two_shards_swapped: {"lightcones: voxels", "images: recut"},
    a_voxel_changed_and_its_image_cut_again: {"lightcones: voxels", "images: recut"},
    an_image_edited: {"images: recut"},
    images_swapped: {"images: recut"},
    a_label_edited: {"images: labels"},
    a_checkpoint_replaced: {
        *("trainings: files", "evaluations: made from", "figures: made from"),
    },
    a_history_edited: {
        *("trainings: files", "trainings: checkpoint", "runs: made from", "runs: paper's tables"),
    },
    a_seed_in_the_journal_changed: {
        *("lightcones: voxels", "trainings: split", "evaluations: mocks"),
    },
    two_light_cones_with_one_seed: {
        *("lightcones: voxels", "trainings: split", "evaluations: mocks"),
    },
    a_mock_with_a_seed_of_the_database: {"lightcones: voxels", "evaluations: mocks"},
    the_databases_seed_changed: {
        *("lightcones: fingerprint", "images: made from", "trainings: made from"),
        "evaluations: made from",
    },
    the_stores_seeds_changed: {"lightcones: design"},
    the_prior_widened_in_the_manifest: {"runs: files", "runs: configuration"},
    the_epochs_changed_in_the_specification: {
        *("trainings: fingerprint", "evaluations: made from"),
    },
    the_split_changed_in_the_manifest: {"runs: files", "runs: configuration"},
    the_style_changed_in_the_specification: {"figures: fingerprint"},
    the_slices_changed_in_the_specification: {
        *("images: fingerprint", "trainings: made from", "evaluations: made from"),
    },
    a_line_of_the_journal_removed: {"lightcones: voxels", "images: recut"},
    a_figure_redrawn_by_hand: {"figures: files", "figures: stamps"},
    a_seal_edited: {"lightcones: files", "lightcones: markers"},
    a_blocks_digest_edited: {"images: files", "images: made from", "images: recut"},
    a_record_edited: {"trainings: records", "trainings: files"},
    the_records_removed: {"evaluations: files"},
}
