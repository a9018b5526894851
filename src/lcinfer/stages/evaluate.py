"""What the rule `evaluate` does: a trained network in, its predictions and scores out."""

from ..base import durable
from ..base.device import computed_on, use_threads
from ..evaluation.calibration import scores_of
from ..evaluation.evaluate import scores_from, write_predictions
from ..evaluation.posteriors import write_posteriors
from ..evaluation.predict import Guess, load_trained, posteriors, predict
from ..images import cutting as images
from ..images.sets import divide, left_out
from ..products.networks import EvaluationRun
from ..records.record import recorded
from ..records.stamp import stamp
from ..training.checkpoint import check_identity, identity_of
from .train import say_left_out


def evaluate_network(
    run: EvaluationRun, threads: int | None = None, device: str | None = None
) -> None:
    """Predict and score the test light-cones; predict every mock."""
    use_threads(threads)
    seals = (inputs.sealed for inputs in (run.training.inputs, *run.mocks))
    stamped = stamp(run)
    with recorded(run, "evaluate", run.outputs, (run.training.checkpoint, *seals)) as more:
        trained = load_trained(run.training.checkpoint)
        labelled = images.open_labelled(run.training.inputs)
        split, failed = run.training.split, labelled.failed
        check_identity(trained, identity_of(run.training, failed), run.training.checkpoint)
        say_left_out(run.training, failed)
        sets = divide(split, labelled.light_cones, failed)
        test = sets.test
        tested = predict(trained, labelled, test, device)
        for name, mock in run.mock_inputs.items():
            light_cones = range(mock.realizations)
            recovered = predict(trained, images.open_labelled(mock), light_cones, device)
            write_predictions(recovered, run.mock_predictions(name), stamped)
        write_predictions(tested, run.predictions, stamped)
        scores = {**scores_from(tested, run.evaluation), "provenance": stamped}
        if missing := run.training.lacks(failed):
            scores["left_out"] = left_out(split, missing)
        if run.has_posterior:
            guess = Guess.fitted(labelled, sets.validation)
            whole = posteriors(trained, labelled, test, run.evaluation, guess, device)
            for name, mock in run.mock_inputs.items():
                found = posteriors(
                    trained,
                    images.open_labelled(mock),
                    range(mock.realizations),
                    run.evaluation,
                    guess,
                    device,
                )
                write_posteriors(found, run.mock_posterior(name), stamped)
            write_posteriors(whole, run.posterior, stamped)
            scores |= scores_of(whole, run.evaluation)
        durable.write_json(run.scores, scores)
        more |= computed_on(device)
