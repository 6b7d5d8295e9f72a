"""Targets of the stacked networks with attention: coordinates, point maps and edge maps (ADNet, STAR, structured)."""

import numpy as np
from mmpose.registry import KEYPOINT_CODECS

from ..structures import FaceLayout, get_layout, normalize
from .boundary_maps import edge_maps, point_maps
from .heatmap_codec import HeatmapCodec
from .outside import check_outside, counted_landmarks


@KEYPOINT_CODECS.register_module()
class BoundaryAwareHeatmap(HeatmapCodec):
    """Landmarks as normalised coordinates, with point and edge maps beside them.

    Grids: landmark heatmaps use ``align_corners`` (outermost cells on the image border, as STAR's networks), point and
    edge maps ``half_pixel``; the reference keeps both, and its weights depend on that.

    >>> mouth = dict(name='mouth', num_keypoints=2, boundaries=[dict(name='lips', indices=[0, 1])])
    >>> encoded = BoundaryAwareHeatmap(mouth).encode(np.array([[[-0.5, 127.5], [255.5, 127.5]]]))
    >>> encoded['keypoint_labels'].tolist()
    [[[-1.0, 0.0], [1.0, 0.0]]]
    >>> encoded['point_heatmaps'].shape, encoded['edge_heatmaps'].shape
    ((2, 64, 64), (1, 64, 64))

    Encoded:

    - ``keypoint_labels`` (1, K, 2) float32: in [-1, 1], clamped to the image
    - ``keypoint_weights`` (1, K) float32: 0 for a landmark that is not annotated, or lies outside and is ignored
    - ``point_heatmaps`` (K, h, w) float32 and ``edge_heatmaps`` (E, h, w) float32, unless ``attention_maps`` is False

    Args:
        layout (str | FaceLayout): Defaults to ``'wflw98'``.
        input_size (tuple): (W, H) of the network input in pixels.
        heatmap_size (tuple): (w, h) of the heatmaps in cells.
        decoder (str): ``'expectation'`` (STAR), ``'argmax'``, ``'quarter_shift'`` or ``'local_soft_argmax'``, see
            :mod:`mmfld.codecs.decoders`. Defaults to ``'expectation'``.
        window (int): Of the local soft-argmax, in cells. Defaults to 5.
        temperature (float): Of the local soft-argmax. Defaults to 0.1.
        attention_maps (bool): Encode point and edge maps. A network without them has no use for theirs, and they are
            most of the work. Defaults to True.
        outside (str): What a landmark outside the image counts for: ``'clamp'`` or ``'ignore'``, see
            :mod:`mmfld.codecs.outside`. Defaults to ``'clamp'``.
    """

    label_mapping_table = dict(keypoint_labels='keypoint_labels', keypoint_weights='keypoint_weights')

    grid = 'align_corners'
    map_grid = 'half_pixel'

    def __init__(
        self,
        layout: str | FaceLayout = 'wflw98',
        input_size: tuple[int, int] = (256, 256),
        heatmap_size: tuple[int, int] = (64, 64),
        decoder: str = 'expectation',
        window: int = 5,
        *,
        temperature: float = 0.1,
        attention_maps: bool = True,
        outside: str = 'clamp',
    ):
        super().__init__(input_size, heatmap_size, decoder, window, temperature=temperature)
        self.layout = get_layout(layout)
        self.attention_maps = attention_maps
        self.outside = check_outside(outside)
        # what MMPose packs
        maps = ('point_heatmaps', 'edge_heatmaps') if attention_maps else ()
        self.field_mapping_table = {name: name for name in maps}

    def encode(self, keypoints: np.ndarray, keypoints_visible: np.ndarray | None = None) -> dict:
        """Targets of one face.

        Args:
            keypoints (ndarray): (1, K, 2) in pixels of the network input.
            keypoints_visible (ndarray, optional): (1, K); 0 means not annotated.

        Returns:
            dict: See the class.
        """
        if keypoints[0].shape != (self.layout.num_keypoints, 2):
            raise ValueError(
                f'layout {self.layout.name} has {self.layout.num_keypoints} landmarks, '
                f'got keypoints of shape {keypoints.shape}'
            )
        points, weights = counted_landmarks(keypoints, keypoints_visible, self.input_size, self.outside)
        labels = normalize(points, self.input_size).clip(-1, 1)
        encoded = dict(keypoint_labels=labels.astype(np.float32), keypoint_weights=weights.astype(np.float32))
        if self.attention_maps:
            encoded['point_heatmaps'] = point_maps(points[0], self.input_size, self.heatmap_size)
            encoded['point_heatmaps'][~weights[0]] = 0
            encoded['edge_heatmaps'] = self.edge_maps(keypoints, keypoints_visible)
        return encoded

    def edge_maps(self, keypoints: np.ndarray, keypoints_visible: np.ndarray | None = None) -> np.ndarray:
        """(E, h, w) float32 of one face; arguments as of :meth:`encode`."""
        annotated = None if keypoints_visible is None else keypoints_visible[0] > 0
        return edge_maps(keypoints[0], self.layout, self.input_size, self.heatmap_size, annotated)
