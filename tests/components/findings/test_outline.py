"""Tests of an outline's geometry: the hull, pairs held between parallels, and extents across a direction."""

from __future__ import annotations

import numpy as np

from components.findings.outline import MAX_EDGES, antipodal_pairs, count_edges, extents, largest_part, trace


def test_an_outline_is_the_edges_that_face_no_pixel() -> None:
    mask = np.zeros((5, 6), dtype=bool)
    mask[1:3, 2:5] = True
    found = trace(mask)
    assert found is not None
    assert sorted(map(tuple, found.hull_xy.tolist())) == [(2, 1), (2, 3), (5, 1), (5, 3)]
    assert sorted(map(tuple, found.across_xy.tolist())) == [(2, 1), (2, 3), (3, 1), (3, 3), (4, 1), (4, 3)]
    assert sorted(map(tuple, found.down_xy.tolist())) == [(2, 1), (2, 2), (5, 1), (5, 2)]
    assert trace(np.zeros((5, 6), dtype=bool)) is None


def test_of_two_parts_the_one_that_encloses_more_is_traced() -> None:
    mask = np.zeros((9, 30), dtype=bool)
    mask[1:8, 1:8] = True
    mask[2:7, 2:7] = False  # a ring of 24 pixels around 25
    mask[0, 10:30] = mask[8, 10:25] = True  # 20 and 15 pixels
    found = trace(mask)
    assert found is not None
    assert found.parts == 3
    assert found.hull_xy.min(axis=0).tolist() == [1, 1] and found.hull_xy.max(axis=0).tolist() == [8, 8]


def test_the_largest_part_is_the_one_that_is_traced_without_its_holes() -> None:
    mask = np.zeros((9, 30), dtype=bool)
    mask[1:8, 1:8] = True
    mask[2:7, 2:7] = False
    mask[0, 10:30] = True
    expected = np.zeros_like(mask)
    expected[1:8, 1:8] = True
    assert (largest_part(mask) == expected).all()


def test_edges_are_those_around_parts_and_holes_and_too_many_are_not_traced() -> None:
    mask = np.zeros((4, 5), dtype=bool)
    mask[0:3, 0:3] = True
    mask[1, 1] = False
    mask[3, 4] = True
    assert count_edges(mask) == 12 + 4 + 4
    row = np.zeros((1, MAX_EDGES), dtype=bool)
    row[0, ::4] = True
    assert count_edges(row) == MAX_EDGES and trace(row) is not None
    row[0, 2] = True
    assert count_edges(row) > MAX_EDGES and trace(row) is None


def test_a_triangle_holds_all_its_pairs_and_a_square_both_diagonals() -> None:
    triangle = np.array([[0, 0], [6, 0], [3, 4]])
    assert {frozenset(pair) for pair in antipodal_pairs(triangle).tolist()} >= {
        frozenset(pair) for pair in ((0, 1), (1, 2), (0, 2))
    }
    square = np.array([[0, 0], [2, 0], [2, 2], [0, 2]])
    for ring in (square, square[::-1]):
        held = {frozenset(map(tuple, ring[pair].tolist())) for pair in antipodal_pairs(ring)}
        assert {frozenset({(0, 0), (2, 2)}), frozenset({(2, 0), (0, 2)})} <= held


def test_pairs_are_few_and_hold_the_farthest() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        mask = rng.random((40, 40)) < 0.02
        mask[20, :] = True
        found = trace(mask)
        assert found is not None
        ring = found.hull_xy
        pairs = antipodal_pairs(ring)
        assert len(pairs) <= 4 * len(ring)
        distances = np.linalg.norm(ring[:, None] - ring[None], axis=-1)
        assert distances[pairs[:, 0], pairs[:, 1]].max() == distances.max()


def test_extents_of_an_ell_across_its_foot() -> None:
    mask = np.zeros((4, 5), dtype=bool)
    mask[:, 0] = mask[3, :] = True
    found = trace(mask)
    assert found is not None
    across = extents(found, (5.0, 0.0), scale_xy=(1.0, 1.0))
    assert across.along.tolist() == [0, 5, 10, 15, 20, 25]
    assert (across.high - across.low).tolist() == [20, 20, 5, 5, 5, 5]
    stretched = extents(found, (5.0, 0.0), scale_xy=(1.0, 0.5))
    assert (stretched.high - stretched.low).tolist() == [10, 10, 2.5, 2.5, 2.5, 2.5]
