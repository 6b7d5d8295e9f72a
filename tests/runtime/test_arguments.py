"""Arguments without a meaning are told."""

from fractions import Fraction

import numpy as np
import pytest

from mmfld.runtime.arguments import check_number


@pytest.mark.parametrize('value', [0, -1.5, np.float32(2), np.inf, Fraction(1, 3), 10**400])
def test_numbers_of_all_kinds_are_numbers(value):
    check_number('rate', value)


@pytest.mark.parametrize('value', [True, None, '1', np.nan, float('nan'), 1j, np.ones(2)])
def test_what_is_no_number_is_told(value):
    with pytest.raises(ValueError, match='found rate=.*, expected a number'):
        check_number('rate', value)
