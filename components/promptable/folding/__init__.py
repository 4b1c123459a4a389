"""A trained `Segmenter` to an equal one that computes less: what no image or prompt changes is computed once.

Same numbers but for rounding, so nothing is judged anew (docs/speed.md says why each step is exact). Leaves out:
training, which needs the parts apart, and anything that changes a mask (components/promptable/runtimes).
"""
