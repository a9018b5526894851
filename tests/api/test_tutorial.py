"""The pages' Python and YAML do what they say."""

import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

from lcinfer import config

PROJECT = Path(__file__).parents[2]


def run_page(page, workplace, folder):
    """Run a page's Python in a folder that has the configuration and the results."""
    for name in ("config", "results"):
        (folder / name).symlink_to(workplace / name)
    command = [sys.executable, PROJECT / "docs" / "run_page.py", PROJECT / page]
    environment = {**os.environ, "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_tutorial_runs_from_top_to_bottom(workplace, tmp_path):
    said = run_page("docs/tutorial.md", workplace, tmp_path)
    assert "light-cones with strong X-rays" in said
    pictures = re.findall(
        r"figures/(tutorial-\w+\.png)", (PROJECT / "docs/tutorial.md").read_text()
    )
    assert sorted(pictures) == sorted(path.name for path in tmp_path.glob("*.png"))
    assert all((PROJECT / "docs" / "figures" / name).exists() for name in pictures)


def test_the_python_of_the_readme_runs(workplace, tmp_path):
    run_page("README.md", workplace, tmp_path)


def test_the_configuration_of_the_readme_is_one():
    (block,) = re.findall(r"```yaml\n(.*?)```", (PROJECT / "README.md").read_text(), re.DOTALL)
    assert config.parse(yaml.safe_load(block)).name == "first"
