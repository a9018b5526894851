"""The random numbers of 21cmFAST's initial conditions, so that one seed means one box.

A seed starts a Mersenne twister (Matsumoto & Nishimura 1998), from which the seed of the one
thread's own twister is drawn; that one's numbers become Gaussian deviates.
"""

import numpy as np

LARGEST_SEED = (2**31 - 1) // 16  # threads' seeds are below it
BLOCK = 2**17  # numbers drawn at once: what fits into a core's cache


def thread_seed(seed: int) -> int:
    """The seed of the one thread.

    Choosing one of n integers in order (Knuth 1969, algorithm 3.4.2 S): i is chosen if it is the
    first with (n - i) u < 1, where each i has a number u in [0, 1) of its own.
    """
    stream = np.random.RandomState(seed)
    for start in range(0, LARGEST_SEED, BLOCK):
        left = min(BLOCK, LARGEST_SEED - start)
        drawn = stream.randint(0, 2**32, left, dtype=np.uint32)
        # No other can be chosen in this block, and few blocks have one: a minimum is quick.
        least = 2**32 // (LARGEST_SEED - start - left + 1)
        if drawn.min() > least:
            continue
        few = np.nonzero(drawn <= least)[0]
        chosen = few[(LARGEST_SEED - start - few) * (drawn[few] / 2.0**32) < 1]
        if chosen.size:
            return start + int(chosen[0])
    raise AssertionError("the last integer is always chosen")


def gaussians(seed: int, count: int) -> np.ndarray:
    """Standard normal deviates of a thread, float64, by Marsaglia's polar method.

    Of each pair of numbers inside the unit circle one deviate is kept, as the GNU Scientific
    Library does.
    """
    stream = np.random.RandomState(seed)
    rest = np.empty(0, np.uint32)
    parts: list[np.ndarray] = []
    while count > 0:
        drawn = stream.randint(0, 2**32, int(2.6 * count) + 64, dtype=np.uint32)
        drawn = np.concatenate([rest, drawn[drawn != 0]])  # numbers are in (0, 1)
        pairs = drawn[: len(drawn) // 2 * 2].reshape(-1, 2) * (2.0 / 2**32) - 1.0
        rest = drawn[len(drawn) // 2 * 2 :]
        squared = pairs[:, 0] ** 2 + pairs[:, 1] ** 2
        inside = np.nonzero((squared <= 1.0) & (squared > 0.0))[0][:count]
        squared = squared[inside]
        parts.append(pairs[inside, 1] * np.sqrt(-2.0 * np.log(squared) / squared))
        count -= len(inside)
    return np.concatenate(parts)
