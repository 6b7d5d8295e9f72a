"""The temperature T of softmax(F / T), which several losses on raw scores F have."""

import math


def check_temperature(temperature: float | None) -> float | None:
    """Itself; a ValueError if it is neither None nor positive and finite."""
    if temperature is not None and not (temperature > 0 and math.isfinite(temperature)):
        raise ValueError(f'temperature must be positive, got {temperature}')
    return temperature
