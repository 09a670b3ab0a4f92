"""What Zhipu's newer model takes that its older ones do not."""

import pytest

from gateway.catalogue import BUILT_IN

SIZES = BUILT_IN.find("zhipu", "glm-image", {}).sizes


@pytest.mark.parametrize("size", ["1024x1024", "1280x1280", "1568x1056", "1728x960", "960x1728", "2048x2048"])
def test_sizes_of_glm_image(size):
    assert SIZES.accepts(size)


@pytest.mark.parametrize(("asked", "nearest"), [("512x512", "1024x1024"), ("960x960", "1024x1024")])
def test_glm_image_paints_nothing_smaller_than_1024x1024(asked, nearest):
    assert not SIZES.accepts(asked)
    assert SIZES.nearest(asked) == nearest
