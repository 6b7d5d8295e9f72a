from .hourglass_aam import HourglassAAM, convert_star_state_dict

__all__ = ['HourglassAAM', 'convert_star_state_dict']
