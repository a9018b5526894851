"""``python -m lcinfer``, and the way in for MPI: ``python -m mpi4py -m lcinfer``."""

from .cli import main

if __name__ == "__main__":  # the spawned child of a rank imports this module under another name
    main()
