"""Data sets into which faults are planted."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mmfld.doctor import Finding, examine, registration

REPOSITORY = Path(__file__).resolve().parents[2]
CONFIG = str(REPOSITORY / 'configs/synthetic/structured_hg2_mini.py')


class Faces:
    """A copy of the synthetic faces, whose annotations can be changed."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def file(self, part: str) -> Path:
        return self.root / 'annotations' / f'synthetic_300w68_{part}.json'

    def image(self, part: str, index: int) -> Path:
        return self.root / 'images' / f'{part}_{index:06d}.jpg'

    def change(self, change: Callable[[dict], None], part: str = 'train') -> None:
        """Change the content of an annotation file."""
        content = json.loads(self.file(part).read_text())
        change(content)
        self.file(part).write_text(json.dumps(content))

    def change_points(self, change: Callable, part: str = 'train', faces=slice(None)) -> None:
        """Change [[x, y, v], ...] of some faces to what ``change`` returns."""

        def each(content: dict) -> None:
            for annotation in content['annotations'][faces]:
                flat = annotation['keypoints']
                points = change([flat[n : n + 3] for n in range(0, len(flat), 3)])
                annotation['keypoints'] = [number for point in points for number in point]

        self.change(each, part)

    def examine(self, *parts: str) -> list[Finding]:
        """Findings about the training and test faces, or some of them."""
        return list(examine(files=[str(self.file(part)) for part in parts or ('train', 'test')]))

    def examine_config(self, *options: str, **arguments) -> list[Finding]:
        roots = [f'{part}_dataset.data_root={self.root}' for part in ('train', 'val', 'test')]
        options = (*roots, 'train_dataloader.num_workers=1', *options)
        return list(examine(CONFIG, options=options, work_dir=str(self.root / 'work'), **{'step': False, **arguments}))


@pytest.fixture
def faces(synthetic_faces, tmp_path, monkeypatch) -> Faces:
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    monkeypatch.setattr(registration, 'MODEL_LAYOUT', 'none')  # takes a second
    shutil.copytree(synthetic_faces, tmp_path / 'faces')
    return Faces(tmp_path / 'faces')


def of(findings: list[Finding], severity: str) -> list[str]:
    return [f'{finding.topic}: {finding.message}' for finding in findings if finding.severity == severity]


@pytest.fixture
def errors() -> Callable[[list[Finding]], list[str]]:
    return lambda findings: of(findings, 'error')


@pytest.fixture
def warnings() -> Callable[[list[Finding]], list[str]]:
    return lambda findings: of(findings, 'warning')


@pytest.fixture
def notes() -> Callable[[list[Finding]], list[str]]:
    return lambda findings: of(findings, 'note')


@pytest.fixture
def installed(monkeypatch) -> Callable[[dict[str, str]], None]:
    """Makes it look as if these distributions were installed, and no others."""

    def pretend(**versions: str) -> None:
        monkeypatch.setattr(
            'mmfld.doctor.packages.distributions',
            lambda: {name.replace('_', '-'): version for name, version in versions.items()},
        )

    return pretend
