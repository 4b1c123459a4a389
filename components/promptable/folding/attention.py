"""Attention between a few tokens and the many cells of a map, projected on the side of the few.

A score is a product of two projections, (W_q t) . (W_k x) = (W_k^T W_q t) . x, and what is attended to is projected
after it was summed as well as before: so the cells themselves (N D) are never projected, which is where the time went.
Of the biases, the keys' adds the same to all scores of a query, which softmax doesn't see; the values' comes out as it
went in, as weights sum to one. Leaves out: what follows (decoder.py).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import rearrange
from sam2.modeling.sam.transformer import Attention
from torch import Tensor, nn

from components.promptable.folding.linear import Affine, affine, constant


class SelfAttention(nn.Module):
    """Tokens (T D) to what they see of one another (T D), before it is added to them."""

    def __init__(self, attention: Attention) -> None:
        super().__init__()
        like = attention.q_proj.weight
        self.heads = attention.num_heads
        self.query = _scaled_query(attention).linear(like)
        self.key = affine(attention.k_proj).linear(like)
        self.value = affine(attention.v_proj).linear(like)
        self.out = affine(attention.out_proj).linear(like)

    def forward(self, sought: Tensor, tokens: Tensor) -> Tensor:
        """`sought` are the tokens with what says where they are, which queries and keys are made of."""
        query = rearrange(self.query(sought), "t (h d) -> h t d", h=self.heads)
        key = rearrange(self.key(sought), "t (h d) -> h d t", h=self.heads)
        value = rearrange(self.value(tokens), "t (h d) -> h t d", h=self.heads)
        seen = F.softmax(query @ key, dim=-1) @ value  # h T d
        out: Tensor = self.out(rearrange(seen, "h t d -> t (h d)"))
        return out


class TokensToImage(nn.Module):
    """Tokens (T D) and cells (N D) to what the tokens see of the map, T D."""

    def __init__(self, attention: Attention) -> None:
        super().__init__()
        like = attention.q_proj.weight
        self.heads = attention.num_heads
        self.query = _scaled_query(attention).linear(like)
        self.key = constant(_by_head(affine(attention.k_proj).weight, self.heads), like)  # h d D
        value, out = affine(attention.v_proj), affine(attention.out_proj)
        self.value = constant(_by_head(value.weight, self.heads).mT, like)  # h D d
        self.out = out.shifted(out.weight @ value.bias).linear(like)

    def forward(self, sought: Tensor, placed: Tensor, cells: Tensor) -> Tensor:
        """`sought` are the tokens with what says where they are, `placed` the cells with where they are."""
        query = rearrange(self.query(sought), "t (h d) -> h t d", h=self.heads) @ self.key  # h T D
        scores = query.flatten(0, 1) @ placed.T  # hT N
        seen = F.softmax(scores, dim=-1) @ cells  # hT D
        values = rearrange(seen, "(h t) c -> h t c", h=self.heads) @ self.value  # h T d
        out: Tensor = self.out(rearrange(values, "h t d -> t (h d)"))
        return out


class ImageToTokens(nn.Module):
    """Cells (N D) and tokens (T D) to what the cells see of the tokens added to the cells, N D."""

    def __init__(self, attention: Attention) -> None:
        super().__init__()
        like = attention.q_proj.weight
        self.heads = attention.num_heads
        query, value, out = _scaled_query(attention), affine(attention.v_proj), affine(attention.out_proj)
        # The queries' bias differs from token to token, so it stays; it's a projection of the keys, as the weights are.
        both = torch.cat([query.weight, query.bias[:, None]], dim=1)
        self.key = affine(attention.k_proj).linear(like)
        self.query = constant(_by_head(both, self.heads), like)  # h d D+1
        self.value = value.linear(like)
        self.out = constant(_by_head(out.weight.mT, self.heads), like)  # h d D
        # Each cell's weights sum to one in each head, so that each head brings its share of the bias.
        self.bias = constant(out.bias / self.heads, like)

    def forward(self, sought: Tensor, placed: Tensor, tokens: Tensor, cells: Tensor) -> Tensor:
        """`sought` and `placed` as in `TokensToImage`."""
        key = rearrange(self.key(sought), "t (h d) -> h t d", h=self.heads) @ self.query  # h T D+1
        key = key.flatten(0, 1)  # hT D+1
        scores = torch.addmm(key[:, -1], placed, key[:, :-1].T)  # N hT
        weights = F.softmax(rearrange(scores, "n (h t) -> n h t", h=self.heads), dim=-1).flatten(1)
        value = rearrange(self.value(tokens), "t (h d) -> h t d", h=self.heads) @ self.out + self.bias  # h T D
        return torch.addmm(cells, weights, value.flatten(0, 1))


def _scaled_query(attention: Attention) -> Affine:
    """The projection to queries, divided by the root of a head's width as attention does."""
    query, width = affine(attention.q_proj), attention.internal_dim // attention.num_heads
    return Affine(query.weight * width**-0.5, query.bias * width**-0.5)


def _by_head(weight: Tensor, heads: int) -> Tensor:
    return rearrange(weight, "(h d) c -> h d c", h=heads)
