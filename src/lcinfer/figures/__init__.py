"""The paper's figures, one module each. They draw arrays and know nothing of files."""

from .architecture import draw_architecture
from .calibration import draw_calibration
from .compared import draw_compared
from .corner import draw_corner
from .examples import draw_examples
from .filters import draw_filters
from .learning import draw_learning
from .loss import draw_loss
from .noise import draw_noise
from .observing import draw_observing
from .posteriors import draw_posteriors
from .recovery import draw_recovery
from .residuals import draw_residuals
from .responses import draw_activations, draw_responses
from .slicing import draw_slicing
from .study import draw_study
from .style import save

__all__ = [
    "draw_activations",
    "draw_architecture",
    "draw_calibration",
    "draw_compared",
    "draw_corner",
    "draw_examples",
    "draw_filters",
    "draw_learning",
    "draw_loss",
    "draw_noise",
    "draw_observing",
    "draw_posteriors",
    "draw_recovery",
    "draw_residuals",
    "draw_responses",
    "draw_slicing",
    "draw_study",
    "save",
]
