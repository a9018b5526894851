"""``python -m lcinfer.training.torchrun OPTIONS -m lcinfer ...``: torchrun, of few words.

PyTorch's own ends with a traceback of itself whenever a process fails, below the one line in
which lcinfer has said why.
"""

import logging
import sys

from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.run import main as torchrun


def main() -> None:
    """Start the processes and wait for them; exit with 1 if one fails."""
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    try:
        torchrun(sys.argv[1:])
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        if failure.exitcode != 1:  # else it has said why itself
            print(f"lcinfer: process {rank} ended with {failure.exitcode}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
