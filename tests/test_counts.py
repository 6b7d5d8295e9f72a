"""Numbers of things in messages."""

import pytest

from mmfld.counts import how_many


@pytest.mark.parametrize('number, told', [(0, '0 faces'), (1, '1 face'), (2, '2 faces')])
def test_one_is_no_plural(number, told):
    assert how_many(number, 'face') == told


@pytest.mark.parametrize('number, told', [(1, '1 frame is'), (3, '3 frames are')])
def test_further_words_change_as_they_are_told(number, told):
    assert how_many(number, 'frame is', 'frames are') == told
