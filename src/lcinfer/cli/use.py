"""Verbs for results: ``scores``, ``infer``, ``audit``."""

from argparse import Namespace
from dataclasses import replace
from pathlib import Path

from ..base.errors import UserError
from .arguments import (
    CONFIG,
    DEVICE,
    JSON,
    READERS,
    RESULTS,
    as_json,
    choose,
    count,
    natural,
    number,
    planned,
    run_of,
)
from .verbs import Verbs

SHARE = number(float, lambda value: 0 < value < 1, "a number between 0 and 1")
TOLERANCE = number(float, lambda value: value >= 0, "a number, 0 or more")
SUFFIXES = {"--out": (".csv", ".json"), "--samples": (".csv", ".npz", ".zarr.zip")}


def _scores(options: Namespace) -> None:
    """Print a finished run's R2, and where its results are."""
    from ..stages import scored

    print(scored.for_terminal(run_of(options)))


def _infer(options: Namespace) -> None:
    """Infer the parameters of observed light-cones with a trained network."""
    _check_new("--out", options.out)
    _check_new("--samples", options.samples)
    checkpoint, files = _network_and_files(options)
    import torch

    from ..infer import recover
    from ..infer.files import observations
    from ..infer.posterior import NO_POSTERIOR

    if options.threads is not None:
        torch.set_num_threads(options.threads)
    inference = recover.load(checkpoint, options.device, options.evaluation, options.confidence)
    if options.samples is not None and not inference.gives_posterior:
        raise UserError(f"--samples: {NO_POSTERIOR}")
    made = []
    for file in files:
        for observation in observations(
            file,
            options.redshifts,
            options.cell_size,
            options.dataset,
            inference.geometry.velocities,
        ):
            if options.instrument is not None:
                observation = replace(observation, instrument=options.instrument)
            made.append(inference.recover(observation, options.batch or recover.BATCH))
            print(recover.table(made[-1], inference))
    if options.out is not None:
        recover.write(made, inference, options.out)
    if options.samples is not None:
        recover.write_samples(made, options.samples)


def _network_and_files(options: Namespace) -> tuple[Path, list[str]]:
    """A checkpoint, and files of light-cones, from either way of naming them."""
    named = 2 * (options.checkpoint is None)
    if len(options.files) <= named:
        raise UserError("infer takes CONFIG TRAINING FILE..., or --checkpoint CHECKPOINT FILE...")
    if options.checkpoint is not None:
        return options.checkpoint, options.files
    config, training, *files = options.files
    run = run_of(Namespace(config=Path(config), results=options.results))
    if training in run.mcmc:
        raise UserError(run.mcmc[training].no_network)
    chosen = choose(run.trainings, training, "training")
    if not chosen.trained.exists():
        raise UserError(f"{chosen.directory}: this training is not finished; `snakemake` makes it")
    return chosen.checkpoint, files


def _check_new(option: str, out: Path | None) -> None:
    """Refuse a file that an option cannot write."""
    if out is None:
        return
    if not out.name.endswith(SUFFIXES[option]):
        raise UserError(f"{option} {out}: should end in {' or '.join(SUFFIXES[option])}")
    if out.exists():
        raise UserError(f"{option} {out}: exists, and is not overwritten: choose another name")
    out.parent.mkdir(parents=True, exist_ok=True)  # or say now why not


def _audit(options: Namespace) -> None:
    """Walk back from a result to voxels, configuration and code, and check every link."""
    from ..audit.audit import audit
    from ..audit.walk import Depth

    depth = Depth(
        repredict=options.repredict,
        resimulate=options.resimulate,
        seed=options.seed,
        tolerance=options.tolerance,
        threads=options.threads,
        decode=options.decode,
    )
    result = options.result
    if result.suffix in (".yaml", ".yml"):
        options.config = result
        result = planned(options).summary.directory
        if not result.exists():
            raise UserError(f"{options.config}: its run is not finished: audit one of its products")
    report = audit(result, options.results, depth)
    print(as_json(report) if options.json else report.text(everything=options.all))
    if not report.holds:
        raise SystemExit(1)


def add_verbs(verbs: Verbs) -> None:
    """Add them to the command line."""
    verbs.add(_scores, "config/demo.yaml", CONFIG)
    added = verbs.add(
        _infer, "config/demo.yaml all_images lightcone.h5 --out recovered.csv", RESULTS, DEVICE
    )
    added.usage = (
        "%(prog)s [options] CONFIG TRAINING FILE [FILE ...]\n"
        "       %(prog)s [options] --checkpoint CHECKPOINT FILE [FILE ...]"
    )
    added.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        help="a py21cmfast light-cone (.h5), lightcones.zarr or lightcones.zarr:INDEX, or an array "
        "(x, y, line of sight) in mK: .npy, .npz, HDF5",
    )
    added.add_argument(
        "--checkpoint", type=Path, help="a finished training's, or its folder, of no configuration"
    )
    added.add_argument("--out", type=Path, help="write them here too: .csv or .json")
    added.add_argument(
        "--samples",
        type=Path,
        help="write samples of the posterior here: .csv, .npz, or .zarr.zip for xarray",
    )
    added.add_argument(
        "--evaluation",
        type=Path,
        metavar="DIR",
        help="directory with the test set's predictions; default: looked for beside the training",
    )
    added.add_argument(
        "--confidence", type=SHARE, default=0.68, help="share inside an interval (0.68)"
    )
    added.add_argument("--dataset", metavar="NAME", help="of an array: its name in .npz or HDF5")
    added.add_argument(
        "--redshifts",
        metavar="FILE",
        help="of an array: .npy or text, redshifts or MHz; or a name in the array's own file",
    )
    added.add_argument("--cell-size", type=float, metavar="MPC", help="of an array: comoving Mpc")
    added.add_argument(
        "--instrument",
        metavar="NAME",
        help="which has seen them, as the network's training names it; default: none has",
    )
    added.add_argument("--batch", type=count, help="images at a time; default: a few")
    added = verbs.add(_audit, "config/demo.yaml", RESULTS, READERS, JSON)
    added.add_argument(
        "result",
        type=Path,
        metavar="RESULT",
        help="a figure, a table, scores.json, a checkpoint, a product's directory, or a finished "
        "run's configuration",
    )
    added.add_argument("--all", action="store_true", help="print what holds too, and who made it")
    added.add_argument(
        "--repredict", action="store_true", help="normalise and predict again from images"
    )
    added.add_argument(
        "--resimulate",
        type=natural,
        default=0,
        metavar="K",
        help="simulate K light-cones again; one that was made on a GPU or in a batch may differ by "
        "0.1 mK rms",
    )
    added.add_argument("--seed", type=natural, default=0, help="decides which of them")
    added.add_argument(
        "--tolerance",
        type=TOLERANCE,
        default=0.01,
        metavar="mK",
        help="largest difference of a light-cone that another build simulates again "
        "(default: %(default)s)",
    )
    added.add_argument(
        "--decode",
        action="store_true",
        help="decode every light-cone and cut its images anew, also where files are as written",
    )
