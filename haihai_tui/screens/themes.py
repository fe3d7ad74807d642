"""The colours: dark, light and the terminal's own sixteen.

Quiet surfaces and one accent.  Red, yellow and green mean failed, caution and well,
and always stand beside the word that says so.
"""

from __future__ import annotations

from textual.theme import BUILTIN_THEMES, Theme

from haihai_tui.errors import Text, text

DARK = "haihai-dark"
LIGHT = "haihai-light"
SIXTEEN = "ansi-dark"

NAMES: dict[str, Text] = {
    DARK: text("暗い配色"),
    LIGHT: text("明るい配色"),
    SIXTEEN: text("端末の 16 色"),
}

THEMES = (
    Theme(
        name=DARK,
        primary="#7aa2c8",
        secondary="#8fa3b5",
        accent="#d6b36a",
        success="#86b88a",
        warning="#d9b45f",
        error="#d98282",
        foreground="#d7dce2",
        background="#15191e",
        surface="#1c2229",
        panel="#262e37",
        dark=True,
        variables={
            "block-cursor-background": "#7aa2c8",
            "block-cursor-foreground": "#10141a",
            "block-cursor-text-style": "none",
            "input-cursor-background": "#d7dce2",
            "input-cursor-foreground": "#15191e",
            "input-selection-background": "#7aa2c8 35%",
        },
    ),
    Theme(
        name=LIGHT,
        primary="#2f5d86",
        secondary="#5a6b7a",
        accent="#8a5a00",
        success="#2d6a34",
        warning="#7a5600",
        error="#a32a2a",
        foreground="#1d2329",
        background="#f6f7f8",
        surface="#eceff1",
        panel="#dde3e8",
        dark=False,
        variables={
            "block-cursor-background": "#2f5d86",
            "block-cursor-foreground": "#ffffff",
            "block-cursor-text-style": "none",
            "input-selection-background": "#2f5d86 30%",
        },
    ),
    BUILTIN_THEMES[SIXTEEN],
)


def following(name: str) -> str:
    """The theme after this one, in a circle."""
    names = list(NAMES)
    at = names.index(name) if name in names else -1
    return names[(at + 1) % len(names)]
