"""The tracker of P3: its loss, its state, and that clips, frames and tracks give the same."""
import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

import mmfld  # noqa: F401

SIZE, LENGTH = 64, 64


def tiny_tracker(**kwargs):
    """A tracker whose refinement does something."""
    init_default_scope('mmpose')
    torch.manual_seed(0)
    codec = dict(type='MarginalHeatmap', input_size=(SIZE, SIZE), length=LENGTH)
    head = dict(type='CoAttentionMarginalHead', layout='aflw19', in_channels=16, feature_size=16, length=LENGTH,
                channels=8, decoder=codec)
    tracker = MODELS.build(dict(
        type='FaceTracker',
        data_preprocessor=dict(type='PoseDataPreprocessor'),
        backbone=dict(type='FAN', layout='aflw19', num_stacks=1, num_levels=2, width=16),
        head=head, refinement=dict(channels=8), **kwargs))
    for refinement in (tracker.refine_x, tracker.refine_y):
        torch.nn.init.normal_(refinement.cnn4[-1].weight)
    return tracker


def frame(video=None, number=0, clip_length=None) -> PoseDataSample:
    meta = dict(input_size=(SIZE, SIZE), input_center=np.array([SIZE / 2] * 2), input_scale=np.array([SIZE, SIZE]),
                flip_indices=list(range(19)))
    if video is not None:
        meta.update(video=video, frame=number)
    if clip_length is not None:
        meta.update(clip_length=clip_length)
    sample = PoseDataSample(metainfo=meta)
    sample.gt_instances = InstanceData(bboxes=np.zeros((1, 4)), bbox_scores=np.ones(1))
    labels = torch.rand(2, 1, 19, LENGTH)
    sample.gt_instance_labels = InstanceData(keypoint_x_labels=labels[0], keypoint_y_labels=labels[1],
                                             keypoint_weights=torch.ones(1, 19))
    return sample


def keypoints(samples) -> np.ndarray:
    return np.concatenate([sample.pred_instances.keypoints for sample in samples])


@pytest.fixture
def images():
    return torch.randn(5, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_heatmaps_of_a_video_do_not_depend_on_how_it_is_cut_into_batches(images):
    tracker = tiny_tracker().eval()
    whole = tracker.predict(images, [frame('a', n) for n in range(5)])
    parts = [*tracker.predict(images[:2], [frame('a', n) for n in range(2)]),
             *tracker.predict(images[2:], [frame('a', n) for n in range(2, 5)])]
    np.testing.assert_array_equal(keypoints(whole), keypoints(parts))


@torch.no_grad()
def test_state_is_forgotten_at_another_video_and_at_a_gap(images):
    tracker = tiny_tracker().eval()
    alone = keypoints([tracker.predict(image[None], [frame()])[0] for image in images])
    # before each frame: another video, a gap, the same frame again
    places = [('a', 0), ('b', 1), ('b', 3), ('b', 3), ('a', 4)]
    np.testing.assert_array_equal(keypoints(tracker.predict(images, [frame(*place) for place in places])), alone)
    followed = keypoints(tracker.predict(images, [frame('a', n) for n in range(5)]))
    assert np.array_equal(followed[0], alone[0])
    assert not np.array_equal(followed[1:], alone[1:])


@torch.no_grad()
def test_tracks_side_by_side_equal_videos_one_after_the_other(images):
    tracker = tiny_tracker().eval()
    others = images.flip(0)
    expected = [keypoints(tracker.predict(video, [frame(name, n) for n in range(5)]))
                for name, video in (('a', images), ('b', others))]
    states, found = [None, None], []
    for pair in zip(images, others):
        samples, states = tracker.stream(torch.stack(pair), [frame(), frame()], states)
        found.append(keypoints(samples))
    np.testing.assert_array_equal(np.stack(found, axis=1), expected)
    assert [state.x.shape for state in states] == [(8, LENGTH)] * 2  # however many frames


@torch.no_grad()
def test_a_new_track_may_join_old_ones(images):
    tracker = tiny_tracker().eval()
    _, states = tracker.stream(images[:1], [frame()], [None])
    samples, _ = tracker.stream(images[1:3], [frame(), frame()], [states[0], None])
    np.testing.assert_array_equal(keypoints(samples[1:]), keypoints(tracker.predict(images[2:3], [frame()])))


def test_loss_is_that_of_the_refined_heatmaps_of_every_frame(images):
    tracker = tiny_tracker().train()
    clip = [frame('a', n, 2) for n in range(2)] + [frame('b', n, 2) for n in range(2)]
    loss = tracker.loss(images[:4], clip)
    assert list(loss) == ['loss_landmark']
    with torch.no_grad():
        detected = [maps.unflatten(0, (2, 2)) for maps in tracker.head(tracker.extract_feat(images[:4]))]
    refined, _ = tracker.refine(detected)
    expected = 0.
    for axis, maps in zip('xy', refined):
        targets = torch.cat([sample.gt_instance_labels[f'keypoint_{axis}_labels'] for sample in clip])
        expected += (maps.flatten(0, 1) - targets).square().sum() / 4
    torch.testing.assert_close(loss['loss_landmark'], expected)


@pytest.mark.parametrize('frozen', [True, False])
def test_frozen_detector_gets_no_gradient_and_keeps_its_statistics(images, frozen):
    tracker = tiny_tracker(freeze_detector=frozen).train()
    before = {name: value.clone() for name, value in tracker.state_dict().items()}
    losses = tracker.loss(images[:4], [frame('a', n, 4) for n in range(4)])
    sum(losses.values()).backward()
    moved = {name for name, value in tracker.state_dict().items() if not torch.equal(value, before[name])}
    trained = {name.split('.')[0] for name, value in tracker.named_parameters() if value.grad is not None}
    if frozen:
        assert set(losses) == {'loss_landmark'}
        assert trained == {'refine_x', 'refine_y'} == {name.split('.')[0] for name in moved}
    else:
        assert set(losses) == {'loss_landmark', 'loss_detector'}
        assert trained == {'backbone', 'head', 'refine_x', 'refine_y'}
        assert 'backbone.stem.bn.running_mean' in moved


def test_detector_checkpoint_fits(images):
    """Names of backbone and head are those of the detector alone."""
    tracker = tiny_tracker()
    detector = {name: value for name, value in tracker.state_dict().items() if not name.startswith('refine_')}
    missing, unexpected = tracker.load_state_dict(detector, strict=False)
    assert unexpected == [] and {name.split('.')[0] for name in missing} == {'refine_x', 'refine_y'}


def test_batches_that_are_no_clips_are_errors(images):
    tracker = tiny_tracker()
    with pytest.raises(KeyError, match='clip_length'):
        tracker.loss(images[:2], [frame('a', 0), frame('a', 1)])
    with pytest.raises(ValueError, match='found 3 frames of clips of .2. frames'):
        tracker.loss(images[:3], [frame('a', n, 2) for n in range(3)])
    with pytest.raises(TypeError, match='CoAttentionMarginalHead'):
        MODELS.build(dict(type='FaceTracker', backbone=dict(type='FAN'), head=dict(type='SubpixelHeatmapHead')))
