"""How many examples the properties are tried with: few, and with ``--long`` many; the same ones each time."""

from hypothesis import HealthCheck, Phase, settings

# most examples are drawn from a seed, of which there is nothing to shrink
SHARED = dict(
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile('short', max_examples=25, **SHARED)
settings.register_profile('long', max_examples=500, **SHARED)


def pytest_configure(config):
    settings.load_profile('long' if config.getoption('--long', False) else 'short')
