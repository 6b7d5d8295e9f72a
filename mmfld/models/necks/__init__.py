from .stack_features import StackFeatures

__all__ = ['StackFeatures']
