"""Prefect flows, one file for each stage of the graph, and the command line. Imported by nobody.

Importing it sets the environment, because the libraries that its modules import read theirs when they load.
"""

from pathlib import Path

from pipelines.runtime.environment import prepare

prepare(Path.cwd())
