"""What happens when a visitor uploads or chooses something. All that is his own comes and goes with each call."""

import base64
import time
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import cv2
import gradio as gr

from ..counts import how_many
from ..runtime import FaceTracker, read_image
from ..runtime.drawing import draw_faces
from ..structures import get_conversion
from .answers import Answer, annotate, convert, nearest, table_of
from .inside import Inside, look_inside, views
from .limits import Limits
from .models import Models
from .visits import Visits

OWN = 'of the model'
WRONG = (ImportError, KeyError, OSError, TypeError, ValueError)  # whose sentence the visitor gets
Tracking = tuple[tuple, FaceTracker]  # the choices that it was made for, and the tracker


class Handlers:
    """Serves several threads.

    Args:
        models (Models): To choose among.
        limits (Limits): Of uploads.
        visits (Visits): Where the visitors' files are noted.
    """

    def __init__(self, models: Models, limits: Limits, visits: Visits) -> None:
        self.models, self.limits, self.visits = models, limits, visits

    def choose(self, model: str) -> tuple:
        """Updates of the decoders and layouts that a model has."""
        try:
            decoders, layouts = self.models.decoders(model), self.models.layouts(model)
        except WRONG as error:
            raise gr.Error(_sentence(error), duration=None, print_exception=False) from error
        return gr.update(choices=[OWN, *decoders], value=OWN), gr.update(choices=layouts, value=layouts[0])

    def picture(self, request: gr.Request, upload: Path | None, *choices: Any) -> tuple:
        """The faces of a picture; see :meth:`_answer`."""
        return self._answer(request, upload, False, choices)

    def video(self, request: gr.Request, upload: Path | None, *choices: Any) -> tuple:
        """The faces of a video; see :meth:`_answer`."""
        return self._answer(request, upload, True, choices)

    def _answer(self, request: gr.Request, upload: Path | None, is_video: bool, choices: tuple) -> tuple:
        """The :class:`Answer`, drawn picture, drawn video, text, files, table, and updates of landmark and face."""
        model, decoder, layout, orientation, ellipses = choices
        nothing = None, gr.update(value=None, visible=not is_video), gr.update(value=None, visible=is_video)
        if upload is None:
            return *nothing, '', None, [], gr.skip(), gr.skip()
        try:
            landmarker = self.models.landmarker(model, _own(decoder), orientation)
            folder = self.visits.results(request.session_hash, upload)
            answer = annotate(upload, is_video, landmarker, folder, self.limits, layout, ellipses)
        except WRONG as error:
            return *nothing, _sentence(error), None, [], gr.skip(), gr.skip()
        return (
            answer,
            gr.update(value=None if is_video else answer.picture, visible=not is_video),
            gr.update(value=answer.picture if is_video else None, visible=is_video),
            answer.told,
            [str(path) for path in answer.files],
            table_of(answer.faces),
            gr.update(maximum=landmarker.model.layout.num_keypoints - 1),
            0,
        )

    def inside(self, answer: Answer | None, face: float | None) -> tuple[Inside | None, str]:
        """What the network sees in a face, or a sentence that says why not."""
        if answer is None:
            return None, ''
        try:
            return look_inside(answer, int(face or 0)), ''
        except WRONG as error:
            return None, _sentence(error)

    def views(self, answer: Answer | None, inside: Inside | None, landmark: int) -> dict:
        """Update of the gallery, with pictures and captions; files beside the results, with which they are deleted."""
        if answer is None or inside is None:
            return gr.update(value=[], visible=False)
        shown, folder = [], Path(mkdtemp(dir=answer.picture.parent))  # a new one, as browsers remember names
        for picture, caption in views(inside, min(int(landmark), len(inside.points) - 1)):
            path = folder / f'{len(shown)}.jpg'
            cv2.imwrite(str(path), picture)
            shown.append((str(path), caption))
        return gr.update(value=shown, visible=True)

    def click(self, answer: Answer | None, event: gr.SelectData) -> tuple:
        """Face and landmark next to where the visitor has clicked."""
        if answer is None or not answer.found:
            return gr.skip(), gr.skip()
        return nearest(answer.found, *event.index)

    def live(self, content: bytes | None, tracking: Tracking | None, *choices: Any) -> tuple:
        """Picture as HTML, so that none becomes a file, text, and what is remembered for the camera's next picture."""
        if content is None:
            return gr.skip(), gr.skip(), None
        model, decoder, layout, orientation, ellipses = choices
        try:
            self.limits.check_picture(content, 'camera')
            if tracking is None or tracking[0] != choices:
                tracking = choices, FaceTracker(self.models.landmarker(model, _own(decoder), orientation))
            tracker, image, start = tracking[1], read_image(content), time.monotonic()
            found = tracker(image, start)
            spent = time.monotonic() - start
            conversion = get_conversion(tracker.landmarker.model.layout, layout)
        except WRONG as error:
            return '', _sentence(error), None
        degrees = tracker.landmarker.model.degrees_of_freedom if ellipses else None
        picture = draw_faces(image, [convert(face, conversion) for face in found], degrees_of_freedom=degrees)
        _, jpeg = cv2.imencode('.jpg', picture)
        html = f'<img alt="landmarks" src="data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}">'
        return html, f'{how_many(len(found), "face")} followed, {spent:.2f} s', tracking

    def leave(self, request: gr.Request) -> None:
        """Delete what a visitor has left."""
        self.visits.leave(request.session_hash)


def _own(decoder: str | None) -> str | None:
    return None if decoder in (None, OWN) else decoder


def _sentence(error: Exception) -> str:
    return str(error.args[0] if isinstance(error, KeyError) else error)
