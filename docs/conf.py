"""How the site is built from these pages: `make docs`, then open build/site/index.html.

The pages are plain Markdown that a git host shows as well; only index.md, api/ and this file are
of the site alone. Nothing is loaded from outside: the site works from a folder without a network.
"""

import re
import sys
from pathlib import Path

from docutils import nodes
from sphinx.errors import ExtensionError

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from fokkerplanck import __version__  # noqa: E402

project = "fokkerplanck"
author = "The fokkerplanck developers"
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "numpydoc",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["README.md"]  # the list of pages on the git host: index.md is that of the site
templates_path = ["_templates"]
nitpicky = False

myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "attrs_inline"]
myst_heading_anchors = 3
# Equations carry their numbers as \tag, so that a git host shows the same ones.
myst_dmath_double_inline = True

sphinx_gallery_conf = {
    "examples_dirs": "../demos",
    "gallery_dirs": "lessons",
    "filename_pattern": "/lesson_",
    "ignore_pattern": "solutions",
    "within_subsection_order": "FileNameSortKey",
    "capture_repr": (),
    "abort_on_example_error": True,
    "download_all_examples": False,
    "write_computation_times": False,  # its page would load a table from outside
}

autosummary_generate = True
autodoc_typehints = "none"  # numpydoc's sections say it in words
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

# One file, shipped; its menu could fetch more of it from outside, so it has none.
mathjax_path = "mathjax/tex-svg-full.js"
mathjax3_config = {"options": {"enableMenu": False}, "tex": {"tags": "none"}}

html_theme = "furo"
html_title = "fokkerplanck"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_show_sphinx = False
copyright = "the fokkerplanck developers, MIT licence"


def equations(app, doctree):
    r"""Let pages link to an equation with ``\tag{30a}`` as ``theory.md#eq-30a``."""
    slugs = app.env.metadata[app.env.current_document.docname].setdefault("myst_slugs", {})
    for block in list(doctree.findall(nodes.math_block)):
        formula = block.astext()
        block.children = [nodes.Text(rf"\[{formula}\]")]  # as it stands: Sphinx would wrap lines
        block["nowrap"] = block["no-wrap"] = True
        for tag in re.findall(r"\\tag\{(\w+)\}", formula):
            name = f"eq-{tag.lower()}"
            block.parent.insert(block.parent.index(block), nodes.target("", "", ids=[name]))
            slugs[name] = (block.line, name, f"({tag})")


def readable_docstrings(app, what, name, obj, options, lines):
    r"""Let ``|x|`` and ``(*shape)`` be what they are, and link equations of theory.md.

    Docstrings are read in terminals too, where backslashes would be in the way.
    """
    in_example = False
    for k, line in enumerate(lines):
        in_example = bool(line.strip()) and (in_example or line.lstrip().startswith(">>>"))
        if in_example:
            continue
        pieces = re.split(r"(:\w+:`[^`]*`|``.*?``|`[^`]*`)", line)
        pieces[::2] = [re.sub(r"(?<!\\)(\||\*(?=\w))", r"\\\1", text) for text in pieces[::2]]
        lines[k] = "".join(pieces)
        if "docs/theory.md" in line:
            lines[k] = re.sub(r"\((\w+)\)", r":theory:`\1`", lines[k])


def theory_role(role, rawtext, text, lineno, inliner, options=None, content=None):
    """Make ``:theory:`30a``` a link to the equation from any depth of folders."""
    depth = inliner.document.settings.env.docname.count("/")
    address = "../" * depth + f"theory.html#eq-{text.lower()}"
    return [nodes.reference(rawtext, f"({text})", refuri=address)], []


def nothing_from_outside(app, error):
    """Refuse a site with a page that would load something from a network."""
    loads = re.compile(r"""(?:\bsrc|<link\b[^>]*\bhref)\s*=\s*["']((?:https?:)?//[^"']*)""")
    for page in Path(app.outdir).rglob("*.html"):
        if found := loads.search(page.read_text(encoding="utf-8")):
            raise ExtensionError(f"{page.name} loads {found.group(1)}; ship it instead")


def setup(app):
    """Register what is above; our reading of docstrings comes before numpydoc's."""
    app.connect("doctree-read", equations)
    app.connect("autodoc-process-docstring", readable_docstrings, priority=100)
    app.connect("build-finished", nothing_from_outside)
    app.add_role("theory", theory_role)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
