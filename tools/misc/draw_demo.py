"""Draws what the documentation shows of ``mmfld demo``: its page in headless Chromium, with a rendered, tilted face.

python tools/misc/draw_demo.py docs/_static/demo.jpg
"""

import argparse
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
from playwright.sync_api import expect, sync_playwright

from mmfld.demo.server import serve
from mmfld.synthetic import SyntheticFaceGenerator

TILT = 50  # degrees clockwise
LANDMARK = 48  # a corner of the mouth
QUALITY = 75  # of the JPEG
PATIENCE = 180_000  # ms


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('out', type=Path, metavar='FILE.jpg')
    args = parser.parse_args()
    chromium = shutil.which('chromium')
    if chromium is None:
        raise SystemExit('found no chromium, which takes the picture: apt-get install chromium')
    with TemporaryDirectory() as folder, serve() as address, sync_playwright() as driver:
        path = Path(folder) / 'tilted.png'
        image = SyntheticFaceGenerator(seed=3, image_size=400, flags='none')[0].image
        turned = cv2.warpAffine(image, cv2.getRotationMatrix2D((200, 200), -TILT, 1), (400, 400))
        cv2.imwrite(str(path), turned)
        browser = driver.chromium.launch(executable_path=chromium, args=['--no-sandbox'])
        page = browser.new_page(viewport=dict(width=1200, height=1450))
        page.set_default_timeout(PATIENCE)
        page.goto(address)
        page.locator('#model input').click()
        page.get_by_role('option').last.click()  # the checkpoint, which has heatmaps
        page.locator('#picture input[type=file]').set_input_files(str(path))
        page.get_by_text('heatmap of landmark 0', exact=True).wait_for()
        told = page.locator('#told textarea')
        first = told.input_value()  # with the time in which the networks were opened
        page.get_by_role('button', name='Find landmarks').click()
        expect(told).not_to_have_value(first, timeout=PATIENCE)
        page.locator('#landmark input[type=number]').fill(str(LANDMARK))
        page.locator('#landmark input[type=number]').press('Enter')
        page.get_by_text(f'heatmap of landmark {LANDMARK}', exact=True).wait_for()
        page.wait_for_function('[...document.images].every(image => image.complete)')
        page.mouse.move(0, 0)
        page.wait_for_timeout(1000)  # what is fading in or out
        page.screenshot(path=str(args.out), type='jpeg', quality=QUALITY)
        browser.close()


if __name__ == '__main__':
    main()
