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
        vars(formatted).update(vars(config))
        return formatted

    @property
    def pretty_text(self) -> str:
        """Formatted Python code."""
        content = repr(self.to_dict())
        if self._formatted is None or self._formatted[0] != content:
            # Config itself stores attributes in its content
            object.__setattr__(self, '_formatted', (content, super().pretty_text))
        return self._formatted[1]
