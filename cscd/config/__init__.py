"""The configuration: one YAML file with additions over it becomes settings that do not change.

A file's way through the modules of this layer:

- `source` finds the files and reads them without trusting what lies there,
- `document` makes a tree of one file's text, with `scalar` for what a plain value means,
- `node` is that tree, in which every value knows its place, and lays one over another,
- `validation` makes settings of the tree and tells what is wrong in our words,
- `loading` does all of that: `load` is what a daemon calls, at the start and at every reload.

What may be written is in `settings`, as models whose values are of a `kind`, a `quantity` or a `template`.
`outline` lists every key; `shipped` and `schema` are made from it. A `problem` is one thing that is wrong.
"""

from cscd.config.loading import DEFAULT_PATH, Loaded, load, source
from cscd.config.problem import Place
from cscd.config.settings import Settings
from cscd.config.source import Source
from cscd.config.template import expand
from cscd.config.validation import Checks

__all__ = ["DEFAULT_PATH", "Checks", "Loaded", "Place", "Settings", "Source", "expand", "load", "source"]
