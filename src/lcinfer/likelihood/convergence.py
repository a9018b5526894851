"""Whether chains are long enough: fifty autocorrelation times, as emcee's authors advise."""

import json
import math
from dataclasses import dataclass

from ..products.mcmc import McmcRun

ENOUGH = 50  # autocorrelation times that a chain must last


@dataclass(frozen=True)
class Chains:
    """How long chains of some light-cones are, and should be."""

    count: int
    short: int
    """How many are too short."""
    steps: int
    """That would do for all of them."""

    def told(self, name: str) -> str:
        """What is to be said of them, and which key of `mcmc.NAME` mends it; of enough nothing."""
        if not self.short:
            return ""
        return (
            f"{self.short} of {self.count} chains are shorter than {ENOUGH} autocorrelation times: "
            f"mcmc.{name}.most_steps: {self.steps} would do"
        )


def required_steps(autocorrelation: float) -> int:
    """Steps of a chain that is long enough."""
    return math.ceil(ENOUGH * autocorrelation)


def chains_of(run: McmcRun, test: bool) -> Chains:
    """The chains of the test light-cones, or those of all mocks, as ``mcmc.json`` tells of them."""
    sampled = json.loads(run.outcome.read_bytes())["posteriors"]
    these = [said for name, said in sampled.items() if (name == "test") == test]
    return Chains(
        count=sum(said["light_cones"] for said in these),
        short=sum(said["light_cones"] - said["converged"] for said in these),
        steps=max((required_steps(said["autocorrelation_steps"]) for said in these), default=0),
    )
