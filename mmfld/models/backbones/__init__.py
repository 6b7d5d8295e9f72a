from .fan import FAN, convert_fan_state_dict
from .hourglass_aam import HourglassAAM, convert_star_state_dict

__all__ = ['FAN', 'HourglassAAM', 'convert_fan_state_dict', 'convert_star_state_dict']
