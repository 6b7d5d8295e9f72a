"""What :class:`StackedHeatmapHead` was called for each paper; the defaults of each are in :mod:`mmfld.old_names`."""

from mmpose.registry import MODELS

from ...old_names import todays
from ...structures import FaceLayout
from .stacked_heatmap_head import StackedHeatmapHead


class _OldHead(StackedHeatmapHead):
    name: str
    usual_layout = 'wflw98'

    def __init__(self, layout: str | FaceLayout | None = None, **kwargs):
        arguments = todays(dict(kwargs, type=self.name))
        del arguments['type']
        super().__init__(self.usual_layout if layout is None else layout, **arguments)


@MODELS.register_module()
class StructuredHeatmapHead(_OldHead):
    """With the label samples as targets and the structured loss, lambda as printed."""

    name = 'StructuredHeatmapHead'


@MODELS.register_module()
class STARHead(_OldHead):
    """With the annotations as targets and the STAR loss."""

    name = 'STARHead'


@MODELS.register_module()
class SubpixelHeatmapHead(_OldHead):
    """With heatmaps as targets and their squared error, for networks of two stacks without attention maps."""

    name = 'SubpixelHeatmapHead'
    usual_layout = '300w68'
