"""The verb ``infer``: from an observed light-cone to its parameters."""

import argparse
from collections.abc import Callable
from pathlib import Path

from ..base.errors import UserError

Parser = argparse.ArgumentParser
SUFFIXES = (".csv", ".json")


def _infer(options: argparse.Namespace) -> None:
    _check_out(options.out)
    import torch

    from ..infer import recover
    from ..infer.files import observations

    if options.threads is not None:
        torch.set_num_threads(options.threads)
    inference = recover.load(
        options.checkpoint, options.device, options.evaluation, options.confidence
    )
    made = []
    for file in options.files:
        for observation in observations(
            file,
            options.redshifts,
            options.cell_size,
            options.dataset,
            inference.geometry.velocities,
        ):
            made.append(inference.recover(observation, options.batch or recover.BATCH))
            print(recover.table(made[-1], inference))
    if options.out is not None:
        recover.write(made, inference, options.out)


def _check_out(out: Path | None) -> None:
    if out is None:
        return
    if out.suffix not in SUFFIXES:
        raise UserError(f"--out {out}: should end in {' or '.join(SUFFIXES)}")
    if out.exists():
        raise UserError(f"--out {out}: exists, and is not overwritten: choose another name")


def whole_number(text: str) -> int:
    """A count, from the command line."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("should be 1 or more")
    return number


def share(text: str) -> float:
    """A share of a whole, from the command line."""
    number = float(text)
    if not 0 < number < 1:
        raise argparse.ArgumentTypeError("should lie between 0 and 1")
    return number


def add_verbs(verb: Callable[..., Parser]) -> None:
    """Add it to the command line, by its own means of adding a verb."""
    added = verb(
        "infer",
        _infer,
        "Infer the parameters of observed light-cones with a trained network.",
        "infer --checkpoint checkpoint.pt lightcone.h5 --out recovered.csv",
    )
    added.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="a py21cmfast light-cone (.h5), lightcones.zarr or lightcones.zarr:INDEX, or an array "
        "(x, y, line of sight) in mK: .npy, .npz, HDF5",
    )
    added.add_argument(
        "--checkpoint", type=Path, required=True, help="a finished training's, or its folder"
    )
    added.add_argument("--out", type=Path, help="write them here too: .csv or .json")
    added.add_argument(
        "--evaluation",
        type=Path,
        metavar="DIR",
        help="directory with the test set's predictions; default: looked for beside the training",
    )
    added.add_argument(
        "--confidence", type=share, default=0.68, help="share inside an interval (0.68)"
    )
    added.add_argument("--dataset", metavar="NAME", help="of an array: its name in .npz or HDF5")
    added.add_argument(
        "--redshifts",
        metavar="FILE",
        help="of an array: .npy, JSON or text, redshifts or MHz; or a name in the array's own file",
    )
    added.add_argument("--cell-size", type=float, metavar="MPC", help="of an array: comoving Mpc")
    added.add_argument("--batch", type=whole_number, help="images at a time; default: a few")
    added.add_argument("--threads", type=int, help="CPU threads")
    added.add_argument(
        "--device", choices=["cpu", "cuda"], help="default: the GPU when there is one"
    )
