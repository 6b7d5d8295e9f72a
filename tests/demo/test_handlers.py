"""What the page does when a visitor chooses something, called without a browser."""

import asyncio
import base64
import re

import cv2
import numpy as np
import pytest

from mmfld.demo.limits import Limits
from mmfld.demo.models import Models
from mmfld.demo.visits import Visits

gradio = pytest.importorskip('gradio', reason='needs gradio, which is not installed')

from mmfld.demo.handlers import OWN, Handlers  # noqa: E402
from mmfld.demo.uploads import as_bytes, as_path  # noqa: E402

EXPORTED, CHECKPOINT = 'mmfld_robust_mini.onnx', 'mmfld_robust_mini.pth'
CHOICES = EXPORTED, OWN, '300w68', 'auto', True


class Request:
    session_hash = 'visitor'


@pytest.fixture(scope='module')
def models():
    return Models(threads=1)


@pytest.fixture
def handlers(models, tmp_path):
    return Handlers(models, Limits(megapixels=0.1), Visits(tmp_path))


def jpeg(image):
    return cv2.imencode('.jpg', image)[1].tobytes()


def test_a_camera_is_followed_from_its_second_picture_on(handlers, tilted):
    html, told, tracking = handlers.live(jpeg(tilted), None, *CHOICES)
    assert told.startswith('0 faces followed, ')
    html, told, again = handlers.live(jpeg(tilted), tracking, *CHOICES)
    assert told.startswith('1 face followed, ') and again is tracking
    content = base64.b64decode(re.fullmatch('<img .* src="data:image/jpeg;base64,(.*)">', html)[1])
    shown = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape == tilted.shape and np.abs(shown.astype(int) - tilted).max() > 100


def test_another_choice_begins_to_follow_anew(handlers, tilted):
    *_, tracking = handlers.live(jpeg(tilted), None, *CHOICES)
    _, told, other = handlers.live(jpeg(tilted), tracking, *CHOICES[:3], 'upright', True)
    assert other[1] is not tracking[1] and told.startswith('0 faces')


@pytest.mark.parametrize('content', [b'no picture', jpeg(np.zeros((400, 400, 3), np.uint8))])
def test_a_picture_of_a_camera_that_is_broken_or_too_large_gets_a_sentence(handlers, content):
    html, told, tracking = handlers.live(content, None, *CHOICES)
    assert html == '' and told.startswith('camera: found ') and tracking is None


def test_a_choice_that_is_none_gets_a_sentence(handlers, upload):
    for choices, sentence in (
        (('other.onnx', *CHOICES[1:]), "found model 'other.onnx', expected one of"),
        ((EXPORTED, 'argmax', *CHOICES[2:]), "found decoder='argmax'"),
        ((EXPORTED, OWN, 'wflw98', *CHOICES[3:]), 'no conversion 300w68 -> wflw98'),
        ((*CHOICES[:3], 'sideways', True), "found 'sideways', expected one of"),
    ):
        answer, *_, told, files, rows, _, _ = handlers.picture(Request, upload, *choices)
        assert answer is None and sentence in told and files is None and rows == []


def test_an_upload_that_is_taken_away_clears_the_page(handlers):
    answer, *_, told, files, rows, _, _ = handlers.picture(Request, None, *CHOICES)
    assert (answer, told, files, rows) == (None, '', None, [])


def test_decoders_and_layouts_are_those_of_the_chosen_model(handlers):
    decoder, layout = handlers.choose(CHECKPOINT)
    assert decoder['choices'] == [OWN, 'argmax', 'quarter_shift', 'local_soft_argmax', 'expectation']
    assert layout['choices'] == ['300w68', '300w49', 'cofw25'] and layout['value'] == '300w68'


def test_a_click_chooses_the_landmark_next_to_it_of_any_face(models, tmp_path, tilted, upload):
    cv2.imwrite(str(upload), np.hstack([tilted, tilted]))
    handlers = Handlers(models, Limits(), Visits(tmp_path))
    answer, *_ = handlers.picture(Request, upload, *CHOICES)

    class Event:
        index = answer.found[1].landmarks[33] + 0.2

    assert handlers.click(answer, Event) == (1, 33)
    assert handlers.click(None, Event) == (gradio.skip(), gradio.skip())


@pytest.mark.parametrize('make', [gradio.Image, gradio.Video])
def test_a_url_is_not_downloaded(make):
    component = as_path(make())
    with pytest.raises(gradio.Error, match='found the URL http://example.org/a.png, expected a file'):
        asyncio.run(component.async_move_resource_to_block_cache('http://example.org/a.png'))


def test_uploads_are_handed_on_as_they_are(tmp_path):
    class Payload:
        path, url = str(tmp_path / 'a.png'), None

    (tmp_path / 'a.png').write_bytes(b'no picture')
    assert as_path(gradio.Image()).preprocess(Payload) == tmp_path / 'a.png'
    assert as_bytes(gradio.Image()).preprocess(Payload) == b'no picture'
    Payload.url = 'data:image/jpeg;base64,' + base64.b64encode(b'of a camera').decode()
    assert as_bytes(gradio.Image()).preprocess(Payload) == b'of a camera'
    assert as_path(gradio.Video()).preprocess(None) is None
