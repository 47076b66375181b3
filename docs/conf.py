"""Sphinx: builds the documentation of Pəncərə, from Markdown, with nothing from outside."""

project = "Pəncərə"
author = "Pəncərə developers"
extensions = ["myst_parser"]
html_theme = "furo"
exclude_patterns = ["_build"]
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]
# Worked bytes are shown as what they are, which is no language of a highlighter.
suppress_warnings = ["misc.highlighting_failure"]
