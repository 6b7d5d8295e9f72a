"""What heatmaps of 64 x 64 cells cost: the truth of real faces, encoded, decoded and compared with itself.

    python projects/quantisation_error/run.py --csv-300w DIR --wflw DIR [--cofw68 DIR] [--lfpw29 FILE]
        [--merl-rav DIR] [--out work_dirs/quantisation_error]

DIR of 300W holds ``face_landmarks_300w_{valid,test}.csv`` (68 points), DIR of WFLW ``list_98pt_test_*.txt``, the lists
of the subsets; a face on several lists counts once. DIR of COFW-68 holds its ``*_points.mat``, FILE is LFPW's
``kbvt_lfpw_v1_test.csv`` (29 points, the rows of the average), and below DIR of MERL-RAV lie its ``.pts`` files, of
which those with all 68 points are taken. No image is needed. Prints tables, and writes ``quantisation.png`` and
``numbers.json``. Three parts:

- within a cell: the decoders on exact Gaussians, over all positions in a cell
- real faces (Fig. 3 of Bulat et al., BMVC 2021): every encoding and decoder in the paper's crop, of 300W and WFLW in
  every crop
- the decoders of the structured paper (Yang and Yeh, ICCV 2025) on scores F, alone and on top of a predictor that errs
  by itself
"""

import argparse
import csv
import itertools
import json
import math
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import matplotlib

import mmfld  # noqa: F401  prepares the environment
from mmfld.codecs import ContinuousHeatmap, ImageAwareSmoothing, decoders
from mmfld.codecs.continuous_heatmap import ENCODINGS, gaussian_maps
from mmfld.datasets.transforms import CROP_RULES, GetFaceCrop, crop_matrix
from mmfld.evaluation.functional import inter_ocular, nme_per_image
from mmfld.structures import FaceLayout, cells_to_pixels, get_layout, pixels_to_cells

matplotlib.use('Agg')
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from scipy.io import loadmat  # noqa: E402
from torch import Tensor  # noqa: E402
from tqdm import tqdm  # noqa: E402

INPUT, CELLS = 256, 64
FACES_AT_ONCE = 8  # their maps stay in the cache
SIGMAS, WINDOWS = (1.0, 1.33, 1.5, 1.75, 2.0), (3, 5, 7)
STEPS_IN_A_CELL = 50
PAPERS_CROP = 'face_220'
STANDARD, PROPOSED = ('rounded', 'quarter_shift'), ('continuous', 'local_soft_argmax')
HARD_DECODERS, SOFT_DECODERS = ('argmax', 'quarter_shift'), ('local_soft_argmax', 'expectation')
DECODERS = HARD_DECODERS + SOFT_DECODERS
SCORE_SIGMAS = (0.5, 1.0, 1.5)
PREDICTOR_NMES = (2.87, 3.99)  # % of the inter-ocular distance: STAR on 300W, structured on WFLW

# calculated independently of this code
EXPECTED = {
    'sigma 1, window 5, cells': 0.137,
    'sigma 1.33, window 5, cells': 0.053,
    'sigma 1.5, window 5, cells': 0.030,
    'sigma 1.75, window 5, cells': 0.013,
    'sigma 2, window 5, cells': 0.009,
    'sigma 1, window 5, density of Eq. 1, cells': 0.24,
    'sigma 1.5, window 5, density of Eq. 1, cells': 0.30,
    'sigma 2, window 5, density of Eq. 1, cells': 0.33,
    'argmax, cells': 0.38,
    'quarter_shift, cells': 0.187,
    'floored and argmax, cells': 0.80,
    '300W full, face_220, rounded and argmax, %': 1.22,
    '300W full, fan, rounded and argmax, %': 2.09,
    '300W full, landmark_height, rounded and argmax, %': 1.01,
    '300W full, hrnet_1.25, rounded and argmax, %': 1.31,
    '300W full, structured, argmax, cells': 0.383,
    '300W full, structured, argmax, %': 1.01,
    '300W full, structured, argmax after normal errors of 2.87 %, %': 3.08,
    '300W full, structured, argmax after exponential errors of 2.87 %, %': 3.08,
    '300W full, structured, argmax after normal errors of 3.99 %, %': 4.16,
    '300W full, structured, argmax after exponential errors of 3.99 %, %': 4.16,
}


class Faces(NamedTuple):
    """True landmarks (N, K, 2) float64 in pixels of the images."""

    points: np.ndarray
    layout: FaceLayout


class Cropped(NamedTuple):
    """Landmarks (N, K, 2) in pixels of the network input, which of them lie in it (N, K), and d there (N, )."""

    points: np.ndarray
    inside: np.ndarray
    inter_ocular: np.ndarray


def read_300w(path: Path) -> Faces:
    layout = get_layout('300w68')
    points = []
    with path.open() as file:
        for number, row in enumerate(csv.DictReader(file), 2):
            try:
                points.append(
                    [[float(row[f'original_{k}_{axis}']) for axis in 'xy'] for k in range(layout.num_keypoints)]
                )
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(
                    f'{path}:{number}: expected the numbers original_0_x ... original_67_y: {error}'
                ) from error
    return Faces(np.array(points), layout)


def read_wflw(folder: Path) -> Faces:
    layout = get_layout('wflw98')
    paths = sorted(folder.glob('list_98pt_test_*.txt'))
    if not paths:
        raise FileNotFoundError(f'{folder}: found no list_98pt_test_*.txt')
    points = []
    for path in paths:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            fields = line.split()
            if len(fields) != 2 * layout.num_keypoints + 1:
                raise ValueError(f'{path}:{number}: found {len(fields)} fields, expected 196 coordinates and a name')
            points.append(fields[:-1])
    points = np.unique(np.array(points, np.float64), axis=0)
    return Faces(points.reshape(-1, layout.num_keypoints, 2), layout)


def read_cofw68(folder: Path) -> Faces:
    paths = sorted(folder.rglob('*_points.mat'))
    if not paths:
        raise FileNotFoundError(f'{folder}: found no *_points.mat')
    points = [np.asarray(loadmat(path)['Points'], np.float64) for path in paths]
    for path, face in zip(paths, points):
        if face.shape != (68, 2):
            raise ValueError(f'{path}: Points: found {face.shape}, expected 68 x 2')
    return Faces(np.stack(points), get_layout('300w68'))


def read_lfpw29(path: Path) -> Faces:
    """The average of the annotators, without the three landmarks of each ear, which stand before the chin."""
    points = []
    with path.open(newline='') as file:
        for number, row in enumerate(csv.reader(file, delimiter='\t'), 1):
            if len(row) != 2 + 3 * 35:
                raise ValueError(f'{path}:{number}: found {len(row)} columns, expected 107')
            if row[1] == 'average':
                values = np.array(row[2:], np.float64).reshape(35, 3)[:, :2]
                points.append(np.delete(values, range(28, 34), axis=0))
    return Faces(np.array(points), get_layout('cofw29'))


def read_merl_rav(folder: Path) -> Faces:
    paths = sorted(folder.rglob('*.pts'))
    if not paths:
        raise FileNotFoundError(f'{folder}: found no .pts')
    points = np.stack([np.loadtxt(path, skiprows=3, comments='}') for path in paths])
    # -1 -1 is a landmark that the face itself hides, negative coordinates are those of one that something hides
    whole = ~(points == -1).all(-1).any(-1)
    return Faces(abs(points[whole]), get_layout('300w68'))


# option: how it is read, what it takes, and its name
MORE_DATA = {
    'cofw68': (read_cofw68, 'DIR', 'COFW-68'),
    'lfpw29': (read_lfpw29, 'FILE', 'LFPW, 29 points'),
    'merl-rav': (read_merl_rav, 'DIR', 'MERL-RAV, all 68 points'),
}


def crop(faces: Faces, rule: str) -> Cropped:
    boxes = np.concatenate([faces.points.min(1), faces.points.max(1)], axis=1)
    transform, matrices = GetFaceCrop(rule, layout=faces.layout), []
    for box in boxes:
        results = transform(dict(bbox=box[None]))
        matrices.append(crop_matrix(results['bbox_center'][0], results['bbox_scale'][0], 0.0, (INPUT, INPUT)))
    matrices = np.stack(matrices)
    points = faces.points @ matrices[:, :, :2].swapaxes(1, 2) + matrices[:, None, :, 2]
    # some rules put the outermost landmarks exactly on the border, but for the rounding of float32
    inside = (abs(points - (INPUT - 1) / 2) <= INPUT / 2 + 1e-3).all(-1)
    return Cropped(points, inside, inter_ocular(points, np.ones_like(inside), faces.layout))


def errors(found: np.ndarray, cropped: Cropped, cells_per_pixel: float) -> dict:
    """Mean error of the landmarks in the crop, in cells and in % of d; and the latter of each face."""
    faces = 100 * nme_per_image(found, cropped.points, cropped.inside, cropped.inter_ocular)
    cells = nme_per_image(found, cropped.points, cropped.inside, np.ones(len(found))) * cells_per_pixel
    return {'cells': float(cells.mean()), '%': float(faces.mean()), 'faces': faces}


def batches(points: np.ndarray, device: str) -> Iterator[Tensor]:
    """Parts of (N, K, 2) as float32 tensors on the device."""
    return (part.to(device) for part in torch.from_numpy(points.astype(np.float32)).split(FACES_AT_ONCE))


def to_pixels(cells: Tensor, grid: str) -> np.ndarray:
    return cells_to_pixels(cells, CELLS, INPUT, grid).cpu().numpy()


def within_a_cell() -> dict[str, float]:
    """Mean distance in cells between a Gaussian's centre and what it decodes to, over all positions in a cell."""
    steps = (torch.arange(STEPS_IN_A_CELL, dtype=torch.float64) + 0.5) / STEPS_IN_A_CELL
    centres = 8 + torch.cartesian_prod(steps, steps)[None]

    def distance(found: Tensor) -> float:
        return float((found - centres).norm(dim=-1).mean())

    result = {}
    for sigma in SIGMAS:
        maps = gaussian_maps(centres, (18, 18), sigma)
        for window in WINDOWS:
            name = f'sigma {sigma:g}, window {window}'
            result[f'{name}, cells'] = distance(decoders.local_soft_argmax(maps, window))
            result[f'{name}, density of Eq. 1, cells'] = distance(
                decoders.local_soft_argmax(maps / (2 * math.pi * sigma**2), window)
            )
    result['argmax, cells'] = distance(decoders.argmax(maps))
    result['quarter_shift, cells'] = distance(decoders.quarter_shift(maps))
    result['floored and argmax, cells'] = distance(decoders.argmax(gaussian_maps(centres.floor(), (18, 18), sigma)))
    return result


def real_faces(cropped: Cropped, device: str) -> dict[tuple, dict]:
    """(encoding, decoder) -> errors; sigma 1.5, window 5, tau 10."""
    codecs = {
        pair: ContinuousHeatmap(encoding=pair[0], decoder=pair[1]) for pair in itertools.product(ENCODINGS, DECODERS)
    }
    found = {pair: [] for pair in codecs}
    for points in batches(cropped.points, device):
        for encoding in ENCODINGS:
            maps = codecs[encoding, 'argmax'].batch_encode(points)
            for decoder in DECODERS:
                found[encoding, decoder].append(to_pixels(codecs[encoding, decoder].cells(maps), 'half_pixel'))
    return {pair: errors(np.concatenate(points), cropped, CELLS / INPUT) for pair, points in found.items()}


def structured_scores(faces: Faces, device: str) -> dict[tuple, dict]:
    """The structured paper's decoders on scores F of which softmax(F) is a Gaussian, in its crop and on its grid.

    Returns:
        dict: (decoder, sigma of the Gaussian or None where it does not matter, kind of error, its size in %) -> errors.
        ``'prediction'`` for the decoder stands for the predicted position itself.
    """
    cropped = crop(faces, 'landmark_height')
    codecs = {decoder: ImageAwareSmoothing(faces.layout, decoder=decoder) for decoder in DECODERS}
    grid = ImageAwareSmoothing.grid
    # the two ends of what a network's errors look like: their lengths differ little from each other, or much
    lengths = {
        'normal': lambda rng, shape: rng.rayleigh(math.sqrt(2 / math.pi), shape),
        'exponential': lambda rng, shape: rng.exponential(1, shape),
    }
    result = {}
    for kind, nme in [('no', 0.0)] + list(itertools.product(lengths, PREDICTOR_NMES)):
        rng = np.random.default_rng(0)
        predicted = cropped.points
        if nme:
            shape = cropped.inside.shape
            length = lengths[kind](rng, shape) * nme / 100 * cropped.inter_ocular[:, None]
            angle = rng.uniform(0, 2 * math.pi, shape)
            predicted = predicted + length[..., None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        found = defaultdict(list)
        for points in batches(predicted, device):
            centres = pixels_to_cells(points, CELLS, INPUT, grid)
            for decoder in HARD_DECODERS:
                found[decoder, None].append(to_pixels(codecs[decoder].cells(log_gaussian_maps(centres, 1.0)), grid))
            for sigma in SCORE_SIGMAS:
                scores = log_gaussian_maps(centres, sigma)
                for decoder in SOFT_DECODERS:
                    found[decoder, sigma].append(to_pixels(codecs[decoder].cells(scores), grid))
        for way, points in found.items():
            result[(*way, kind, nme)] = errors(np.concatenate(points), cropped, (CELLS - 1) / INPUT)
        result['prediction', None, kind, nme] = errors(predicted, cropped, (CELLS - 1) / INPUT)
    return result


def log_gaussian_maps(centres: Tensor, sigma: float) -> Tensor:
    """(B, K, 2) cells -> (B, K, 64, 64); the logarithm of a Gaussian, which itself would underflow."""
    columns, rows = (
        -0.5 * ((torch.arange(CELLS, device=centres.device) - centre[..., None]) / sigma) ** 2
        for centre in centres.unbind(-1)
    )
    return rows[..., :, None] + columns[..., None, :]


def table(header, rows) -> None:
    """Print as Markdown."""
    rows = [[str(entry) for entry in row] for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*rows)]
    rows.insert(1, ['-' * width for width in widths])
    for row in rows:
        print('| ' + ' | '.join(entry.ljust(width) for entry, width in zip(row, widths)) + ' |')
    print()


def draw(cell: dict, curves: dict, path: Path) -> None:
    """Per face, sorted, as in Fig. 3; and the local soft-argmax over sigma."""
    rows = math.ceil((len(curves) + 1) / 3)
    figure, axes = plt.subplots(rows, 3, figsize=(12, 3.3 * rows), layout='constrained')
    for spare in axes.flat[len(curves) + 1 :]:
        spare.axis('off')
    axes = axes.flat[: len(curves) + 1]
    *axes, axis = axes
    for panel, (name, by_pair) in zip(axes, curves.items()):
        for pair, color in ((STANDARD, 'C0'), (PROPOSED, 'C1')):
            faces = np.sort(by_pair[pair]['faces'])
            panel.plot(
                np.arange(1, len(faces) + 1) / len(faces),
                faces,
                color=color,
                label=f'{", ".join(pair)}: mean {by_pair[pair]["%"]:.2f} %',
            )
        panel.set(
            title=f'{name}, {len(faces)} faces',
            xlabel='fraction of the faces, sorted',
            ylabel='error of the decoded truth,\n% of inter-ocular',
            xlim=(0, 1),
            yscale='log',
            ylim=(0.03, 10),
        )
        panel.legend(fontsize=8, loc='upper left')
    for window, style in zip(WINDOWS, (':', '-', '--')):
        for suffix, color, label in (('', 'C1', 'peak 1'), (', density of Eq. 1', 'C3', 'as in Eq. 1')):
            axis.plot(
                SIGMAS,
                [cell[f'sigma {sigma:g}, window {window}{suffix}, cells'] for sigma in SIGMAS],
                style,
                color=color,
                marker='.',
                label=f'window {window}, {label}',
            )
    for name, color in (('argmax', 'C0'), ('quarter_shift', '0.5')):
        axis.axhline(cell[f'{name}, cells'], color=color, label=name)
    axis.set(
        title='continuous Gaussians, tau 10', xlabel='sigma in cells', ylabel='mean error in cells', ylim=(0, 0.65)
    )
    axis.legend(fontsize=7, loc='upper center', ncols=2)
    figure.savefig(path, dpi=80)
    plt.close(figure)


def main(argv=None) -> dict:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--csv-300w', type=Path, required=True, metavar='DIR')
    parser.add_argument('--wflw', type=Path, required=True, metavar='DIR')
    for name, (_, metavar, _) in MORE_DATA.items():
        parser.add_argument(f'--{name}', type=Path, metavar=metavar)
    parser.add_argument('--out', type=Path, default=Path('work_dirs/quantisation_error'), help='default: %(default)s')
    parser.add_argument('--device', default='cuda:0' if torch.cuda.is_available() else 'cpu')
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    data = {
        '300W full': read_300w(args.csv_300w / 'face_landmarks_300w_valid.csv'),
        '300W private': read_300w(args.csv_300w / 'face_landmarks_300w_test.csv'),
        'WFLW': read_wflw(args.wflw),
    }
    more = {
        title: read(path)
        for name, (read, _, title) in MORE_DATA.items()
        if (path := getattr(args, name.replace('-', '_')))
    }

    cell = within_a_cell()
    crops, by_rule = {}, {}
    wanted = [*itertools.product(data, CROP_RULES), *((name, PAPERS_CROP) for name in more)]
    data.update(more)
    for name, rule in tqdm(wanted, desc='real faces', unit='crop rule'):
        crops[name, rule] = crop(data[name], rule)
        by_rule[name, rule] = real_faces(crops[name, rule], args.device)
    scores = {
        name: structured_scores(data[name], args.device)
        for name in tqdm(('300W full', 'WFLW'), desc='decoders of structured', unit='set')
    }

    print('\nWithin a cell: mean error in cells of the local soft-argmax, tau 10, peak 1 / density of Eq. 1\n')
    table(
        ['sigma', *(f'window {window}' for window in WINDOWS)],
        [
            [
                f'{sigma:g}',
                *(
                    f'{cell[f"sigma {sigma:g}, window {window}, cells"]:.3f} / '
                    f'{cell[f"sigma {sigma:g}, window {window}, density of Eq. 1, cells"]:.2f}'
                    for window in WINDOWS
                ),
            ]
            for sigma in SIGMAS
        ],
    )
    numbers = dict(cell)
    for name, faces in data.items():
        print(f'{name}, {len(faces.points)} faces: cells / % of the inter-ocular distance, sigma 1.5, window 5\n')
        rules = [rule for other, rule in wanted if other == name]
        table(
            ['encoding', 'decoder', *rules],
            [
                [
                    *pair,
                    *(
                        f'{by_rule[name, rule][pair]["cells"]:.3f} / {by_rule[name, rule][pair]["%"]:.2f}'
                        for rule in rules
                    ),
                ]
                for pair in itertools.product(ENCODINGS, DECODERS)
            ]
            + [
                [
                    'landmarks left out',
                    'outside the crop',
                    *(f'{1 - crops[name, rule].inside.mean():.2%}' for rule in rules),
                ]
            ],
        )
        numbers.update(
            {
                f'{name}, {rule}, {" and ".join(pair)}, {unit}': by_rule[name, rule][pair][unit]
                for rule in rules
                for pair in by_rule[name, rule]
                for unit in ('cells', '%')
            }
        )
    for name, by_way in scores.items():
        print(
            f'{name}, scores of structured: error of the decoders, and NME after a predictor '
            'with errors of its own, in %\n'
        )
        kinds = list(itertools.product(('normal', 'exponential'), PREDICTOR_NMES))
        ways = dict.fromkeys((decoder, sigma) for decoder, sigma, _, _ in by_way)
        table(
            ['decoder', 'sigma of softmax(F)', 'cells', '%', *(f'{nme} {kind}' for kind, nme in kinds)],
            [
                [
                    decoder,
                    sigma or '',
                    f'{by_way[decoder, sigma, "no", 0.0]["cells"]:.3f}',
                    f'{by_way[decoder, sigma, "no", 0.0]["%"]:.2f}',
                    *(f'{by_way[(decoder, sigma, *kind)]["%"]:.2f}' for kind in kinds),
                ]
                for decoder, sigma in ways
            ],
        )
        for (decoder, sigma, kind, nme), entry in by_way.items():
            way = f'{name}, structured, {decoder}' + (f' of sigma {sigma:g}' if sigma else '')
            after = f' after {kind} errors of {nme} %' if nme else ''
            numbers.update({f'{way}{after}, {unit}': entry[unit] for unit in ('cells', '%')})

    print('Against values calculated independently\n')
    table(
        ['', 'expected', 'measured', 'ratio'],
        [[key, f'{value:g}', f'{numbers[key]:.3f}', f'{numbers[key] / value:.2f}'] for key, value in EXPECTED.items()],
    )
    draw(cell, {name: by_rule[name, PAPERS_CROP] for name in data}, args.out / 'quantisation.png')
    (args.out / 'numbers.json').write_text(json.dumps(numbers, indent=1) + '\n')
    print(f'Saved {args.out / "quantisation.png"} and {args.out / "numbers.json"}')
    return numbers


if __name__ == '__main__':
    main()
