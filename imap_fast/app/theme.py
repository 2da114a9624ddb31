"""The colours and fonts of the report as a Gradio theme. Nothing is fetched from other servers."""

import gradio as gr

SYSTEM = ("system-ui", "-apple-system", "Segoe UI", "Noto Sans", "sans-serif")
MONOSPACE = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")

LIGHT = {"ground": "#f6f6f8", "card": "#ffffff", "text": "#17181c", "quiet": "#5b5e6a", "line": "#dddee4"}
LIGHT |= {"field": "#80838f", "accent": "#2f5fd0", "on_accent": "#ffffff", "hover": "#2650b4"}
DARK = {"ground": "#101115", "card": "#181a20", "text": "#eeeff3", "quiet": "#a4a8b6", "line": "#2c2f39"}
DARK |= {"field": "#747989", "accent": "#8fb0ff", "on_accent": "#0d1220", "hover": "#adc5ff"}

ROLES = {
    "ground": ("body_background_fill",),
    "card": ("block_background_fill", "input_background_fill", "background_fill_primary", "background_fill_secondary"),
    "text": ("body_text_color", "block_title_text_color", "block_label_text_color"),
    "quiet": ("body_text_color_subdued", "block_info_text_color", "input_placeholder_color"),
    "line": ("block_border_color", "border_color_primary"),
    "field": ("input_border_color",),
    "accent": (
        "button_primary_background_fill",
        "button_primary_border_color",
        "input_border_color_focus",
        "loader_color",
        "link_text_color",
    ),
    "on_accent": ("button_primary_text_color",),
    "hover": ("button_primary_background_fill_hover",),
}
"""The Gradio variables of each colour."""


def theme() -> gr.themes.Base:
    """The theme of the page, in light and dark."""
    colours = {
        variable + suffix: shade[role]
        for suffix, shade in (("", LIGHT), ("_dark", DARK))
        for role, variables in ROLES.items()
        for variable in variables
    }
    return gr.themes.Base(font=SYSTEM, font_mono=MONOSPACE, radius_size="md").set(
        **colours, block_shadow="none", input_border_width="1px"
    )
