"""How many examples the properties are tried with: few, and with ``--long`` many; the same ones each time."""
from hypothesis import settings

settings.register_profile('short', max_examples=25, derandomize=True, deadline=None, database=None)
settings.register_profile('long', max_examples=500, derandomize=True, deadline=None, database=None)


def pytest_configure(config):
    settings.load_profile('long' if config.getoption('--long', False) else 'short')
