"""Posteriors of a run, from networks and likelihoods, by their scores: CSV, a page, in words."""

from collections.abc import Mapping
from typing import Any

from ..config.parameters import shown
from ..likelihood.convergence import Chains
from ..text.styles import Html
from ..text.tables import aligned, comma_separated

LACKS = {"short_chains": "", "steps_needed": ""}  # of networks
Scored = Mapping[str, dict[str, Any]]
"""``scores.json`` by the training's name; of likelihoods the same."""
Sampled = Mapping[str, Chains]
"""The chains of likelihoods, of which verdicts are made, or else of mocks."""


def table(scored: Scored, chains: Sampled) -> str:
    """A line per training as CSV, columns named as a data frame's; parameters as py21cmfast's.

    Densities are in nats above the prior's; widths, of central 68% intervals, in the parameters'
    units; p values are of a test each, ``p`` is that of the gate. Where there are likelihoods,
    ``short_chains`` are those shorter than 50 autocorrelation times, and ``steps_needed`` would do.
    """
    rows = []
    for name, scores in scored.items():
        found, density = scores["calibration"], scores["log_density"]
        row = {
            "training": name,
            "test_light_cones": found["light_cones"],
            "log_density": f"{density['mean']:.4f}",
            "log_density_standard_error": f"{density['standard_error']:.4f}",
            "verdict": found["verdict"],
            "p": f"{found['p']:.4g}",
            "p_tarp": f"{found['tarp']:.4g}",
        }
        row |= {f"p_sbc_{of}": f"{p:.4g}" for of, p in found["sbc"].items()}
        row |= {
            f"coverage_{100 * float(level):.0f}_{of}": f"{share:.4f}"
            for level, shares in found["coverage"].items()
            for of, share in shares.items()
        }
        row |= {f"width_68_{of}": f"{width:.6g}" for of, width in scores["posterior_width"].items()}
        if scored.keys() & chains.keys():
            own = chains.get(name)
            row |= {"short_chains": own.short, "steps_needed": own.steps} if own else LACKS
        rows.append(row)
    return comma_separated([list(rows[0]), *(row.values() for row in rows)])


def page(scored: Scored, chains: Sampled, names: tuple[str, ...]) -> str:
    """A line per training as HTML, a column per parameter; of likelihoods that are not tested why
    there is none."""
    style = Html()
    rows = []
    for label, scores in scored.items():
        found, density = scores["calibration"], scores["log_density"]
        cells = [
            f"{scores['posterior_width'][name] * shown(name).scale:.3g}<small>"
            f"{_coverage(found, name)}, SBC p = {found['sbc'][name]:.2g}</small>"
            for name in names
        ]
        rows.append(
            [
                style.code(label),
                style.spread(f"{density['mean']:.2f}", f"{density['standard_error']:.2f}"),
                f"{found['verdict']}: {style.text(_reason(found))}{_short(style, label, chains)}",
                *cells,
            ]
        )
    nothing = [style.nothing] * len(names)
    rows += [
        [
            style.code(name),
            style.nothing,
            style.text(f"none: {_why(name)}") + _short(style, name, chains),
            *nothing,
        ]
        for name in chains
        if name not in scored
    ]
    counts = sorted({scores["calibration"]["light_cones"] for scores in scored.values()})
    gate = next(iter(scored.values()))["calibration"]
    levels = " and ".join(f"{float(level):.0%}" for level in gate["coverage"])
    caption = (
        f"Posteriors of {' or '.join(map(str, counts))} test light-cones: the mean logarithm of "
        "their density at the truth, in nats above that of the prior; whether they are calibrated, "
        f"by SBC and TARP at {gate['false_alarms']:.0%} false alarms together; the mean width of "
        f"their central 68% intervals, and below it how many truths lie in those of {levels}."
    )
    head = ["Posterior", "Mean log density", "Calibration", *map(style.quantity, names)]
    return f"{style.table(head, rows, caption)}\n"


def lines(scored: Scored, chains: Sampled) -> list[str]:
    """A line per training for a terminal, and per likelihood; then whose chains are too short."""
    head = ["posterior of", "log density [nats]", "calibration", ""]
    rows = []
    for name, scores in scored.items():
        density, found = scores["log_density"], scores["calibration"]
        told = f"{density['mean']:.2f} ± {density['standard_error']:.2f}"
        rows.append([name, told, found["verdict"], _reason(found)])
    rows += [[name, "", "none", _why(name)] for name in chains if name not in scored]
    short = [f"{name}: {said}" for name, of in chains.items() if (said := of.told(name))]
    return [*(line.rstrip() for line in aligned([head, *rows], left=None)), *short]


def _reason(found: dict[str, Any]) -> str:
    """That of the verdict, with parameters as tables have them."""
    reason: str = found["reason"]
    for name in found["sbc"]:
        reason = reason.replace(name, shown(name).text)
    return reason


def _why(name: str) -> str:
    return f"sampled for mocks alone; mcmc.{name}.test asks for the test light-cones too"


def _short(style: Html, name: str, chains: Sampled) -> str:
    said = chains[name].told(name) if name in chains else ""
    return f"<small>{style.text(said)}</small>" if said else ""


def _coverage(found: dict[str, Any], name: str) -> str:
    return ", ".join(f"{shares[name]:.0%}" for shares in found["coverage"].values())
