"""Mocks and trained networks -> the paper's figures, in every configured format."""

SHOWN, *OTHER_FORMATS = RUN.config.figures.formats


rule draw_examples:
    """Figure 1: an image of each mock."""
    input:
        ancient([RUN.mock_images[name].sealed for name in RUN.examples]),
    output:
        report(
            f"results/figures/{{name}}/examples.{SHOWN}",
            category="Images",
            caption="../report/examples.rst",
            labels={"figure": "1: example images"},
        ),
        expand("results/figures/{{name}}/examples.{suffix}", suffix=OTHER_FORMATS),
    log:
        "results/logs/figures/{name}/examples.log",
    conda:
        "../../envs/conda.yaml"
    params:
        lcinfer=LCINFER,
        config=CONFIG,
        why=why,
    message:
        "Figure of the mocks, {wildcards.name}: {params.why}"
    shell:
        "{params.lcinfer} figures {params.config} examples >{log} 2>&1"


rule draw_training:
    """Figures 4 and 5 of one training: loss, and predicted against true parameters."""
    input:
        lambda wildcards: ancient(RUN.evaluations[of(wildcards).name].scores),
    output:
        report(
            f"results/figures/{{name}}/loss.{SHOWN}",
            category="Trainings",
            subcategory="{name}",
            caption="../report/loss.rst",
            labels={"figure": "4: loss"},
        ),
        report(
            f"results/figures/{{name}}/recovery.{SHOWN}",
            category="Trainings",
            subcategory="{name}",
            caption="../report/recovery.rst",
            labels={"figure": "5: recovery"},
        ),
        expand("results/figures/{{name}}/loss.{suffix}", suffix=OTHER_FORMATS),
        expand("results/figures/{{name}}/recovery.{suffix}", suffix=OTHER_FORMATS),
    log:
        "results/logs/figures/{name}/training.log",
    conda:
        "../../envs/conda.yaml"
    params:
        lcinfer=LCINFER,
        config=CONFIG,
        why=why,
    message:
        "Figures of the training {wildcards.name}: {params.why}"
    shell:
        "{params.lcinfer} figures {params.config} {wildcards.name} >{log} 2>&1"


rule draw_sweep:
    """A learning curve, or a study's losses against the varied keys."""
    input:
        lambda wildcards: ancient(RUN.sweeps[of(wildcards).name].outcome),
    output:
        report(
            f"results/figures/{{name}}/sweep.{SHOWN}",
            category="Sweeps",
            caption="../report/sweep.rst",
            labels={"figure": "{name}"},
        ),
        expand("results/figures/{{name}}/sweep.{suffix}", suffix=OTHER_FORMATS),
    log:
        "results/logs/figures/{name}/sweep.log",
    conda:
        "../../envs/conda.yaml"
    params:
        lcinfer=LCINFER,
        config=CONFIG,
        why=why,
    message:
        "Figure of the sweep {wildcards.name}: {params.why}"
    shell:
        "{params.lcinfer} figures {params.config} {wildcards.name} >{log} 2>&1"
