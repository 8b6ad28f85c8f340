import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduling.lib.accent_colors import (
    DARK_GROUNDS,
    DEFAULT_ACCENT,
    LIGHT_GROUNDS,
    MIN_CONTRAST,
    TooPale,
    derive_palette,
    get_contrast,
    write_stylesheet,
)

COLORS = st.integers(0, 0xFFFFFF).map("#{:06x}".format)


def test_contrast_is_that_of_wcag():
    assert get_contrast("#000000", "#ffffff") == 21
    assert round(get_contrast("#777777", "#ffffff"), 2) == 4.48


@given(COLORS)
def test_every_colour_is_readable_everywhere_or_refused_with_one_that_is(color):
    try:
        palette = derive_palette(color)
    except TooPale as error:
        palette = derive_palette(error.message.removesuffix(".").rpartition(" ")[2])

    assert palette.light.find_worst_contrast(LIGHT_GROUNDS) >= MIN_CONTRAST
    assert palette.dark.find_worst_contrast(DARK_GROUNDS) >= MIN_CONTRAST


def test_pale_colour_is_refused_with_a_darker_one_of_its_hue():
    with pytest.raises(TooPale) as refused:
        derive_palette("#ffd400")

    assert refused.value.message == (
        "That colour is too pale to be read on a light page: its contrast is 1.2 to 1, and it needs 4.5. "
        "Choose a darker one, such as #816a01."
    )


def test_stylesheet_has_the_shades_of_light_and_dark_pages():
    assert write_stylesheet(DEFAULT_ACCENT) == (
        ":root{--accent:#0b6b57;--accent-strong:#075041;--on-accent:#ffffff;--tint:#dbf5ed}"
        '@media screen and (prefers-color-scheme:dark){:root:not([data-theme="light"])'
        "{--accent:#79cab2;--accent-strong:#93e4cc;--on-accent:#00261d;--tint:#14382e}}"
    )
