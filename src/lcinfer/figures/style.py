"""What all figures share: type, sizes, the 21-cm colour map, and how they are saved."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axis import Axis
from matplotlib.colors import LinearSegmentedColormap, TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ..base.durable import written_aside
from ..base.errors import UserError
from ..config.sections import Figures

METHODS = ("#12508f", "#d55e00", "#009e73", "#cc79a7")  # networks or parameters, one beside another
COLUMN, PAGE = 3.32, 6.97  # widths of MNRAS' column and page in inches

PAPER: dict[Any, Any] = {
    # STIX comes with matplotlib, so figures look the same on every machine.
    "font.family": "STIXGeneral",
    "mathtext.fontset": "stix",
    "font.size": 9.0,
    "axes.labelsize": 9.0,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "legend.fontsize": 8.0,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.0,
    "legend.frameon": False,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "pdf.fonttype": 42,  # journals refuse Type 3
    "svg.hashsalt": "lcinfer",  # else identifiers in an SVG are drawn at random
}

# py21cmfast's "EoR" colours. Its stops lie on one scale whose black is at 0.86; here each
# side of zero has its own, so that 0 mK is black whatever the ends are.
_ABSORPTION = ((0.0, "white"), (0.21, "yellow"), (0.42, "orange"), (0.63, "red"), (0.86, "black"))
_EMISSION = ((0.90, "blue"), (1.0, "cyan"))
BRIGHTNESS = LinearSegmentedColormap.from_list(
    "brightness",
    [(0.5 * at / 0.86, colour) for at, colour in _ABSORPTION]
    + [(0.5 + 0.5 * (at - 0.86) / 0.14, colour) for at, colour in _EMISSION],
    N=1025,  # odd, so that zero has a colour of its own
)


@contextmanager
def paper() -> Iterator[None]:
    """The style of the figures, whatever the user's own settings are, for a while."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(PAPER)
        yield


def plain_numbers(axis: Axis) -> None:
    """Ticks of a logarithmic axis at round numbers as one says them: 0.2, not 2 x 10^-1."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))  # an even one, if these are too few
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def brightness_norm(brightness_range: tuple[float, float]) -> TwoSlopeNorm:
    """From brightness temperature in mK to ``BRIGHTNESS``, whose black is at 0 mK.

    Args:
        brightness_range: ends of the scale in mK; they need not enclose zero.

    Raises:
        UserError: if the lower end is not below the upper one.
    """
    low, high = brightness_range
    if not low < high:
        raise UserError(f"figures.brightness_range: low {low:g} mK is not below high {high:g} mK")
    # A scale that keeps to one sign only uses its side of the map.
    least = 1e-3 * (high - low)
    return TwoSlopeNorm(0.0, vmin=min(low, -least), vmax=max(high, least))


def save(figure: Figure, stem: Path, settings: Figures, metadata: Mapping[str, str]) -> list[Path]:
    """Write a figure in every configured format; the same figure gives the same bytes.

    Each file is written aside and moved, so one that is there is whole.

    Args:
        figure: what to write.
        stem: path without the ending, which is the format's.
        settings: formats and dots per inch.
        metadata: where the figure comes from. A PNG holds each entry as text of its own;
            a PDF's Subject and an SVG's description hold all of them as JSON, because
            these formats know only a few keys.

    Returns:
        The files, in the order of ``settings.formats``.
    """
    paths = []
    for kind in settings.formats:
        path = stem.with_name(f"{stem.name}.{kind}")
        with written_aside(path) as file, paper():
            figure.savefig(file, format=kind, dpi=settings.dpi, metadata=_embedded(kind, metadata))
        paths.append(path)
    return paths


def _embedded(kind: str, metadata: Mapping[str, str]) -> dict[str, str | None]:
    """Metadata as matplotlib's writer of a format takes it, without the time of writing."""
    if kind == "png":
        return dict(metadata)
    text = json.dumps(dict(metadata), sort_keys=True)
    if kind == "pdf":
        return {"Subject": text, "CreationDate": None}
    return {"Description": text, "Date": None}
