"""The tables of ``stated_spreads.py``, printed as Markdown."""

from collections.abc import Callable

from annotator_report import in_brackets
from terminaltables import GithubFlavoredMarkdownTable


def report(result: dict) -> None:
    faces = result['faces']
    compared = sum(row['compared'] for row in result['landmarks'])
    print(
        f'\nCovariances pooled over {faces["annotators"]} faces of the annotators and {faces["models"]} of the models, '
        f'at {compared} landmarks; "maps": before the calibration; "errors": of the model against the annotation. '
        'In brackets 95 % of the bootstraps over faces.'
    )
    _print_directions(result['direction'])
    _print_sizes(result['size'], result['calibration'])
    for name, row in result['own_errors'].items():
        print(
            f'{name}, what it states against its own errors: median angle {row["median"]:.1f}, alignment '
            f'{row["alignment"]:.2f} {in_brackets(row["alignment_interval"], ".2f")}'
        )
    everyone = list(result['size'])
    methods = list(result['calibration'])
    _print_areas(result['areas'], 'median angle to the annotators', methods, lambda row: f'{row["median"]:.0f}')
    _print_areas(
        result['areas'],
        'alignment with the annotators',
        methods,
        lambda row: f'{row["alignment"]:.2f} {in_brackets(row["alignment_interval"], ".2f")}',
    )
    _print_areas(
        result['areas'],
        'variance along the boundary (%)',
        [everyone[0], *methods],
        lambda row: f'{row["share"]:.0%} {in_brackets(row["interval"], ".0%")}',
    )
    _print_areas(result['areas'], 'ratio of axes', [everyone[0], *methods], lambda row: f'{row["ratio"]:.2f}')
    _print_landmarks(result['landmarks'], methods)


def _print_directions(directions: dict) -> None:
    rows = [
        [
            name,
            f'{row["median"]:.1f} {in_brackets(row["median_interval"], ".1f")}',
            f'{row["under_22"]:.0%}',
            f'{row["under_45"]:.0%}',
            f'{row["alignment"]:.2f} {in_brackets(row["alignment_interval"], ".2f")}',
            f'{row["alignment_shuffled"]:.2f}',
            f'{row["p"]:.2g}',
        ]
        for name, row in directions.items()
    ]
    titles = ['against the annotators', 'median angle', 'under 22.5', 'under 45', 'alignment', 'shuffled', 'p']
    _print([titles, *rows, ['chance', '45', '25%', '50%', '0', '', '']])


def _print_sizes(sizes: dict, calibration: dict) -> None:
    rows = []
    for name, row in sizes.items():
        ranks = [
            f'{row[f"{key}_spearman"]:.2f} {in_brackets(row[f"{key}_spearman_interval"], ".2f")}'
            if f'{key}_spearman' in row
            else '-'
            for key in ('std', 'ratio')
        ]
        exchanged = f'{calibration[name]["exchanged"]:.1%}' if name in calibration else '-'
        ratio = f'{row["ratio"]:.2f} {in_brackets(row["ratio_interval"], ".2f")}'
        rows.append([name, f'{row["std"]:.2%}', ranks[0], ratio, ranks[1], exchanged])
    _print(
        [
            [
                'size and shape',
                'std an axis, of the IOD',
                'ranks as annotators',
                'ratio of axes, median',
                'ranks as annotators',
                'axes exchanged by the calibration',
            ],
            *rows,
        ]
    )
    turned = max(row['otherwise'] for row in calibration.values())
    print(f'otherwise no axis is turned by a calibration (at most {turned:.2f} degrees, rounding)')


def _print_areas(areas: dict, title: str, names: list[str], shown: Callable[[dict], str]) -> None:
    rows = [[area, len(row['landmarks']), *(shown(row[name]) for name in names)] for area, row in areas.items()]
    _print([[title, 'landmarks', *names], *rows])


def _print_landmarks(landmarks: list[dict], methods: list[str]) -> None:
    rows = [
        [
            row['name'],
            f'{row["annotators"]["degrees"]:.0f}',
            f'{row["annotators"]["ratio"]:.2f}',
            *(f'{row[name]["angle"]:.0f}, {row[name]["ratio"]:.2f}' for name in methods),
        ]
        for row in landmarks
        if row['compared']
    ]
    titles = ['landmark', 'annotators, degrees', 'ratio', *(f'{name}: angle to them, ratio' for name in methods)]
    _print([titles, *rows])


def _print(rows: list[list]) -> None:
    print()
    print(GithubFlavoredMarkdownTable([list(map(str, row)) for row in rows]).table)
