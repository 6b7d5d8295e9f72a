"""The text of a config, formatted once."""

from mmengine import Config


class FormattedConfig(Config):
    """A config whose ``pretty_text`` is formatted once for what it says.

    MMEngine formats it anew for each checkpoint, which for a small model takes several times as long as to write it.
    """

    _formatted: tuple[str, str] | None = None

    @classmethod
    def of(cls, config: Config) -> 'FormattedConfig':
        """The same config, with the same content."""
        formatted = cls.__new__(cls)
        formatted.__dict__.update(config.__dict__)
        return formatted

    @property
    def pretty_text(self) -> str:
        """Formatted Python code."""
        content, known = repr(self.to_dict()), self._formatted
        if known is None or known[0] != content:
            known = content, super().pretty_text
            object.__setattr__(self, '_formatted', known)  # Config itself would store it in its content
        return known[1]
