"""What the report shows: tables and figures by the names that the configuration gives.

All hang on the rule `all`, since Snakemake prints the parameters of the job that an entry hangs on.
"""

OF_TRAININGS = {
    "architecture": "3: network",
    "loss": "4: loss",
    "recovery": "5: recovery",
    "residuals": "5: residuals",
    "filters": "A1: filters",
    "responses": "A2: responses",
    "activations": "A2: activations",
}
OF_IMAGES = {
    "examples": "1: example images",
    "slicing": "2: slices of a light-cone",
}
OF_POSTERIORS = {
    "calibration": "calibration",
    "posterior": "means and widths",
    "corner": "corner",
}
TABLES = {
    "table1": "1: architecture",
    "table2": "2: R2, mean over seeds",
    "claims": "the paper's claims",
}


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
    for table, label in TABLES.items():
        yield report(
            RUN.summary.paper_table(table, "html"),
            category="Tables",
            caption=f"workflow/report/{table}.rst",
            labels={"table": label},
        )
    for name, figures in RUN.figures.items():
        for figure in figures.figures:
            caption = figure
            if name == POSTERIORS and RUN.config.with_posteriors:
                caption, _, of = figure.partition("_")
                place = {"category": "Posteriors", "subcategory": of}
                label = OF_POSTERIORS[caption]
            elif figure in OF_IMAGES:
                place = {"category": "Images"}
                label = OF_IMAGES[figure]
            elif figure in OF_TRAININGS:
                place = {"category": "Trainings", "subcategory": name}
                label = OF_TRAININGS[figure]
            else:
                place = {"category": "Sweeps"}
                label = name
            yield report(
                figures.files(figure)[0],
                caption=f"workflow/report/{caption}.rst",
                labels={"figure": label},
                **place,
            )
