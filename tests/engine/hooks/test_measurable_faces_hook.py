"""Faces that the metric cannot measure end a run before its first step, or are told."""

import json

import pytest
import torch
from mmengine.model import BaseModel
from mmengine.runner import Runner

from mmfld.structures import get_layout

K = 68


class NeverRun(BaseModel):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def forward(self, *args, **kwargs):
        raise AssertionError('the run has begun')


@pytest.fixture
def run(tmp_path):
    """Begins to train with annotations of 3 faces, of which the landmarks in ``hidden`` of the last have v = 0."""

    def run(*hidden, pipeline=(), **metric):
        points = [v for k in range(K) for v in (10.0 + k % 9, 20.0 + k // 9, int(k not in hidden))]
        visible = [v if n % 3 < 2 else 1 for n, v in enumerate(points)]
        content = dict(
            images=[dict(id=n, file_name=f'{n}.jpg') for n in range(3)],
            annotations=[
                dict(id=n, image_id=n, category_id=1, keypoints=points if n == 2 else visible) for n in range(3)
            ],
        )
        (tmp_path / 'faces.json').write_text(json.dumps(content))
        loader = dict(
            batch_size=1,
            sampler=dict(type='DefaultSampler', shuffle=False),
            dataset=dict(
                type='FaceLandmarkDataset',
                layout='300w68',
                ann_file=str(tmp_path / 'faces.json'),
                test_mode=True,
                pipeline=list(pipeline),
            ),
        )
        Runner(
            NeverRun(),
            str(tmp_path),
            train_dataloader=loader,
            val_dataloader=loader,
            train_cfg=dict(by_epoch=True, max_epochs=1),
            val_cfg=dict(),
            log_level='ERROR',
            optim_wrapper=dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1)),
            val_evaluator=dict(type='FaceAlignmentMetric', **{'layout': '300w68', **metric}),
            default_scope='mmpose',
            custom_hooks=[dict(type='MeasurableFacesHook')],
            experiment_name=tmp_path.name,
        ).train()

    return run


def test_a_hidden_eye_corner_ends_the_training_before_its_first_step(run):
    corner = get_layout('300w68').eye_corners[0]
    with pytest.raises(ValueError, match=r'faces.json: 1 of 3 faces cannot be measured by inter_ocular.*2 \(2.jpg\)'):
        run(corner)


def test_the_run_begins_if_such_faces_may_be_left_out(run):
    with pytest.raises(AssertionError, match='the run has begun'):
        run(get_layout('300w68').eye_corners[0], without_norm='leave_out')


def test_the_run_begins_if_all_can_be_measured(run):
    with pytest.raises(AssertionError, match='the run has begun'):
        run()


def test_faces_are_checked_in_the_layout_that_they_are_converted_to(run):
    pipeline = [dict(type='ConvertKeypoints', source='300w68', target='300w49')]
    with pytest.raises(AssertionError, match='the run has begun'):
        run(3, layout='300w49', pipeline=pipeline)  # on the contour, which is not among the 49
    with pytest.raises(ValueError, match=r'1 of 3 faces cannot be measured by inter_ocular'):
        run(36, layout='300w49', pipeline=pipeline)
