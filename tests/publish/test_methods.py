"""The methods section: what is recorded, in both styles, and nothing else."""

import json
import re
import shutil
from pathlib import Path

import pytest

from lcinfer import cli
from lcinfer.engines import REGISTERED
from lcinfer.engines.twentyonecmfast import TwentyOneCmFast
from lcinfer.lightcones import journal
from lcinfer.planning.cost import nodes
from lcinfer.publish import methods
from lcinfer.publish.recorded import Recorded, open_run
from lcinfer.records.record import processor
from lcinfer.text.citations import REFERENCES
from lcinfer.text.latex import Latex
from lcinfer.text.styles import Markdown

STYLES = [Markdown(), Latex()]


@pytest.fixture(scope="module")
def opened(published) -> Recorded:
    return open_run(published.summary.directory, Path())


def test_the_paragraph_says_what_the_run_was(opened) -> None:
    text = methods.text(opened, Markdown())
    for part in (
        "We simulated 12 light-cones",
        "the engine `support.standin:simulate`, version 1",
        "independent uniform draws over zeta in [10, 250]",
        "E_0 in [0.1, 1.5] keV",
        "8 × 8 × 40 cells of 6 Mpc (comoving), from redshift 6.00 to ",
        "a periodic box of 48 Mpc, on a grid of 24 × 24 × 24 cells",
        "h = 0.68, Ω_m = 0.31, Ω_b = 0.048, n_s = 0.97 and σ_8 = 0.81",
        "4 images of 8 × 40 cells",
        "7 for training, 2 for validation and 3 for testing",
        "2 of FAINT (zeta = 30, log10(T_vir/K) = 4.69897, ",
        "E_0 = 0.5 keV)",
        "1,924 weights",
        "4 images of each light-cone for 2 epochs, in batches of 4",
        f"in 12 simulations, on 1 host ({processor()}).",
        "- Gillet et al. 2019, MNRAS, 484, 282",
    ):
        assert part in text
    assert "21cmFAST" not in text  # it did not simulate these
    assert "21cmfast" not in text


def test_the_table_has_the_versions_that_are_recorded(opened) -> None:
    text = methods.text(opened, Markdown())
    for name, versions in opened.versions.items():
        if name != "21cmfast":
            assert f"| Version of {name} | {' and '.join(versions)} |" in text


def test_light_cones_of_21cmfast_cite_it_and_its_model(opened, monkeypatch) -> None:
    monkeypatch.setitem(REGISTERED, "support.standin:simulate", TwentyOneCmFast())
    text = methods.text(opened, Latex())
    [version] = opened.versions["21cmfast"]
    assert f"21cmFAST {version} \\citep{{Mesinger2011,Murray2020}}" in text
    assert "in the model of \\citet{GreigMesinger2018}" in text
    cited = re.findall(r"\\cite[pt]\{([^}]*)\}", text)
    keys = {key for several in cited for key in several.split(",")}
    assert keys == set(re.findall(r"\\bibitem\[[^]]*\]\{([^}]*)\}", text))
    assert keys == set(methods.cited(opened))


def test_what_is_not_varied_and_the_nodes_are_told(opened, monkeypatch) -> None:
    monkeypatch.setitem(REGISTERED, "support.standin:simulate", TwentyOneCmFast())
    options = opened.run.config.database.simulator.options
    monkeypatch.setitem(options, "Y_He", 0.25)
    text = methods.text(opened, Markdown())
    assert (
        "Not varied are N_gamma = 4361, R_mfp = 15 Mpc, alpha_X = 1, `USE_TS_FLUCT = True`" in text
    )
    assert "`Y_He = 0.25`" in text and "Y_He = 0.245" not in text, "an option is told as one"
    count = nodes(opened.run.config.database)
    assert f"The evolution has {count} nodes, from one to the next of which 1 + z falls by" in text
    assert f"| Nodes of the evolution | {count} |" in text
    assert "| R_mfp | 15 Mpc |" in text and "| Peculiar velocities | `" in text


def test_of_files_that_were_adopted_nothing_of_the_kind_is_made_up(opened) -> None:
    text = methods.text(opened, Markdown())  # nor of another engine's light-cones
    for word in ("Not varied", "nodes", "Peculiar velocities"):
        assert word not in text


@pytest.mark.parametrize(
    ("hours", "said"),
    [(0.0478, "2.9 core-minutes"), (2, "2 core-hours"), (1e-4, "0.36 core-seconds")],
)
def test_a_cost_is_told_in_a_unit_that_suits_it(hours: float, said: str) -> None:
    assert methods.core_hours(hours, Markdown()) == said


def test_every_reference_is_an_entry_of_bibtex_with_its_key(published, capsys) -> None:
    cli.main(["methods", str(published.summary.directory), "--bibtex"])
    printed = capsys.readouterr().out
    assert printed.startswith("@article{Gillet2019,\n  author = {Gillet, Nicolas and")
    for key, paper in REFERENCES.items():
        entry = paper.bibtex(key)
        assert entry.startswith(f"@article{{{key},") and entry.count("{") == entry.count("}")
        for field in ("author", "title", "journal", "year", "volume", "pages", "doi", "eprint"):
            assert re.search(rf"^  {field} = {{.+}},$", entry, re.MULTILINE), field


@pytest.mark.parametrize(
    ("velocities", "said"),
    [
        ("none", "are left out"),
        ("gradient", r"enter through their gradient in the 21-cm optical depth \citep{Mao2012}."),
        ("both", r"\citep{Mao2012} and move the cells of a light-cone to redshift space."),
        ("subcell", "both in the coeval boxes."),
    ],
)
def test_how_velocities_enter_is_told(opened, monkeypatch, velocities, said) -> None:
    monkeypatch.setitem(REGISTERED, "support.standin:simulate", TwentyOneCmFast())
    monkeypatch.setattr(type(opened.run.config.database.simulator), "treatment", velocities)
    text = methods.text(opened, Latex())
    assert "Peculiar velocities " in text and said in text
    assert ("Mao2012" in text) == (velocities != "none")


def test_which_density_spin_temperatures_follow_is_told(opened, monkeypatch) -> None:
    said = "Spin temperatures follow the density at redshift 6.00, scaled by linear growth."
    monkeypatch.setitem(REGISTERED, "support.standin:simulate", TwentyOneCmFast())
    assert said not in methods.text(opened, Latex())
    simulator = opened.run.config.database.simulator
    monkeypatch.setitem(simulator.__dict__, "thermal_density", "scaled")
    assert said in methods.text(opened, Latex())


def test_options_are_named(opened) -> None:
    assert r"Options that we set are \texttt{N\_POISSON = -1}." in methods.text(opened, Latex())


def test_failed_simulations_are_told_with_their_cost(copied) -> None:
    lines = journal.Journal(copied.database.journal, "later-0")
    lines.append({"index": 3, "began": 1.0, "seconds": 7200.0, "error": "too long"})
    lines.close()
    text = methods.text(open_run(copied.summary.directory, Path()), Markdown())
    assert (
        "The database cost 2 core-hours in 13 simulations, 1 of which failed (2 core-hours)" in text
    )
    assert "| Simulations, failed ones included | 2 core-hours |" in text


def test_what_is_not_recorded_is_left_out(copied) -> None:
    for product in copied.by_directory.values():
        shutil.rmtree(product.directory / "provenance")
    shutil.rmtree(copied.summary.directory / "provenance")
    for path in copied.root.glob("lightcones/*/journal/*.jsonl"):
        records = [json.loads(line) for line in path.read_text().splitlines()]
        for record in records:
            for key in ("host", "cpu", "python", "versions", "code"):
                del record[key]
        path.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    text = methods.text(open_run(copied.summary.directory, Path()), Markdown())
    assert "We simulated 12 light-cones" in text
    assert "This took" not in text
    assert "torch" not in text
    assert "in 12 simulations." in text
    assert "None" not in text
    for row in ("| Training a network |", "| Code |", "| Version of "):
        assert row not in text


def test_no_cost_is_made_up_for_light_cones_of_which_none_is_known(copied) -> None:
    for path in copied.database.journal.glob("*.jsonl"):
        records = [json.loads(line) for line in path.read_text().splitlines()]
        for record in records:
            del record["began"], record["seconds"], record["cpu_seconds"], record["cpus"]
        path.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    text = methods.text(open_run(copied.summary.directory, Path()), Markdown())
    assert "The database cost" not in text
    assert "The mock FAINT cost" in text


def test_the_table_of_r2_is_that_of_the_scores(opened) -> None:
    evaluation = next(iter(opened.run.evaluations.values()))
    scores = json.loads(evaluation.scores.read_text())["one_image"]
    text = methods.text(opened, Markdown(), scores=True)
    value, low, high = (f"{scores['L_X'][key]:.3f}" for key in ("r2", "low", "high"))
    assert f" | {value} ({low} to {high}) | " in text
    assert "R2" not in methods.text(opened, Markdown())


def test_the_latex_is_balanced_and_escaped(opened) -> None:
    text = methods.text(opened, Latex(), scores=True)
    assert text.count("$") % 2 == 0
    depth = 0
    for character in text.replace("\\{", "").replace("\\}", ""):
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    begun = re.findall(r"\\begin\{(\w+)\}", text)
    assert sorted(begun) == sorted(re.findall(r"\\end\{(\w+)\}", text))
    plain = re.sub(r"\$[^$]*\$", "", text)  # outside of mathematics
    assert not re.search(r"(?<!\\)[_^#]", plain)
    assert not re.search(r"(?<!\\)%", plain)
    assert text.isascii()
    for rows in re.findall(r"\\begin\{tabular\}\{(l+)\}(.*?)\\end\{tabular\}", text, re.DOTALL):
        lines = [line for line in rows[1].splitlines() if line.endswith(r"\\")]
        assert {line.count("&") + 1 for line in lines} == {len(rows[0])}


def test_numbers_have_their_units_behind_a_thin_space() -> None:
    assert Latex().number(300, "Mpc") == r"$300\,\mathrm{Mpc}$"
    assert Latex().number(1e-7) == "$10^{-7}$"
    assert Latex().number(2.5e-7) == r"$2.5 \times 10^{-7}$"
    assert Latex().interval(0.1, 1.5, "keV") == r"$[0.1, 1.5]\,\mathrm{keV}$"
    assert Latex().count(10_023_604) == r"10\,023\,604"
    assert Latex().text("a_b & 5% of {x}") == r"a\_b \& 5\% of \{x\}"


@pytest.mark.parametrize("style", STYLES)
def test_both_styles_say_the_same(opened, style) -> None:
    text = methods.text(opened, style, scores=True)
    for part in (
        "We simulated",
        "The cosmology is flat",
        "seed 5",
        "The run in numbers",
        "2 epochs",
    ):
        assert part in text


def test_the_verb_prints_either_style(published, capsys) -> None:
    directory = str(published.summary.directory)
    cli.main(["methods", directory])
    assert "| Quantity | Value |" in capsys.readouterr().out
    cli.main(["methods", directory, "--latex", "--scores"])
    printed = capsys.readouterr().out
    assert (printed.count(r"\begin{table}"), printed.count(r"\begin{table*}")) == (1, 1)
