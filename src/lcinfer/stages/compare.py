"""What the rule `compare` does: the trials of a sweep in, their table and the best one out."""

from ..base import durable
from ..evaluation import trials
from ..products.networks import SweepRun
from ..records.record import recorded
from ..records.stamp import comment, stamp
from .evaluate import evaluate_network


def compare_trials(run: SweepRun, threads: int | None = None, device: str | None = None) -> None:
    """Rank the trials of a study and evaluate the best, or gather those of a learning curve.

    A study's test set is read here, once, for the best trial alone.
    """
    with recorded(run, "compare", run.outputs, run.needed):
        tried = trials.results(run)
        if run.sweep.scored_on == "validation":
            best = run.evaluations[trials.best(tried).run.directory.name]
            if not best.scores.exists():
                evaluate_network(best, threads, device)
        stamped = stamp(run)
        durable.write_text(run.table, comment(stamped) + trials.table(run, tried))
        outcome = {**trials.outcome(run, tried), "provenance": stamped}
        durable.write_json(run.outcome, outcome)
