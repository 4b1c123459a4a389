"""Attention in pieces is attention, in however many pieces, and only blocks that attend to the whole map get it."""

from __future__ import annotations

import io
import warnings

import onnx
import pytest
import torch
import torch.nn.functional as F
from sam2.modeling.backbones.hieradet import MultiScaleAttention, MultiScaleBlock

from components.promptable.export import OPSET
from components.promptable.folding.pieces import AttentionInPieces, attended_in_pieces, in_pieces
from components.promptable.runtimes.onnxruntime import onnxruntime
from components.promptable.runtimes.sealed import IMAGE
from tests.components.promptable.folding.conftest import apart

HEADS = 2


@torch.inference_mode()
@pytest.mark.parametrize("rows", [1, 7, 24, 100])
def test_pieces_are_the_whole(rows: int) -> None:
    query, key, value = torch.randn(3, 2, HEADS, 24, 4, dtype=torch.float64)
    whole = F.scaled_dot_product_attention(query, key, value, scale=1.0)
    assert apart(attended_in_pieces(query, key, value, rows=rows), whole) < 1e-12


@torch.no_grad()
@pytest.mark.parametrize(("rows", "pieces"), [(7, 4), (30, 1)])
def test_it_is_exported_in_pieces_of_so_many_scores(rows: int, pieces: int) -> None:
    attention = MultiScaleAttention(8, 8, num_heads=HEADS)
    x, file = torch.randn(1, 4, 6, 8), io.BytesIO()
    folded = AttentionInPieces(attention, most=rows * HEADS * 24).eval()
    torch.testing.assert_close(folded(x), attention(x), atol=1e-6, rtol=1e-5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(folded, (x,), file, input_names=[IMAGE], opset_version=OPSET, dynamo=False)  # type: ignore[arg-type]
    model = file.getvalue()
    assert [node.op_type for node in onnx.load_from_string(model).graph.node].count("Softmax") == pieces
    found = onnxruntime.InferenceSession(model).run(None, {IMAGE: x.numpy()})[0]
    torch.testing.assert_close(torch.from_numpy(found), attention(x), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(("window_size", "q_stride", "cut"), [(0, None, True), (4, None, False), (0, (2, 2), False)])
def test_only_attention_to_a_whole_map_is_cut(window_size: int, q_stride: tuple[int, int] | None, cut: bool) -> None:
    block = MultiScaleBlock(8, 8, HEADS, window_size=window_size, q_stride=q_stride)
    in_pieces(block)
    assert isinstance(block.attn, AttentionInPieces) == cut
