from .ced_curve import draw_ced

__all__ = ['draw_ced']
