"""Pairs of numbered nodes to what they link: which nodes hang together, and which pairs suffice for that.

Leaves out: what the nodes are, and why a pair belongs together (relatives.py).
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

from components.intake.likeness.shared_keys import Index


def linked(pairs: Index, count: int) -> Index:
    """For each of `count` nodes the smallest node that pairs (n 2) link it to, itself if none."""
    edges = coo_array((np.ones(len(pairs), dtype=np.int8), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    _, component = connected_components(edges.tocsr(), directed=False)
    _, first = np.unique(component, return_index=True)
    return np.asarray(first[component], dtype=np.int64)


def spanning(pairs: Index, count: int) -> Index:
    """The places of the pairs (n 2) that link what no earlier ones link, sorted: Kruskal's forest of `count` nodes."""
    apart = np.flatnonzero(pairs[:, 0] != pairs[:, 1])
    ends = np.sort(pairs[apart], axis=1)
    _, first = np.unique(ends[:, 0] * count + ends[:, 1], return_index=True)
    # A pair's weight is its place, from 1, as the tree's graph has no edges of weight 0.
    weights = (apart[first] + 1).astype(np.float64)
    graph = coo_array((weights, (ends[first, 0], ends[first, 1])), shape=(count, count)).tocsr()
    return np.sort(minimum_spanning_tree(graph).data.astype(np.int64)) - 1
