from .coord_conv import coordinate_channels

__all__ = ['coordinate_channels']
