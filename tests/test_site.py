"""The pages: their links lead somewhere, they make a site, and they say one version."""

import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from lcinfer.text.citations import REFERENCES

PROJECT = Path(__file__).parents[1]
PAGES = [
    *PROJECT.glob("*.md"),
    *(PROJECT / "docs").rglob("*.md"),
    *(PROJECT / name / "README.md" for name in ("config", "results")),
]
LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")


def test_every_link_to_a_file_leads_to_one():
    lost = {
        f"{page.relative_to(PROJECT)}: {link}"
        for page in PAGES
        for link in LINK.findall(page.read_text(encoding="utf-8"))
        if not (page.parent / link).exists()
    }
    assert lost == set()


def test_one_version_is_said_everywhere():
    version = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]
    assert yaml.safe_load((PROJECT / "CITATION.cff").read_text())["version"] == version
    # Of what is unreleased there is no version yet.
    released = re.findall(r"^## (\d\S*)$", (PROJECT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert released[0] == version


def test_the_papers_to_cite_are_those_of_a_methods_section():
    known = {(it.title, it.doi) for it in REFERENCES.values()}
    cited = yaml.safe_load((PROJECT / "CITATION.cff").read_text())["references"]
    assert {(it["title"], it["doi"]) for it in cited} <= known


def test_configurations_name_the_schema_to_editors():
    for path in (PROJECT / "config").glob("*.yaml"):
        first = path.read_text(encoding="utf-8").splitlines()[0]
        schema = first.removeprefix("# yaml-language-server: $schema=")
        assert (path.parent / schema).is_file(), path


@pytest.mark.skipif(importlib.util.find_spec("mkdocs") is None, reason="mkdocs is not installed")
def test_the_pages_make_a_site(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    reference = (tmp_path / "api.html").read_text(encoding="utf-8")
    assert all(f'id="lcinfer.{name}"' in reference for name in ("open_database", "Experiment"))
    site = "".join(path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.html"))
    assert not re.search(r"<(?:script|link|img)[^>]+(?:src|href)=\"https?:", site), (
        "loads elsewhere"
    )
