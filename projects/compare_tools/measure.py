"""One tool on one variant of the faces, in a process of its own: what it finds, its time and its memory.

    python projects/compare_tools/measure.py TOOL VARIANT FILE.json [--data-root data/300w] [--every 1] [--threads 2]

``run.py`` starts it. Ends with status 3, and one sentence, if a package is not installed.
"""

import argparse
import json
import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

if __name__ == '__main__':
    sys.modules['mmpose'] = None  # as in an application: where OpenMMLab and torch are installed, mmfld imports them

import cv2  # noqa: E402
import numpy as np  # noqa: E402
from adapters import TOOLS, Detections, versions  # noqa: E402
from data import VARIANTS, AnnotatedFace, read_faces  # noqa: E402
from schemes import POINT_SETS, shared  # noqa: E402

from mmfld.robustness import vary  # noqa: E402
from mmfld.runtime.boxes import overlaps, tight_box  # noqa: E402
from mmfld.runtime.images import read_image  # noqa: E402
from mmfld.structures import get_layout  # noqa: E402

MIN_IOU = 0.3  # of a tool's box and the tight box of the annotated landmarks: the face is found
NOT_INSTALLED = 3
EYE_CORNERS = list(get_layout('300w68').eye_corners)


def measure(
    tool: Callable[[np.ndarray], Detections], scheme: str, variant: str, faces: Sequence[AnnotatedFace]
) -> list[dict]:
    """Show the faces to a tool.

    Returns:
        list[dict]: Of each face what :func:`judge` says, its ``number``, and ``ms``, the time that the tool took.
    """
    results = []
    for face in faces:
        image, truth, _ = vary(variant, read_image(face.path), face.landmarks, face.number)
        if not results:
            tool(image)  # the first call is slower
        start = time.perf_counter()
        found = tool(image)
        ms = 1000 * (time.perf_counter() - start)
        results.append(dict(number=face.number, ms=round(ms, 2), **judge(found, scheme, truth)))
    return results


def judge(found: Detections, scheme: str, truth: np.ndarray) -> dict:
    """Whether the face is among the detections: the one whose box overlaps that of the landmarks most, by
    :data:`MIN_IOU` at least.

    Args:
        found (Detections): Of a tool.
        scheme (str): Of its points.
        truth (ndarray): (68, 2).

    Returns:
        dict: ``found``; ``extra``, how many other detections there are; ``nme``, for each set of points that the scheme
        has the mean error in percent of the distance between the outer corners of the eyes, empty if not found.
    """
    shares = overlaps(found.boxes, tight_box(truth)[None])[:, 0]
    is_found = bool(shares.max(initial=0.0) >= MIN_IOU)
    nme = {}
    if is_found:
        points = found.points[shares.argmax()]
        inter_ocular = np.linalg.norm(np.subtract(*truth[EYE_CORNERS]))
        for name, schemes in POINT_SETS.items():
            if scheme in schemes:
                errors = np.linalg.norm(shared(points, scheme, name) - shared(truth, '300w68', name), axis=-1)
                nme[name] = round(float(100 * errors.mean() / inter_ocular), 4)
    return dict(found=is_found, extra=len(found.boxes) - is_found, nme=nme)


def peak_memory() -> float:
    """The most memory, in MiB, that this process has had in RAM since its program began (``VmHWM``).

    That of ``getrusage`` counts what the process had that started it.

    Raises:
        OSError: If the system is not Linux.
    """
    return int(re.search(r'VmHWM:\s+(\d+) kB', Path('/proc/self/status').read_text())[1]) / 1024


def run(tool: str, variant: str, faces: Sequence[AnnotatedFace], threads: int) -> dict:
    """Make a tool and measure it with so many threads on as many cores; then, of ``memory`` in MiB, the peak."""
    kind = TOOLS[tool]
    found_versions = versions(kind.packages)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    cv2.setNumThreads(threads)
    results = measure(kind(threads), kind.scheme, variant, faces)
    return dict(
        tool=tool,
        scheme=kind.scheme,
        variant=variant,
        threads=threads,
        versions=found_versions,
        memory=round(peak_memory(), 1),
        results=results,
    )


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('tool', choices=TOOLS)
    parser.add_argument('variant', choices=VARIANTS)
    parser.add_argument('file', type=Path)
    parser.add_argument('--data-root', type=Path, default=Path('data/300w'))
    parser.add_argument('--every', type=int, default=1, help='take every n-th face')
    parser.add_argument('--threads', type=int, default=2, help='and cores')
    args = parser.parse_args(argv)
    faces = read_faces(args.data_root, args.every)
    try:
        result = run(args.tool, args.variant, faces, args.threads)
    except ImportError as error:
        print(f'{args.tool}: {error}', file=sys.stderr)
        return NOT_INSTALLED
    partial = args.file.with_suffix('.part')
    partial.write_text(json.dumps(result) + '\n')
    partial.replace(args.file)
    return 0


if __name__ == '__main__':
    sys.exit(main())
