"""When a rank stops taking work: a signal, or too little time left.

SIGUSR1 (what SLURM sends ahead of a job's limit) lets the simulations under way end; SIGTERM
(a cancelled or preempted job, seconds before SIGKILL) abandons them. Neither tears a write.
"""

import os
import signal
import time
from types import FrameType

# SLURM says when it will end a job; another scheduler's script can set it too.
END_OF_JOB = "SLURM_JOB_END_TIME"
MARGIN = 1.25  # a simulation may take so much longer than those before it


class Stopping:
    """One rank's view of when to stop."""

    def __init__(self) -> None:
        """Take over SIGTERM and SIGUSR1 of this process."""
        self.reason: str | None = None
        self.abandon = False
        end = os.environ.get(END_OF_JOB, "")
        self._end = float(end) if end.isdigit() else None
        for number in (signal.SIGTERM, signal.SIGUSR1):
            signal.signal(number, self._on_signal)

    def before(self, expected_seconds: float, light_cones: int = 1) -> bool:
        """Whether to stop rather than begin so many light-cones, each expected to take so long."""
        if self.reason is None and self._end is not None:
            left = self._end - time.time()
            if left < MARGIN * light_cones * expected_seconds:
                each = (
                    "each of a batch of " + str(light_cones) if light_cones > 1 else "a light-cone"
                )
                self.reason = (
                    f"the job ends in {max(left, 0):.0f} s and {each} takes "
                    f"{expected_seconds:.0f} s"
                )
        return self.reason is not None

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        self.reason = f"signal {signal.Signals(number).name}"
        self.abandon = self.abandon or number == signal.SIGTERM
