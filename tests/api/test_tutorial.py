"""The pages' Python and YAML do what they say."""

import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

from lcinfer import config
from lcinfer.products.run import Run

PROJECT = Path(__file__).parents[2]


def test_the_python_of_the_readme_and_the_tutorial_runs_from_top_to_bottom(workplace, tmp_path):
    for name in ("config", "results"):
        (tmp_path / name).symlink_to(workplace / name)
    pages = [PROJECT / page for page in ("README.md", "docs/tutorial.md")]
    command = [sys.executable, PROJECT / "docs" / "run_page.py", *pages]
    environment = {**os.environ, "MPLBACKEND": "Agg"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "light-cones with strong X-rays" in done.stdout
    pictures = re.findall(
        r"figures/(tutorial-\w+\.png)", (PROJECT / "docs/tutorial.md").read_text()
    )
    assert sorted(pictures) == sorted(path.name for path in tmp_path.glob("*.png"))
    assert all((PROJECT / "docs" / "figures" / name).exists() for name in pictures)


def test_the_configuration_of_the_readme_makes_the_demo_s_images():
    (block,) = re.findall(r"```yaml\n(.*?)```", (PROJECT / "README.md").read_text(), re.DOTALL)
    short, demo = config.parse(yaml.safe_load(block)), config.load(PROJECT / "config/demo.yaml")
    images = (Run(each, Path()).database_images.directory for each in (short, demo))
    assert len(set(images)) == 1
    assert (short.name, short.split) == (demo.name, demo.split)
    assert set(short.trainings) <= set(demo.trainings)
