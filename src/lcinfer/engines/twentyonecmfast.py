"""21cmFAST, which makes light-cones where a configuration names no other engine."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from ..config.sections import Simulation, Simulator
from ..simulator import installation
from ..simulator.lightcone import Simulate
from ..text.styles import Style
from .engine import Scaling
from .gm18 import CODE, MODEL, GM18Engine

# What light-cones of one database cannot differ in, and why, beside what no engine varies.
FIXED = {
    **dict.fromkeys(  # its distances are those of hlittle and OMm whatever these are
        ("OMn", "OMk", "OMr", "OMtot", "wl"),
        "distances and redshifts of a database's cells are those of flat LambdaCDM",
    ),
    **dict.fromkeys(
        ("DIM", "HIRES_TO_LOWRES_FACTOR", "LOWRES_CELL_SIZE_MPC", "NON_CUBIC_FACTOR"),
        "a database's light-cones have one box, which database.box sets",
    ),
    **dict.fromkeys(
        ("Z_HEAT_MAX", "ZPRIME_STEP_FACTOR"),
        "the nodes of the evolution are those that database.simulator sets, for all light-cones",
    ),
    "A_s": "database.cosmology sets SIGMA_8 in its place, which a prior may vary",
    "N_THREADS": "it changes the random numbers and no physics; database.simulator.threads sets it",
}


class TwentyOneCmFast(GM18Engine):
    """The model of Greig & Mesinger 2018 on the 21cmFAST that is installed."""

    name = "21cmfast"
    modules = ("py21cmfast",)
    packages = ("21cmfast",)
    # 4.1.1+gm18.1, one thread, by `python benchmarks/scaling.py`.
    scaling = Scaling(
        node=0.15,
        cell=2.8e-6,
        hires_cell=0.044e-6,
        measured="21cmFAST's scaling as measured for docs/planning.md",
    )

    def version(self) -> str:
        return installation.installed()

    def load(self, device: str = "cpu") -> Simulate:
        """See :class:`Engine`; it has CPUs alone."""
        from ..simulator.gm18 import simulate

        return simulate

    def refusals(self, simulation: Simulation, varied: Collection[str]) -> Iterator[str]:
        """See :class:`Engine`: a box that is too small, and what is one for a database."""
        yield from super().refusals(simulation, varied)
        for name in sorted(FIXED.keys() & varied):
            yield f"database.prior: {name} cannot be varied: {FIXED[name]}"
        for name in sorted(FIXED.keys() & simulation.simulator.options.keys()):
            yield f"database.simulator.options: {name} cannot be set: {FIXED[name]}"

    def check_version(self, simulator: Simulator) -> None:
        installation.check_version(simulator)

    def ask(
        self, simulation: Simulation, tried: Mapping[str, Sequence[Mapping[str, float]]]
    ) -> str:
        """See :class:`Engine`: what its library computes. Answers are kept."""
        found = installation.check_library(simulation.simulator)
        installation.check_physics(simulation, tried)
        return str(found)

    def check_loaded(self, simulator: Simulator) -> None:
        """See :class:`Engine`: its version, and what its library computes."""
        from ..simulator.probe import probe

        installation.check_version(simulator)
        installation.check_library(simulator, probe)

    def made(self, record: Mapping[str, Any]) -> str:
        """See :class:`Engine`: every line has it among its versions."""
        return str(record.get("versions", {}).get("21cmfast", "of no recorded version"))

    def described(self, versions: str, style: Style) -> str:
        corrected = " with lcinfer's corrections" * (installation.PATCHED in versions)
        return (
            f"21cmFAST {style.text(versions)} {style.cite(*CODE)}{corrected}, in the model of "
            f"{style.cite_in_text(MODEL)}"
        )
