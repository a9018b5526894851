"""Verbs that publish a finished run: ``report``, ``methods``, ``crate``."""

from argparse import Namespace
from pathlib import Path

from .arguments import RESULTS, amount, run_of, shared
from .verbs import Verbs


def _report(options: Namespace) -> None:
    """Write a finished run's report, in the project's directory; an audit then knows it."""
    from ..publish import report

    print(report.write(run_of(options), options.config))


def _methods(options: Namespace) -> None:
    """Print a finished run for a paper's methods section: a paragraph and a table."""
    from ..publish import methods, recorded
    from ..text import citations, latex, styles

    run = recorded.open_run(options.run, options.results)
    if options.bibtex:
        print(citations.bibtex(methods.cited(run)))
        return
    style = latex.Latex() if options.latex else styles.Markdown()
    print(methods.text(run, style, options.scores), end="")


def _crate(options: Namespace) -> None:
    """Write a finished run as a Workflow Run Crate (RO-Crate), to publish beside a paper."""
    from ..publish import crate, recorded

    found = recorded.open_run(options.run, options.results)
    name = f"{found.run.summary.directory.name}-crate{'.zip' if options.zip else ''}"
    wishes = crate.Wishes(
        workflow=options.workflow,
        author=options.author,
        orcid=options.orcid,
        license=options.license,
        largest=options.largest * 1e6,
    )
    print(crate.write(found, options.to or Path(name), wishes, options.zip))


def add_verbs(verbs: Verbs) -> None:
    """Add them to the command line."""
    added = verbs.add(_report, "config/demo.yaml")
    added.add_argument("config", type=Path, metavar="CONFIG", help="the configuration file")
    added.set_defaults(results=Path("results"))
    recorded = shared(RESULTS)
    recorded.add_argument(
        "run", type=Path, metavar="RUN", help="a configuration file, or a run's directory"
    )
    added = verbs.add(_methods, "config/demo.yaml --latex", recorded)
    added.add_argument("--latex", action="store_true", help="LaTeX (amsmath, natbib)")
    added.add_argument(
        "--bibtex",
        action="store_true",
        help="the references alone, as BibTeX entries with the keys that the LaTeX cites",
    )
    added.add_argument("--scores", action="store_true", help="with a table of R2")
    added = verbs.add(_crate, "config/demo.yaml --zip", recorded)
    added.add_argument("--zip", action="store_true", help="as one archive")
    added.add_argument("--to", type=Path, help="where to; default: <run>-crate, here")
    added.add_argument(
        "--workflow", type=Path, default=Path(), help="the folder with the Snakefile; default: here"
    )
    added.add_argument("--author", metavar="NAME", help="who made the run")
    added.add_argument("--orcid", metavar="URL", help="the author's ORCID")
    added.add_argument("--license", metavar="URL", help="under which the crate may be used")
    added.add_argument(
        "--largest",
        type=amount,
        default=100,
        metavar="MB",
        help="the largest file; default: 100",
    )
