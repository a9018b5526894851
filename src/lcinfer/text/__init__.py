"""Facts as Markdown, LaTeX, HTML and CSV."""
