"""The papers that a methods section cites."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reference:
    """A paper."""

    authors: str
    """In a citation: Gillet et al."""
    year: int
    where: str
    """Journal, volume, page."""
    all_authors: str
    """As BibTeX takes them."""
    title: str
    journal: str
    """Its name in full."""
    doi: str
    eprint: str
    """Its number on arXiv."""

    def bibtex(self, key: str) -> str:
        """The entry of a bibliography, which a LaTeX text cites by ``key``."""
        _, volume, page = self.where.split(", ")
        fields = {
            "author": self.all_authors,
            "title": f"{{{self.title}}}",
            "journal": self.journal,
            "year": self.year,
            "volume": volume,
            "pages": page,
            "doi": self.doi,
            "eprint": self.eprint,
            "archivePrefix": "arXiv",
        }
        lines = "\n".join(f"  {name} = {{{value}}}," for name, value in fields.items())
        return f"@article{{{key},\n{lines}\n}}"


MNRAS = "Monthly Notices of the Royal Astronomical Society"
REFERENCES = {
    "Gillet2019": Reference(
        "Gillet et al.",
        2019,
        "MNRAS, 484, 282",
        "Gillet, Nicolas and Mesinger, Andrei and Greig, Bradley and Liu, Adrian and "
        "Ucci, Graziano",
        "Deep learning from 21-cm tomography of the cosmic dawn and reionization",
        MNRAS,
        "10.1093/mnras/stz010",
        "1805.02699",
    ),
    "GreigMesinger2018": Reference(
        "Greig & Mesinger",
        2018,
        "MNRAS, 477, 3217",
        "Greig, Bradley and Mesinger, Andrei",
        "21CMMC with a 3D light-cone: the impact of the co-evolution approximation on the "
        "astrophysics of reionization and cosmic dawn",
        MNRAS,
        "10.1093/mnras/sty796",
        "1801.01592",
    ),
    "Mao2012": Reference(
        "Mao et al.",
        2012,
        "MNRAS, 422, 926",
        "Mao, Yi and Shapiro, Paul R. and Mellema, Garrelt and Iliev, Ilian T. and Koda, Jun and "
        "Ahn, Kyungjin",
        "Redshift-space distortion of the 21-cm background from the epoch of reionization - I. "
        "Methodology re-examined",
        MNRAS,
        "10.1111/j.1365-2966.2012.20471.x",
        "1104.2094",
    ),
    "Mesinger2011": Reference(
        "Mesinger, Furlanetto & Cen",
        2011,
        "MNRAS, 411, 955",
        "Mesinger, Andrei and Furlanetto, Steven and Cen, Renyue",
        "21CMFAST: a fast, seminumerical simulation of the high-redshift 21-cm signal",
        MNRAS,
        "10.1111/j.1365-2966.2010.17731.x",
        "1003.3878",
    ),
    "Murray2020": Reference(
        "Murray et al.",
        2020,
        "JOSS, 5, 2582",
        "Murray, Steven G. and Greig, Bradley and Mesinger, Andrei and Mu{\\~n}oz, Julian B. and "
        "Qin, Yuxiang and Park, Jaehong and Watkinson, Catherine A.",
        "21cmFAST v3: A Python-integrated C code for generating 3D realizations of the cosmic 21cm "
        "signal",
        "Journal of Open Source Software",
        "10.21105/joss.02582",
        "2010.15121",
    ),
}


def bibtex(keys: Iterable[str]) -> str:
    """A bibliography of these papers."""
    return "\n\n".join(REFERENCES[key].bibtex(key) for key in keys)
