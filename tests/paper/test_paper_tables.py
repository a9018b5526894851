"""Tables 1 and 2: what a network and its predictions give, beside what the paper prints."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from support.filling import whole_run
from support.small import small_settings

from lcinfer import config
from lcinfer.evaluation.evaluate import r2, read_predictions
from lcinfer.paper import architecture, basis, published, scores, tables
from lcinfer.products.run import Run
from lcinfer.records.stamp import uncommented
from lcinfer.text.latex import Latex
from lcinfer.text.styles import Csv, Html, Markdown
from lcinfer.training.networks.layers import layers

CONFIG = Path(__file__).parents[2] / "config"


def rows(text: str) -> list[list[str]]:
    """Head and body of a table as CSV."""
    return list(csv.reader(uncommented(text.splitlines())))


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    """Two trainings, one of them with two seeds."""
    settings = small_settings()
    training = settings["trainings"]["all_images"]
    settings["trainings"] = {
        "all_images": {**training, "repeats": 2},
        "one_image": {**training, "images": 1},
    }
    return whole_run(settings, tmp_path_factory.mktemp("paper") / "results")


def test_the_papers_configuration_gives_the_papers_table_1() -> None:
    run = Run(config.load(CONFIG / "config.yaml"))
    head, *body = rows(architecture.table(run, Csv()))
    assert head[-2:] == ["paper_data", "paper_weights"]
    data, weights = head.index("ten_images_data"), head.index("ten_images_weights")
    for row in body:
        if row[-2]:
            assert row[data] == row[-2], row
        if row[-1]:
            assert row[weights] == row[-1], row
    assert [row[0] for row in body[:12]] == [str(number) for number in range(1, 13)]
    assert [body[12][at] for at in (1, data, weights)] == [
        *("Total number of unknowns", "", "10023604")
    ]
    (rate,) = (row for row in body if row[1] == "Learning rate at the start")
    assert (rate[data], rate[-2]) == ("0.001", ""), "the paper does not print its own"


def test_table_1_is_read_off_the_network_and_keeps_what_only_one_of_them_has(run) -> None:
    head, *body = rows(architecture.table(run, Csv()))
    assert head[2:6:2] == ["all_images_data", "one_image_data"], "a program finds each training"
    assert [row[2:4] for row in body[:12]] == [row[4:6] for row in body[:12]]
    network = run.config.trainings["all_images"].network
    expected = layers(network, run.config.image_shape, 4)
    ours = [row for row in body[:12] if row[2]]
    assert [int(row[3] or 0) for row in ours] == [row.weights for row in expected]
    assert [row[1] for row in body[:12] if not row[2]] == [
        *("2D Convolution", "Max Pooling", "Fully connected", "Fully connected")
    ]


@pytest.mark.parametrize("style", [Csv(), Markdown()])
def test_a_layer_without_weights_is_empty_in_every_column_of_table_1(run, style) -> None:
    text = architecture.table(run, style)
    assert not {"0", "0 "} & {cell.strip() for cell in text.replace("|", ",").split(",")}


def test_networks_that_differ_have_columns_of_their_own() -> None:
    settings = small_settings()
    training = settings["trainings"]["all_images"]
    deeper = {**training, "network": {**training["network"], "dense": [8, 6, 5, 4]}}
    settings["trainings"]["deeper"] = deeper
    head, *body = rows(architecture.table(Run(config.parse(settings)), Csv()))
    assert head[2:6] == [
        *("all_images_data", "all_images_weights", "deeper_data", "deeper_weights")
    ]
    page = architecture.table(Run(config.parse(settings)), Markdown())
    assert "| `all_images`: data dimension | `all_images`: number of weights |" in page
    labels = [row[1] for row in body]
    assert labels.count("Fully connected") == 4, "also the one that neither of the others has"
    total = body[labels.index("Total number of unknowns")]
    for number, name in enumerate(("all_images", "deeper")):
        network = Run(config.parse(settings)).config.trainings[name].network
        assert int(total[3 + 2 * number]) == sum(it.weights for it in layers(network, (8, 40), 4))


def test_what_a_network_lacks_is_not_made_up() -> None:
    settings = small_settings()
    network = {
        "architecture": "filter_bank",
        "convolutions": [{"filters": 2, "kernel": 4}],
        "slices": 3,
        "dense": [8],
    }
    training = {**settings["trainings"]["all_images"], "network": network}
    training["optimiser"] = {"schedule": "cosine"}
    settings["trainings"] = {"bank": training}
    run = Run(config.parse(settings))
    _, *body = rows(architecture.table(run, Csv()))
    said = {row[1]: row for row in body}
    assert said["Size MaxPool filter"][2] == said["Max Pooling"][2] == ""
    assert said["Size convolution filter"][2] == "4x4"
    assert said["Learning rate patience"][2] == "cosine"
    rows_of = layers(run.config.trainings["bank"].network, run.config.image_shape, 4)
    assert said["Total number of unknowns"][3] == str(sum(row.weights for row in rows_of))


def test_table_2_has_the_mean_over_the_seeds_and_their_spread(run) -> None:
    head, *body = rows(scores.table(run, Csv()))
    assert len(body) == 2 * 2 * 4
    mean, spread, seeds = (head.index(it) for it in ("r2", "r2_sd_over_seeds", "seeds"))
    reached = []
    for label in ("all_images", "all_images.seed2"):
        found = read_predictions(run.evaluations[label].predictions)
        reached.append(r2(found.true, found.predicted.mean(axis=1)))
    for number, row in enumerate(body[4:8]):
        values = np.array(reached)[:, number]
        assert float(row[mean]) == pytest.approx(values.mean(), abs=6e-4)
        assert float(row[spread]) == pytest.approx(values.std(ddof=1), abs=6e-4)
        assert row[seeds] == "1 2" and row[3:5] == ["average", "4"]
    assert {row[spread] for row in body[8:]} == {""}, "one seed has no spread"


def test_one_seeds_interval_is_that_of_its_scores(run) -> None:
    head, *body = rows(scores.table(run, Csv()))
    low = head.index("r2_low")
    said = json.loads(run.evaluations["one_image"].scores.read_text())
    for prediction, part in (("one_image", body[8:12]), ("average", body[12:])):
        for row, score in zip(part, said[prediction].values(), strict=True):
            expected = [score["r2"], score["low"], score["high"]]
            assert [float(cell) for cell in row[low - 1 : low + 2]] == pytest.approx(
                expected, abs=6e-4
            )


def test_the_papers_numbers_stand_beside_single_images_alone(run) -> None:
    head, *body = rows(scores.table(run, Csv()))
    assert head[-2:] == ["paper_r2_10_images", "paper_r2_1_image"]
    by_parameter = {row[5]: row[-2:] for row in body[:4]}
    assert by_parameter["NU_X_THRESH"] == ["0.728", "0.531"]
    assert by_parameter["HII_EFF_FACTOR"] == ["0.955", "0.851"]
    assert all(row[-2:] == ["", ""] for row in body[4:8])


def test_table_2_for_readers_fits_a_page(tmp_path) -> None:
    settings = small_settings()
    vary = {"light_cones": [3, 4, 5], "images": [1, 2]}
    settings["sweeps"] = {"curve": {"training": "all_images", "vary": vary, "scored_on": "test"}}
    run = whole_run(settings, tmp_path / "results")
    page = scores.table(run, Markdown())
    head, _, *body = [line.strip("| ").split(" | ") for line in page.splitlines() if "|" in line]
    assert head[4:] == ["zeta", "log10(T_vir/K)", *head[6:7], "E_0 [keV]"]
    # A row per prediction of what the configuration names, and the paper's two.
    assert [row[0] for row in body] == ["`all_images`"] * 2 + [published.ELSEWHERE] * 2
    assert body[2][1:] == ["8000 × 10", "one image", "–", "0.955", "0.997", "0.987", "0.728"]
    assert len(rows(scores.table(run, Csv()))) == 1 + (1 + 6) * 2 * 4, "a program has them all"


def test_a_wide_table_spans_the_page_of_a_journal_and_breaks_its_sentences(run) -> None:
    for table in tables.TABLES.values():
        text = table(run, Latex())
        assert text.startswith("\\begin{table*}") and text.endswith("\\end{table*}")
        widths = [float(share) for share in re.findall(r"p\{([\d.]+)\\textwidth\}", text)]
        assert widths and sum(widths) < 0.7


@pytest.mark.parametrize("table", tables.TABLES.values(), ids=tables.TABLES)
def test_columns_have_names_that_a_data_frame_can_use(run, table) -> None:
    head, *body = rows(table(run, Csv()))
    assert len(set(head)) == len(head)
    assert all(name.isidentifier() and name == name.lower() for name in head)
    assert not {"-", "–", ".", "None"} & {cell for row in body for cell in row}


@pytest.mark.parametrize(
    "style", [Markdown(), Latex(), Csv(), Html()], ids=lambda it: type(it).__name__
)
@pytest.mark.parametrize("table", tables.TABLES.values(), ids=tables.TABLES)
def test_every_table_says_what_it_rests_on(run, table, style) -> None:
    text = " ".join(table(run, style).split())
    assert "12 light-cones (7 training, 2 validation, 3 test)" in text
    assert style.cells(8, 8, 40) in text
    assert "seed of the database 5, of the trainings 1, 2" in text
    assert published.ELSEWHERE in text


def test_nodes_of_21cmfast_are_counted() -> None:
    run = Run(config.load(CONFIG / "config.yaml"))
    assert " cells of 1.5 Mpc, 84 nodes" in basis.rests_on(run, Markdown())


def test_every_table_is_written_in_every_format_with_its_columns_in_order(run) -> None:
    assert sorted(tables.texts(run)) == sorted(run.summary.paper_tables)
    for name in tables.TABLES:
        head, *body = rows(run.summary.paper_table(name, "csv").read_text())
        assert all(len(row) == len(head) for row in body)
        latex = run.summary.paper_table(name, "tex").read_text()
        lines = [line for line in latex.splitlines() if line.endswith(r"\\")]
        (columns,) = {line.count(" & ") + 1 for line in lines}
        page = run.summary.paper_table(name, "html").read_text()
        cells = [line.count("<td>") or line.count("<th>") for line in page.split("<tr>")[1:]]
        assert cells == [columns] * len(lines)
        for_readers = run.summary.paper_table(name, "md").read_text()
        assert sum(line.startswith("|") for line in for_readers.splitlines()) == len(lines) + 1


def test_what_html_would_read_as_its_own_is_escaped() -> None:
    style = Html()
    assert style.text("< 1 % & more") == "&lt; 1 % &amp; more"
    assert style.code("a<b") == "<code>a&lt;b</code>"
    assert "&lt;" in style.symbol("L_X")


def test_the_page_of_r2_has_every_seed_and_parameter(run) -> None:
    page = run.summary.page.read_text()
    for label, evaluation in run.evaluations.items():
        assert page.count(f"<td><code>{label}</code></td>") == 2
        said = json.loads(evaluation.scores.read_text())
        for prediction in ("one_image", "average"):
            for score in said[prediction].values():
                cell = f"{score['r2']:.3f}<small>{score['low']:.3f} to {score['high']:.3f}</small>"
                assert cell in page
