"""The kinds of products: the fingerprint, the directory, the files of each.

    results/lightcones/<name>-<fp>/     a database, or a mock's
    results/images/<name>-<fp>/         its images
    results/spectra/<name>-<fp>/        their power spectra
    results/trainings/<name>-<fp>/      a trained network
    results/evaluations/<name>-<fp>/    its predictions and scores
    results/mcmc/<name>-<fp>/           posteriors from a likelihood of spectra
    results/figures/<name>-<fp>/        plots
    results/runs/<run name>-<fp>/       what a configuration says: tables, report, manifest

A file whose name ends in a number of realisations, and that number decides it, is a marker
that Snakemake sees; the data beside it grow and are never its outputs. A marker that may do
without failed realisations says in its name after how many attempts they were given up: to
allow more attempts, or no failure, asks for other markers, and for other trainings.
"""

from .databases import INPUTS, LightCones
from .mcmc import McmcRun
from .networks import EvaluationRun, SweepRun, TrainingRun
from .product import Product
from .shown import FigureSet, Summary

KINDS: dict[str, type[Product]] = {
    each.kind: each
    for each in list[type[Product]](
        [LightCones, *INPUTS, TrainingRun, EvaluationRun, SweepRun, McmcRun, FigureSet, Summary]
    )
}
"""Every kind by its folder, in the order in which they are made."""
