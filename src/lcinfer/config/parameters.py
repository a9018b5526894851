"""How a parameter of py21cmfast is shown to people: symbol, unit, scale.

Files and configurations hold py21cmfast's names and values; figures and tables hold the
symbols of Gillet et al. 2019.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shown:
    """How one parameter is shown."""

    symbol: str
    """For figures, in matplotlib's mathtext; a logarithm names its unit inside."""
    text: str
    """For tables and terminals, in plain text."""
    unit: str = ""
    """Unit of the shown value; empty: it has none."""
    scale: float = 1.0
    """The shown value is py21cmfast's value times this."""
    logarithmic: bool = False
    """Whether the value is a decimal logarithm."""
    brief: str = ""
    """The symbol without units inside, for a line with several; empty: it has none."""
    own: str = ""
    """Unit of py21cmfast's own value, where it is another or a logarithm is taken of it."""

    @property
    def label(self) -> str:
        """Symbol and unit, for an axis."""
        return _with_unit(self.symbol, self.unit)

    def equal_to(self, value: float) -> str:
        """The brief symbol and py21cmfast's value of it in the shown unit, for a figure."""
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.brief or self.symbol} = {value * self.scale:.4g}{unit}"

    @property
    def text_label(self) -> str:
        """Plain-text name and unit, for the head of a table's column."""
        return _with_unit(self.text, self.unit)

    @property
    def own_unit(self) -> str:
        """Unit of py21cmfast's own value; empty: it has none."""
        return self.own or self.unit

    @property
    def residual_unit(self) -> str:
        """Unit of a difference between two shown values."""
        return "dex" if self.logarithmic else self.unit


def _with_unit(name: str, unit: str) -> str:
    return f"{name} [{unit}]" if unit else name


REGISTRY = {
    "HII_EFF_FACTOR": Shown(r"$\zeta$", "zeta"),
    "ION_Tvir_MIN": Shown(
        r"$\log_{10}(T_{\mathrm{vir}}/\mathrm{K})$",
        "log10(T_vir/K)",
        logarithmic=True,
        brief=r"$\log_{10}T_{\mathrm{vir}}$",
        own="log10(K)",
    ),
    "L_X": Shown(
        r"$\log_{10}\left(\dfrac{L_{\mathrm{X}<2\,\mathrm{keV}}/\mathrm{SFR}}"
        r"{\mathrm{erg\,s^{-1}\,M_\odot^{-1}\,yr}}\right)$",
        "log10(L_X<2keV/SFR / erg s^-1 Msun^-1 yr)",
        logarithmic=True,
        brief=r"$\log_{10}L_{\mathrm{X}}$",
        own="log10(erg s^-1 Msun^-1 yr)",
    ),
    "NU_X_THRESH": Shown(r"$E_0$", "E_0", unit="keV", scale=1e-3, own="eV"),
    "R_BUBBLE_MAX": Shown(r"$R_{\mathrm{mfp}}$", "R_mfp", unit="Mpc"),
    "X_RAY_SPEC_INDEX": Shown(r"$\alpha_{\mathrm{X}}$", "alpha_X"),
    "POP2_ION": Shown(r"$N_{\gamma}$", "N_gamma"),  # ionising photons per stellar baryon
    "Y_He": Shown(r"$Y_{\mathrm{He}}$", "Y_He"),
}


def shown(name: str) -> Shown:
    """How the py21cmfast parameter ``name`` is shown; one not registered, by its name."""
    return REGISTRY.get(name, Shown(name, name))
