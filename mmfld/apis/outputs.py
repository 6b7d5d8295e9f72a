"""What an inferencer gives, shows and saves besides its predictions."""

from pathlib import Path
from typing import Any

import cv2
from mmpose.apis.inferencers import Pose2DInferencer

from ..runtime.arguments import check_flag, check_number, check_path, check_whole

DRAWING = Pose2DInferencer.visualize_kwargs | {'draw_uncertainty'}


class Outputs:
    """The output options of one call.

    Args:
        return_vis (bool): Return the drawn images.
        show (bool): Show them in a window. Esc ends a video.
        vis_out_dir (str | Path): Save them, under the names of the inputs, in this folder. A video becomes one mp4
            file, whose name may also be given here.
        pred_out_dir (str | Path): Save the predictions in this folder: one json file per image or video.
        return_datasamples (bool): Return a PoseDataSample instead of a list of dicts.
        out_dir (str | Path, optional): Short for ``vis_out_dir=OUT_DIR/visualizations`` and
            ``pred_out_dir=OUT_DIR/predictions``.
        **drawing: ``draw_bbox`` (around the box from which the last crop was taken), ``draw_heatmap``,
            ``draw_uncertainty`` (of calibrated weights, see :func:`mmfld.runtime.drawing.draw_ellipses`), ``radius``
            and ``thickness`` in pixels (by default in proportion to the face), ``kpt_thr`` (0, as all landmarks of a
            face are always there), ``wait_time``, ``black_background``.

    Raises:
        ImportError: If pictures are to be shown and OpenCV cannot open windows.
        ValueError: If there is no such option, or it has no meaning.
    """

    def __init__(
        self,
        return_vis: bool = False,
        show: bool = False,
        vis_out_dir: str | Path = '',
        pred_out_dir: str | Path = '',
        return_datasamples: bool = False,
        out_dir: str | Path | None = None,
        **drawing: Any,
    ) -> None:
        unknown = set(drawing) - DRAWING
        if unknown:
            raise ValueError(f'unknown arguments {sorted(unknown)}')
        for name, path in dict(vis_out_dir=vis_out_dir, pred_out_dir=pred_out_dir, out_dir=out_dir).items():
            if path not in (None, ''):
                check_path(name, path)
        for name, flag in dict(return_vis=return_vis, show=show, return_datasamples=return_datasamples).items():
            check_flag(name, flag)
        _check_drawing(drawing)
        if out_dir is not None:
            vis_out_dir = vis_out_dir or Path(out_dir) / 'visualizations'
            pred_out_dir = pred_out_dir or Path(out_dir) / 'predictions'
        if show:
            _check_windows()
        self.return_vis = return_vis
        self.show = show
        self.vis_out_dir = str(vis_out_dir)
        self.pred_out_dir = str(pred_out_dir)
        self.return_datasamples = return_datasamples
        self.drawing = dict(drawing, show=show)

    @property
    def has_pictures(self) -> bool:
        return self.return_vis or self.show or bool(self.vis_out_dir)

    @property
    def has_heatmaps(self) -> bool:
        return self.drawing.get('draw_heatmap', False)


def _check_drawing(drawing: dict[str, Any]) -> None:
    for name in {'draw_bbox', 'draw_heatmap', 'draw_uncertainty', 'black_background'} & set(drawing):
        check_flag(name, drawing[name])
    for name in {'radius', 'thickness'} & set(drawing):
        check_whole(name, drawing[name])
    for name in {'kpt_thr', 'wait_time'} & set(drawing):
        check_number(name, drawing[name])
    if drawing.get('skeleton_style', 'mmpose') not in ('mmpose', 'openpose'):
        raise ValueError(f'found skeleton_style={drawing["skeleton_style"]!r}, expected mmpose or openpose')


def _check_windows() -> None:
    try:
        cv2.waitKey(1)
    except cv2.error as error:
        raise ImportError(
            'show: this OpenCV cannot open windows: save pictures instead (vis_out_dir), or run `pip '
            'uninstall opencv-python-headless` and `pip install opencv-python`'
        ) from error
