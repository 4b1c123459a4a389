"""What a text holds is seen, and means nothing to Markdown."""

from __future__ import annotations

from components.marking import shown, visible


def test_what_has_no_shape_is_named() -> None:
    assert visible("a\u202eb\x00\u200b\ud800\u2028") == "aU+202EbU+0000U+200BU+D800U+2028"
    assert visible("Dice − 0.1\tµm²\n") == "Dice − 0.1\tµm²\n"


def test_marks_of_markdown_are_escaped_and_lines_joined() -> None:
    assert shown("a|b <i>\n# [x](y) `c` *d* unet_box _e_") == (r"a\|b \<i\> # \[x\](y) \`c\` \*d\* unet_box \_e\_")
    assert shown("x\u202ey") == "xU+202Ey"
