"""Makes one site of the pages in ``docs/`` and of those beside it, which link to each other."""

import posixpath
import re
from pathlib import Path

from mkdocs.structure.files import File

PROJECT = Path(__file__).parents[1]
# Where pages outside of docs/ are in the site.
OUTSIDE = {
    "README.md": "index.md",
    **{
        name: name
        for name in ("CONTRIBUTING.md", "CHANGELOG.md", "config/README.md", "results/README.md")
    },
}
LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)#]+)")


def on_files(files, config):
    """Add the pages that are not in docs/."""
    for source, place in OUTSIDE.items():
        files.append(File.generated(config, place, content=(PROJECT / source).read_text("utf-8")))
    return files


def on_page_markdown(markdown, page, config, files):
    """Have links between pages lead to where these are in the site, and others to no page."""
    place = page.file.src_uri
    source = next((it for it, there in OUTSIDE.items() if there == place), f"docs/{place}")

    def moved(link):
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link.group(1)))
        there = OUTSIDE.get(target, target.removeprefix("docs/"))
        if files.get_file_from_path(there) is None:
            if not (PROJECT / target).exists():
                return link.group(1)  # mkdocs says so
            return f"https://local.invalid/{target}"
        return posixpath.relpath(there, posixpath.dirname(place) or ".")

    linked = LINK.sub(moved, markdown)
    # What is in the repository and not in the site is named, not linked.
    return re.sub(r"\[([^\]]*)\]\(https://local\.invalid/[^)]*\)", r"\1", linked)
