"""What the report shows: tables and figures by the names that the configuration gives.

All hang on the rule `all`, since Snakemake prints the parameters of the job that an entry hangs on.
"""

FIGURES = {  # by category: a figure, and what it is called; by the name of what it is of, if None
    "Images": {
        "examples": "1: example images",
        "slicing": "2: slices of a light-cone",
    },
    "Trainings": {
        "architecture": "3: network",
        "loss": "4: loss",
        "recovery": "5: recovery",
        "residuals": "5: residuals",
        "filters": "A1: filters",
        "responses": "A2: responses",
        "activations": "A2: activations",
    },
    "Posteriors": {
        "calibration": "calibration",
        "posterior": "means and widths",
        "corner": "corner",
        "log_density": "log density, against another's",
    },
    "Instruments": {"noise": None},
    "Sweeps": {"sweep": None},
}
BY_NAME = ("Trainings", "Posteriors")  # categories with a part for each
TABLES = {
    "table1": "1: architecture",
    "table2": "2: R2, mean over seeds",
    "claims": "the paper's claims",
}


def made(product, path):
    """Whether a file is there, or will be.

    What an earlier lcinfer finished may lack those added since, and is not made again for them.
    """
    return path not in product.optional or path.exists() or not product.finished


def described(figure):
    """(category, which) of a figure's name, as `corner_FAINT`."""
    named = (
        (category, which) for category, there in FIGURES.items() for which in there
    )
    return next(it for it in named if figure == it[1] or figure.startswith(f"{it[1]}_"))


def shown():
    """Every entry of the report."""
    yield report(
        RUN.summary.page,
        category="Tables",
        caption="workflow/report/r2.rst",
        labels={"table": "R2, every seed"},
    )
    for page in RUN.summary.posterior_tables[1:]:
        yield report(
            page,
            category="Tables",
            caption="workflow/report/posteriors.rst",
            labels={"table": "posteriors and their calibration"},
        )
    for page in RUN.summary.mock_tables[1:]:
        if made(RUN.summary, page):
            yield report(
                page,
                category="Tables",
                caption="workflow/report/mock_posteriors.rst",
                labels={"table": "posteriors of the mocks"},
            )
    for table, label in TABLES.items():
        yield report(
            RUN.summary.paper_table(table, "html"),
            category="Tables",
            caption=f"workflow/report/{table}.rst",
            labels={"table": label},
        )
    for name, figures in RUN.figures.items():
        for figure in figures.figures:
            if not made(figures, figures.files(figure)[0]):
                continue
            category, which = described(figure)
            label = FIGURES[category][which]
            of_one = figure.removeprefix(which).removeprefix("_")
            yield report(
                figures.files(figure)[0],
                category=category,
                subcategory=(of_one or name) if category in BY_NAME else None,
                caption=f"workflow/report/{which}.rst",
                labels={"figure": label or name},
            )
