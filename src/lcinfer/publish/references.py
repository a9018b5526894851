"""The papers that a methods section cites."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reference:
    """A paper."""

    authors: str
    """In a citation: Gillet et al."""
    year: int
    where: str
    """Journal, volume, page."""


REFERENCES = {
    "Gillet2019": Reference("Gillet et al.", 2019, "MNRAS, 484, 282"),
    "GreigMesinger2018": Reference("Greig & Mesinger", 2018, "MNRAS, 477, 3217"),
    "Mao2012": Reference("Mao et al.", 2012, "MNRAS, 422, 926"),
    "Mesinger2011": Reference("Mesinger, Furlanetto & Cen", 2011, "MNRAS, 411, 955"),
    "Murray2020": Reference("Murray et al.", 2020, "JOSS, 5, 2582"),
}
