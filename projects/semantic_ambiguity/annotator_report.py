"""The tables of ``human_annotators.py``, printed."""

import math

from lfpw_annotations import NAMES

GAMMAS = (0.01, 0.001)  # of the paper, for WFLW and 300W and for COFW


def report(result: dict) -> None:
    _print_systematic_part(result)
    _print_directions(result)
    _print_sizes(result)
    _print_shares(result)
    _print_landmarks(result)


def _print_systematic_part(result: dict) -> None:
    order, systematic = result['order'], result['systematic']
    print(
        f'order: mirrored, the mean shape has {order["matched"]} of {len(NAMES)} landmarks on their flip partner, at '
        f'most {order["largest"]:.3f} inter-ocular distances away (next landmark: {order["nearest_other"]:.3f})\n'
        f'systematic offset of worker_0 to worker_2: {systematic["offset"]:.2%} of the variance (workers shuffled: '
        f'{in_brackets(systematic["offset_shuffled"], ".2%")})\n'
        f"correlation of an annotator's deviations at two landmarks of a face: {systematic['whole_face']:.3f}"
    )


def _print_directions(result: dict) -> None:
    print(
        f'\n{"direction, landmarks on":<29}  pooled over faces{"each face alone":>59}\n'
        f'{"boundaries":<29} median <22.5   <45 alignment  [95 %]        shuffled p       '
        '     n median   <22.5    <45  [95 %]           <45 if exact'
    )
    for name, row in result['direction'].items():
        pooled, face = row.get('pooled'), row['face']
        text = ' ' * 60
        if pooled:
            text = (
                f'{pooled["median"]:>6.1f} {pooled["under_22"]:>5.0%} {pooled["under_45"]:>5.0%} '
                f'{pooled["alignment"]:>8.2f}   {in_brackets(pooled["alignment_interval"], ".2f"):<14} '
                f'{pooled["alignment_shuffled"]:>5.2f}  {pooled["p"]:<8.2g}'
            )
        exact = f'{row["if_exact"]["under_45"]:>6.1%}' if 'if_exact' in row else ''
        print(
            f'{name:<29} {text} {face["count"]:>5} {face["median"]:>6.1f} {face["under_22"]:>7.1%} '
            f'{face["under_45"]:>6.1%}  {in_brackets(face["under_45_interval"], ".1%"):<16} {exact}'
        )
    print(f'{"chance":<29} {45:>6.1f} {0.25:>5.0%} {0.5:>5.0%} {0:>8.2f}{"":36}{45:>10.1f} {0.25:>7.1%} {0.5:>6.1%}')


def _print_sizes(result: dict) -> None:
    print(
        f'\n{"size":<15} std in cells  anisotropy   Spearman [95 %]         Pearson [95 %]          '
        f"gamma that fits [95 %]   median  std / paper's at gamma {GAMMAS[0]:g}, {GAMMAS[1]:g}"
    )
    for name, std in result['cells'].items():
        text = f'{name:<15} {std:>12.2f} {result["anisotropy"][name]:>11.3f}   '
        if name in result['size']:
            row = result['size'][name]
            for key in ('spearman', 'pearson'):
                found = f'{row[key]:>5.2f} {in_brackets(row[f"{key}_interval"], ".2f")}' if key in row else f'{"-":>5}'
                text += f'{found:<24}'
            ratios = ', '.join(f'{math.sqrt(row["gamma"] / gamma):.1f}' for gamma in GAMMAS)
            bounds = in_brackets(row['gamma_interval'], '.3f')
            text += f'{row["gamma"]:.3f} {bounds:<18} {row["gamma_median"]:>7.3f}  {ratios}'
        print(text)


def _print_shares(result: dict) -> None:
    names = list(result['cells'])
    print(f'\n{"variance along":<19} points {names[0]} [95 %]     ' + '  '.join(f'{name:>6}' for name in names[1:]))
    for area, row in result['share'].items():
        print(
            f'{area:<19} {row["landmarks"]:>6}  {row[names[0]]["share"]:>6.1%} '
            f'{in_brackets(row[names[0]]["interval"], ".1%"):<16} '
            + '  '.join(f'{row[name]["share"]:>{max(6, len(name))}.1%}' for name in names[1:])
        )


def _print_landmarks(result: dict) -> None:
    print(
        f'\nlandmark, pooled{"annotators":>36}{"predicted, k=" + str(result["patch_radius"]):>28}\n{"":<32}'
        f'{"std":>6} {"anisotropy":>11} {"degrees":>8} {"along":>6}  {"std":>6} {"anisotropy":>11} {"degrees":>8}'
    )
    for row in result['landmarks']:
        along = f'{row["along"]:>6.0%}' if row['along'] is not None else f'{"-":>6}'
        print(
            f'{row["name"]:<32}{row["human_std"]:>6.4f} {row["human_anisotropy"]:>11.2f} '
            f'{row["human_degrees"]:>8.0f} {along}  {row["predicted_std"]:>6.4f} '
            f'{row["predicted_anisotropy"]:>11.2f} {row["predicted_degrees"]:>8.0f}'
        )


def in_brackets(bounds: list, form: str) -> str:
    return f'[{bounds[0]:{form}}, {bounds[1]:{form}}]'
