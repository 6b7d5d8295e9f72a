"""The demo in a browser, as a visitor uses it; Debian's chromium is driven by Playwright."""

import json
import re
import shutil
import time
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmfld.demo.limits import Limits
from mmfld.demo.server import serve
from mmfld.runtime import FaceLandmarker
from mmfld.runtime.drawing import POINT

pytest.importorskip('gradio', reason='needs gradio, which is not installed')
playwright = pytest.importorskip('playwright.sync_api', reason='needs playwright, which is not installed')
CHROMIUM = shutil.which('chromium')
if CHROMIUM is None:
    pytest.skip('needs chromium, which is not installed: apt-get install chromium', allow_module_level=True)

pytestmark = pytest.mark.slow
PATIENCE = 180_000  # ms; on a busy machine


@pytest.fixture(scope='module')
def address():
    with serve(threads=1, limits=Limits(megapixels=0.2)) as url:
        yield url


@pytest.fixture(scope='module')
def browser():
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=['--no-sandbox'])
        yield browser
        browser.close()


@contextmanager
def visit(browser, address):
    """A visitor's page, which must ask for nothing from elsewhere."""
    context = browser.new_context(viewport=dict(width=1280, height=1400))
    page, asked = context.new_page(), []
    page.set_default_timeout(PATIENCE)
    page.on('request', lambda request: asked.append(request.url))
    page.goto(address)
    yield page
    context.close()
    assert len(asked) > 10  # the page and its scripts
    assert [url for url in asked if not url.startswith((address, 'data:', f'blob:{address}'))] == []


def upload(page, path):
    page.locator('#picture input[type=file]').set_input_files(str(path))


def wait_for(page, sentence):
    """Until the page tells this, a regular expression."""
    playwright.expect(page.locator('#told textarea')).to_have_value(re.compile(sentence), timeout=PATIENCE)


def download(page, name, folder):
    with page.expect_download() as waiting:
        page.locator(f'#files a[download="{name}"]').click()
    waiting.value.save_as(folder / name)
    return folder / name


def green(page):
    """Where the picture with landmarks, as the screen shows it, has their colour: (N, 2) x and y in its pixels."""
    picture = page.locator('#drawn img')
    page.wait_for_function('document.querySelector("#drawn img").complete')
    shot = cv2.imdecode(np.frombuffer(picture.screenshot(), np.uint8), cv2.IMREAD_COLOR).astype(int)
    height = picture.evaluate('image => image.naturalHeight')
    points = np.argwhere((np.abs(shot - POINT) < 60).all(axis=2))[:, ::-1]
    return (points + 0.5) * height / shot.shape[0] - 0.5


def test_a_tilted_face_is_found_drawn_and_downloaded(browser, address, tilted, tmp_path):
    path = tmp_path / 'tilted.png'
    cv2.imwrite(str(path), tilted)
    (expected,) = FaceLandmarker(threads=1)(tilted)
    with visit(browser, address) as page:
        upload(page, path)
        wait_for(page, r'^1 face, 300 x 300 pixels, \d+\.\d\d s with mmfld_robust_mini\.onnx$')
        (face,) = json.loads(download(page, 'tilted.json', tmp_path).read_text())
        np.testing.assert_allclose(face['keypoints'], expected.landmarks, atol=1e-3)
        assert face['angle'] == pytest.approx(expected.angle, abs=1e-3) and abs(face['angle']) > 30
        _, row = download(page, 'faces.csv', tmp_path).read_text().splitlines()
        assert row.startswith('tilted.png,,,0,')
        shown = green(page)
    far = np.hypot(*(expected.landmarks[:, None] - shown).transpose(2, 0, 1)).min(axis=1)
    assert (far < 2).all()  # each landmark is drawn
    back = np.hypot(*(shown[:, None] - expected.landmarks).transpose(2, 0, 1)).min(axis=1)
    assert np.quantile(back, 0.95) < 4  # and little else is


def test_a_port_that_is_taken_is_told(address):
    port = int(address.rstrip('/').rpartition(':')[2])
    with pytest.raises(OSError, match=f'^cannot listen at 127.0.0.1, port {port}: it is taken'):
        with serve(threads=1, port=port):
            pass


def test_heatmaps_of_a_chosen_landmark_are_shown(browser, address, tilted, tmp_path):
    path = tmp_path / 'tilted.png'
    cv2.imwrite(str(path), tilted)
    (expected,) = FaceLandmarker(threads=1)(tilted)
    with visit(browser, address) as page:
        page.locator('#model input').click()
        page.get_by_role('option', name='mmfld_robust_mini.pth').click()
        upload(page, path)
        wait_for(page, r'mmfld_robust_mini\.pth$')
        page.get_by_text('heatmap of landmark 0', exact=True).wait_for()
        picture = page.locator('#drawn img')
        scale = picture.bounding_box()['width'] / picture.evaluate('image => image.naturalWidth')
        x, y = expected.landmarks[30] * scale
        picture.click(position=dict(x=float(x), y=float(y)))
        page.get_by_text('heatmap of landmark 30', exact=True).wait_for()


def test_two_visitors_at_once_get_their_own_results(browser, address, tilted, tmp_path):
    pictures = [tilted, cv2.rotate(tilted, cv2.ROTATE_180)]
    expected = [FaceLandmarker(threads=1)(picture)[0].landmarks for picture in pictures]
    for name, picture in zip('ab', pictures):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / 'face.png'), picture)
    with visit(browser, address) as first, visit(browser, address) as second:
        upload(first, tmp_path / 'a/face.png')
        upload(second, tmp_path / 'b/face.png')
        for page, folder, landmarks in zip((first, second), 'ab', expected):
            wait_for(page, '^1 face')
            (face,) = json.loads(download(page, 'face.json', tmp_path / folder).read_text())
            np.testing.assert_allclose(face['keypoints'], landmarks, atol=1e-3)
    assert np.abs(expected[0] - expected[1]).max() > 50


def test_a_broken_upload_gets_a_sentence_and_the_page_goes_on(browser, address, tilted, tmp_path):
    content = cv2.imencode('.jpg', tilted)[1].tobytes()
    for name, part in (('cut.jpg', content[:3000]), ('whole.jpg', content), ('text.jpg', b'no picture')):
        (tmp_path / name).write_bytes(part)
    cv2.imwrite(str(tmp_path / 'large.png'), np.zeros((500, 500, 3), np.uint8))
    with visit(browser, address) as page:
        for name, sentence in (
            ('cut.jpg', r'^cut\.jpg: found 3000 bytes of a JPEG that has no end: it is cut off$'),
            ('text.jpg', r'^text\.jpg: found 10 bytes of no picture that Pillow knows, expected one$'),
            ('large.png', r'^large\.png: found 500 x 500 pixels, expected at most 0\.2 million: make it smaller$'),
            ('whole.jpg', '^1 face'),
        ):
            page.reload()
            upload(page, tmp_path / name)
            wait_for(page, sentence)


def test_files_are_gone_when_the_visitor_has_left_and_all_when_the_demo_ends(browser, tilted, tmp_path):
    path = tmp_path / 'tilted.png'
    cv2.imwrite(str(path), tilted)
    with serve(threads=1) as address:
        with visit(browser, address) as page:
            upload(page, path)
            wait_for(page, '^1 face')
            link = page.locator('#files a[download="tilted.json"]').get_attribute('href')
            folder = Path(link.partition('file=')[2]).parents[1]
            names = sorted(file.name for file in files(folder))
            assert names == ['faces.csv', 'tilted.json', 'tilted.png', 'tilted.png']  # as it came, and drawn
        for _ in range(300):
            time.sleep(0.1 if files(folder) else 0)
        assert files(folder) == []
    assert not folder.exists()


def files(folder):
    return [path for path in folder.rglob('*') if path.is_file()]
