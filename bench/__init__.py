"""Benchmarks: cscd beside named peers on one machine in one run, as ratios.

The modules in the order in which they build on each other:

* `command`, `distribution`, `table`: run and time a command, medians and percentiles, tables in Markdown
* `volume`, `tree`, `workload`: a journaled ext4 to measure on, trees of files, what is in them
* `machine`, `result`, `target`: where it ran, what came out, what was promised
* `process`, `lease`: what /proc tells about processes and leases
* `subject`, `peers`: cscd's command line, and the programs that it is compared with
* `speed`, `opens`, `walk`, `memory`, `service`: the five benchmarks
* `report`, `cli`: results for people, and the command line (`python -m bench --help`)
"""
