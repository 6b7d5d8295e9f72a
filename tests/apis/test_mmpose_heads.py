"""MMPose's codecs on tensors against their own decoding in NumPy."""

import numpy as np
import onnxruntime
import pytest
import torch
from mmpose.codecs import MSRAHeatmap, SimCCLabel, UDPHeatmap
from mmpose.models.heads import HeatmapHead

from mmfld.apis.mmpose_heads import functions_of
from mmfld.apis.onnx_export import OPSET

SIZES = dict(input_size=(128, 96), heatmap_size=(32, 24))


def head_of(codec):
    """What knows its codec, as a HeatmapHead does."""
    head = HeatmapHead.__new__(HeatmapHead)
    torch.nn.Module.__init__(head)
    head.decoder = codec
    return head


def peaks():
    """(2, 40, 24, 32) noisy peaks all over the map and on its border; the last map of each face is nowhere above 0."""
    rng = np.random.default_rng(0)
    centres = rng.uniform(0, [31, 23], (2, 40, 2))
    centres[0, :8] = [[0, 0], [31, 23], [0, 12], [31, 12], [1, 1], [16, 0], [30, 22], [2, 21]]
    x, y = (
        np.exp(-0.5 * ((np.arange(side) - centres[..., axis, None]) / 2) ** 2) for axis, side in enumerate((32, 24))
    )
    maps = y[..., :, None] * x[..., None, :] + rng.uniform(0, 0.02, (2, 40, 24, 32))
    maps[:, -1] = -maps[:, -1]
    return maps.astype(np.float32)


@pytest.mark.parametrize(
    'codec',
    [
        MSRAHeatmap(sigma=2.0, **SIZES),
        MSRAHeatmap(sigma=2.0, unbiased=True, **SIZES),
        MSRAHeatmap(sigma=2.0, unbiased=True, blur_kernel_size=7, **SIZES),
        UDPHeatmap(**SIZES),
    ],
    ids=['quarter shift', 'DARK', 'DARK, 7', 'UDP'],
)
def test_heatmaps_are_decoded_as_mmpose_does(codec):
    maps = peaks()
    _, landmarks = functions_of(head_of(codec))
    points, scores = landmarks(torch.from_numpy(maps))
    expected, expected_scores = zip(*map(codec.decode, maps))
    np.testing.assert_allclose(points, np.concatenate(expected), atol=0.01)
    np.testing.assert_array_equal(scores, np.concatenate(expected_scores))


class Landmarks(torch.nn.Module):
    def __init__(self, codec):
        super().__init__()
        _, self.landmarks = functions_of(head_of(codec))

    def forward(self, maps):
        return self.landmarks(maps)


@pytest.mark.usefixtures('exporter')
@pytest.mark.parametrize(
    'codec', [MSRAHeatmap(sigma=2.0, unbiased=True, **SIZES), UDPHeatmap(**SIZES)], ids=['DARK', 'UDP']
)
def test_newton_steps_in_onnx(codec, tmp_path):
    """On maps with peaks, which the untrained networks of the export's tests do not have."""
    maps = peaks()
    torch.onnx.export(
        Landmarks(codec),
        (torch.from_numpy(maps),),
        str(tmp_path / 'codec.onnx'),
        dynamo=True,
        opset_version=OPSET,
        optimize=False,
        verbose=False,
        input_names=['maps'],
        dynamic_shapes=({0: torch.export.Dim('faces', min=1)},),
    )
    session = onnxruntime.InferenceSession(tmp_path / 'codec.onnx', providers=['CPUExecutionProvider'])
    for faces in (maps, maps[1:]):
        points, _ = session.run(None, dict(maps=faces))
        np.testing.assert_allclose(points, np.concatenate([codec.decode(face)[0] for face in faces]), atol=0.01)


def test_what_has_no_graph_is_named():
    for codec, name in (
        (UDPHeatmap(heatmap_type='combined', **SIZES), 'UDPHeatmap'),
        (None, 'NoneType'),
        (SimCCLabel((128, 96)), 'SimCCLabel'),
    ):
        with pytest.raises(TypeError, match=f'HeatmapHead with the codec {name} cannot be exported: expected'):
            functions_of(head_of(codec))
