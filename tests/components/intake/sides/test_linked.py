"""Linked nodes and spanning pairs: those of networkx, and of Kruskal's rule taken pair by pair."""

from __future__ import annotations

import networkx as nx
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from components.intake.sides.linked import linked, spanning

some_pairs = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=40).map(
    lambda pairs: np.array(pairs, dtype=np.int64).reshape(-1, 2)
)


@settings(deadline=None)
@given(some_pairs)
def test_each_node_has_the_smallest_that_it_is_linked_to(pairs: np.ndarray) -> None:
    graph = nx.Graph(pairs.tolist())
    graph.add_nodes_from(range(12))
    smallest = {node: min(nodes) for nodes in nx.connected_components(graph) for node in nodes}
    assert linked(pairs, 12).tolist() == [smallest[node] for node in range(12)]


@settings(deadline=None)
@given(some_pairs)
def test_pairs_span_as_if_taken_one_after_another(pairs: np.ndarray) -> None:
    sets = nx.utils.UnionFind(range(12))
    expected = []
    for place, (one, other) in enumerate(pairs.tolist()):
        if sets[one] != sets[other]:
            sets.union(one, other)
            expected.append(place)
    assert spanning(pairs, 12).tolist() == expected


def test_no_nodes_and_no_pairs() -> None:
    none = np.zeros((0, 2), dtype=np.int64)
    assert linked(none, 0).tolist() == [] and linked(none, 3).tolist() == [0, 1, 2]
    assert spanning(none, 0).tolist() == spanning(none, 3).tolist() == []
