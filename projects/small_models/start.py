"""What two recipes begin with: the weights of ``mmfld_tiny_mini`` for other heatmaps, and annotations of 49 points.

    python projects/small_models/start.py data/300w/annotations/face_landmarks_300w_{fit,select}.json
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from mmfld.structures import get_conversion

WEIGHTS = 'mmfld/assets/mmfld_tiny_mini.pth'


def inner_points(content: dict) -> dict:
    """COCO annotations of 68 points with the 49 inner ones."""
    conversion = get_conversion('300w68', '300w49')
    for face in content['annotations']:
        points = np.array(face['keypoints'], float).reshape(1, -1, 3)
        inner = conversion.keypoints(points[..., :2])[0]
        low, high = inner.min(0), inner.max(0)
        face.update(
            keypoints=np.c_[inner, np.full(len(inner), 2)].ravel().tolist(),
            num_keypoints=len(inner),
            bbox=[*low, *(high - low)],
        )
    return content


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('annotations', type=Path, nargs='+')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/small_models'))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for path in args.annotations:
        (args.out / f'inner_{path.name}').write_text(json.dumps(inner_points(json.loads(path.read_text()))))

    numbers = np.tile(np.arange(68.0)[:, None], (1, 2))[None]
    kept = get_conversion('300w68', '300w49').keypoints(numbers)[0, :, 0].astype(int)
    weights = torch.load(WEIGHTS, weights_only=True)['state_dict']
    weights = {key: value.float() if value.is_floating_point() else value for key, value in weights.items()}
    inner, split = dict(weights), dict(weights)
    for key, value in weights.items():
        if key.startswith('backbone.out_heatmaps.'):
            inner[key] = value[kept]
        if key.startswith('backbone.out_heatmaps.1.'):
            split[key] = value.repeat_interleave(4, 0)  # all four cells as the one before
        if key == 'backbone.merge_heatmaps.0.weight':
            inner[key] = value[:, kept]
    torch.save(dict(state_dict=inner), args.out / 'inner.pth')
    torch.save(dict(state_dict=split), args.out / 'cells64.pth')


if __name__ == '__main__':
    main()
