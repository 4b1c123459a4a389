"""Prefect flows, one file for each stage of the graph, and the command line. Imported by nobody."""
