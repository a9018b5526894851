"""What networks read beside plain images, as a methods section tells it: spectra, instruments."""

from ..config.instruments import Instrument
from ..config.spectra import Mcmc
from ..text.styles import Style
from .recorded import Recorded


def on_spectra(recorded: Recorded, style: Style) -> list[str]:
    """How spectra are measured, and posteriors sampled from them."""
    config = recorded.run.config
    told = []
    for name, spectra in config.spectra.items():
        depth = style.number(spectra.chunk or config.database.box.length, "Mpc")
        told.append(
            f"The {spectra.kind} power spectra {style.code(name)} are of chunks {depth} deep along "
            f"the line of sight: decimal logarithms of {style.text('Delta^2 +')} "
            f"{style.number(spectra.floor, 'mK^2')}, in {spectra.bins} bins equal in the logarithm "
            f"of k between {spectra.k[0]:g} and {spectra.k[1]:g} per Mpc."
        )
    told += [
        f"The posteriors {style.code(name)} are sampled by {mcmc.walkers} walkers of "
        f"{_steps(mcmc)} (MCMC) from a Gaussian likelihood of {mcmc.components} principal "
        f"components of the spectra {style.code(mcmc.spectra)}, about an emulator of neural "
        f"networks fitted on the training light-cones, whose scatter about it is the covariance."
        for name, mcmc in config.mcmc.items()
    ]
    return told


def _steps(mcmc: Mcmc) -> str:
    if mcmc.most_steps is None:
        return f"{mcmc.steps} steps"
    return f"{mcmc.steps} steps, or up to {mcmc.most_steps} for 50 autocorrelation times,"


def on_instrument(style: Style, name: str, settings: Instrument) -> str:
    """What an instrument makes of light-cones, in a sentence or two."""
    beside = {
        "none": "",
        "horizon": ", and modes below the horizon's wedge",
        "moderate": ", and modes below the horizon's wedge and up to 0.1 h/Mpc above it",
    }
    flux = settings.sefd if isinstance(settings.sefd, str) else f"{settings.sefd:g} Jy"
    fewer = f" without {len(settings.without)} stations" if settings.without else ""
    layout, hours = style.text(settings.layout), style.number(settings.hours, "h")
    track, longest = settings.track, style.number(settings.longest_baseline, "km")
    return (
        f"As {style.text(name)} they are what SKA-Low ({layout}{fewer}) sees in {hours} of "
        f"{style.number(track, 'h')} tracks at declination {settings.declination:g} degrees "
        f"(station SEFD: {style.text(flux)}): without the mean of each channel and modes that no "
        f"baseline up to {longest} sees{beside[settings.wedge]}, with its thermal noise, which is "
        f"new in each epoch of a training."
    )
