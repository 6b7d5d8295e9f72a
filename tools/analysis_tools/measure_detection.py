"""Which proposals of a detector are faces, told by the scores of their landmarks.

    python tools/analysis_tools/measure_detection.py ANNOTATIONS.json IMAGES [--without-faces FOLDER]

For thresholds of the mean score of the landmarks, beginning with none: the share of annotated faces that are found
(some answer's mean error is below 8 % of the inter-ocular distance), further answers for 100 pictures, some of which
are real other faces, and answers for 100 pictures that show no face; all pictures are also turned by the given angles.
Neither torch nor an OpenMMLab package is needed.
"""

import argparse
from pathlib import Path

import numpy as np
from annotated_faces import add_arguments, nme, read_faces
from measure_orientations import WRONG, turned
from tqdm import tqdm

from mmfld.runtime import FaceLandmarker
from mmfld.runtime.media import ImageSource, open_source

THRESHOLDS = (0.0, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument('--without-faces', type=Path, metavar='FOLDER', help='pictures that show no face')
    parser.add_argument('--detector', default='centerface')
    parser.add_argument('--angles', type=float, nargs='+', default=[0.0, 90.0, 180.0, 270.0], help='degrees')
    args = parser.parse_args()
    landmarker = FaceLandmarker(args.model, args.detector, threads=args.threads, min_score=float('-inf'))
    eyes = landmarker.model.layout.eye_corners

    right, others = [], []  # the scores of the answers that hit the face best, and of all others
    faces = list(read_faces(args.annotations, args.images, args.every))
    for image, landmarks in tqdm(faces, unit='face'):
        for angle in args.angles:
            picture, truth = turned(image, landmarks + args.keypoint_offset, angle)
            answers = sorted((nme(face.landmarks, truth, eyes), face.scores.mean()) for face in landmarker(picture))
            hit = bool(answers) and answers[0][0] <= WRONG
            right += [score for _, score in answers[:hit]]
            others += [score for _, score in answers[hit:]]
    pictures, false = 0, []
    if args.without_faces is not None:
        source = open_source(args.without_faces)
        assert isinstance(source, ImageSource)
        for frame in tqdm(source, total=source.length, unit='picture'):
            for angle in args.angles:
                picture, _ = turned(frame.image, np.zeros((1, 2)), angle)
                false += [face.scores.mean() for face in landmarker(picture)]
                pictures += 1

    shown = len(faces) * len(args.angles)
    print(f'{shown} pictures with a face, {pictures} without')
    print('threshold | found, % | extra of 100 | false of 100')
    for threshold in THRESHOLDS:
        counts = [np.sum(np.array(scores) >= threshold) * 100 for scores in (right, others, false)]
        print(
            f'{threshold:.2f} | {counts[0] / shown:.2f} | {counts[1] / shown:.2f} | '
            f'{counts[2] / pictures if pictures else np.nan:.2f}'
        )


if __name__ == '__main__':
    main()
