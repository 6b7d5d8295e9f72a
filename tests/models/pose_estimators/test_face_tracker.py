"""The tracker of the attentive paper: its loss, its state, and that clips, frames and tracks give the same."""

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData, PixelData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

from mmfld.datasets.transforms.crop import FaceAffine, crop_matrix
from mmfld.models.layers import temporal_sums
from mmfld.models.pose_estimators.face_tracker import _crops, maps_score

SIZE, LENGTH = 64, 64
SQUARED = dict(target='heatmaps', loss_landmark=dict(type='KeypointMSELoss', use_target_weight=True))


def tiny_tracker(min_score=0.0, **kwargs):
    """A tracker whose refinement does something, and remembers every frame of an untrained detector."""
    init_default_scope('mmpose')
    torch.manual_seed(0)
    codec = dict(type='MarginalHeatmap', input_size=(SIZE, SIZE), length=LENGTH)
    head = dict(
        type='CoAttentionMarginalHead',
        layout='aflw19',
        in_channels=16,
        feature_size=16,
        length=LENGTH,
        channels=8,
        decoder=codec,
    )
    tracker = MODELS.build(
        dict(
            type='FaceTracker',
            data_preprocessor=dict(type='PoseDataPreprocessor'),
            backbone=dict(type='FAN', layout='aflw19', num_stacks=1, num_levels=2, width=16),
            head=head,
            refinement=dict(channels=8),
            min_score=min_score,
            **kwargs,
        )
    )
    for refinement in (tracker.refine_x, tracker.refine_y):
        torch.nn.init.normal_(refinement.cnn4[-1].weight)
    return tracker


def frame(video=None, number=0, clip_length=None) -> PoseDataSample:
    meta = dict(
        input_size=(SIZE, SIZE),
        input_center=np.array([SIZE / 2] * 2),
        input_scale=np.array([SIZE, SIZE]),
        flip_indices=list(range(19)),
    )
    if video is not None:
        meta.update(video=video, frame=number)
    if clip_length is not None:
        meta.update(clip_length=clip_length)
    sample = PoseDataSample(metainfo=meta)
    sample.gt_instances = InstanceData(bboxes=np.zeros((1, 4)), bbox_scores=np.ones(1))
    labels = torch.rand(2, 1, 19, LENGTH)
    sample.gt_instance_labels = InstanceData(
        keypoint_x_labels=labels[0], keypoint_y_labels=labels[1], keypoint_weights=torch.ones(1, 19)
    )
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
    parts = [
        *tracker.predict(images[:2], [frame('a', n) for n in range(2)]),
        *tracker.predict(images[2:], [frame('a', n) for n in range(2, 5)]),
    ]
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
    expected = [
        keypoints(tracker.predict(video, [frame(name, n) for n in range(5)]))
        for name, video in (('a', images), ('b', others))
    ]
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
    expected = 0.0
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
        assert set(losses) == {'loss_landmark'}  # Eq. 14
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
        MODELS.build(
            dict(
                type='FaceTracker',
                backbone=dict(type='FAN'),
                head=dict(
                    type='SimCCHead', in_channels=8, out_channels=68, input_size=(64, 64), in_featuremap_size=(16, 16)
                ),
            )
        )
    with pytest.raises(ValueError, match='needs a head with a decoder'):
        MODELS.build(
            dict(
                type='FaceTracker',
                backbone=dict(type='FAN'),
                head=dict(type='StackedHeatmapHead', layout='300w68', **SQUARED),
            )
        )


def test_loss_of_the_detector_is_added_by_its_weight(images):
    clip = [frame('a', n, 4) for n in range(4)]
    tracker = tiny_tracker(freeze_detector=False, detector_loss_weight=0.5).eval()
    with torch.no_grad():
        losses = tracker.loss(images[:4], clip)
        expected = tracker.head.loss(tracker.extract_feat(images[:4]), clip)['loss_landmark']
    torch.testing.assert_close(losses['loss_detector'], 0.5 * expected)


@torch.no_grad()
def test_a_frame_with_a_low_score_is_not_remembered():
    tracker = tiny_tracker(min_score=0.5).eval()
    # peaks of 0.9 over both axes, in the frame 1 of 0.9 and 0.4
    x, y = torch.rand(2, 1, 4, 19, LENGTH) * 0.3
    x[..., 20] = y[..., 30] = 0.9
    y[:, 1, :, 30] = 0.4
    torch.testing.assert_close(maps_score((x, y)), torch.tensor([[0.9, 0.4, 0.9, 0.9]]))
    refined, state = tracker.refine((x, y))
    for refinement, maps, found, memory in zip((tracker.refine_x, tracker.refine_y), (x, y), refined, state):
        features = refinement.cnn3(maps[0])
        # refined by itself and the one before, and as if CNN3 had seen nothing there for those that follow
        own = features[1] + refinement.decay * features[0]
        torch.testing.assert_close(found[0, 1], maps[0, 1] + refinement.cnn4(own[None])[0])
        features[1] = 0
        sums = temporal_sums(features[None], refinement.decay)
        torch.testing.assert_close(memory, sums[:, -1])
        torch.testing.assert_close(found[0, 2:], maps[0, 2:] + refinement.cnn4(sums[0, 2:]))


@pytest.mark.parametrize('grid', ['proportional', 'half_pixel'])
@pytest.mark.parametrize('angle', [0.0, 25.0])
def test_bins_move_as_the_crop_does(grid, angle):
    """A point of the image has its bin in the crop before moved to its bin in the crop after."""
    tracker = tiny_tracker(move_state=True)
    tracker.head.decoder.grid = grid
    point, bins, samples = np.array([105.0, 88.0]), [], []
    for centre, side in (((100.0, 90.0), 50.0), ((103.0, 86.0), 56.0)):
        sample = frame()
        results = FaceAffine((SIZE, SIZE)).transform(
            dict(
                img=np.zeros((200, 200, 3), np.uint8),
                bbox_center=np.array([centre], np.float32),
                bbox_scale=np.full((1, 2), side, np.float32),
                bbox_rotation=np.array([angle]),
            )
        )
        sample.set_metainfo({key: results[key] for key in ('input_center', 'input_scale', 'bbox_rotation')})
        samples.append(sample)
        matrix = crop_matrix(np.array(centre), np.full(2, side), angle, (SIZE, SIZE))
        pixels = matrix[:, :2] @ point + matrix[:, 2]
        bins.append(tracker.head.decoder.centres(torch.from_numpy(pixels)))
    before, after = _crops(samples, torch.zeros(0, dtype=torch.float64))[None].split(1, dim=1)
    for axis, move in enumerate(tracker._moves(before, after)):
        scale, shift = move[0, 0]
        assert scale == pytest.approx(50 / 56)
        torch.testing.assert_close(scale * bins[0][axis] + shift, bins[1][axis], rtol=0, atol=1e-4)


@torch.no_grad()
def test_moving_states_are_the_same_in_clips_videos_and_tracks(images):
    tracker = tiny_tracker(move_state=True).eval()
    samples = []
    for n in range(5):
        samples.append(frame('a', n, 5))
        samples[-1].set_metainfo(
            dict(
                input_center=np.array([32.0 + 3 * n, 30.0 - n]),
                input_scale=np.full(2, 64.0 + 2 * n),
                bbox_rotation=np.zeros(1),
            )
        )
    x, y = (axis[None] for axis in tracker.head(tracker.extract_feat(images)))
    refined, _ = tracker.refine((x, y), crops=_crops(samples, images)[None])
    expected = keypoints(tracker._pack(tuple(axis[0] for axis in refined), samples))
    still, _ = tiny_tracker().eval().refine((x, y))
    assert not torch.equal(refined[0], still[0])
    np.testing.assert_array_equal(keypoints(tracker.predict(images, samples)), expected)
    tracker._seen = None
    parts = [*tracker.predict(images[:2], samples[:2]), *tracker.predict(images[2:], samples[2:])]
    np.testing.assert_array_equal(keypoints(parts), expected)
    states, found = [None], []
    for image, sample in zip(images, samples):
        predicted, states = tracker.stream(image[None], [sample], states)
        found.append(keypoints(predicted))
    np.testing.assert_array_equal(np.concatenate(found), expected)
    loss = tracker.loss(images, samples)['loss_landmark']
    torch.testing.assert_close(loss, tracker.head.loss_of_maps(tuple(axis[0] for axis in refined), samples))


def test_moving_in_training_needs_the_rotation(images):
    with pytest.raises(KeyError, match='bbox_rotation'):
        tiny_tracker(move_state=True).loss(images[:2], [frame('a', n, 2) for n in range(2)])


@torch.no_grad()
def test_two_dimensional_heatmaps_are_refined_together(images):
    init_default_scope('mmpose')
    torch.manual_seed(0)
    codec = dict(type='ContinuousHeatmap', input_size=(SIZE, SIZE), heatmap_size=(32, 32), sigma=0.5, decoder='argmax')
    tracker = MODELS.build(
        dict(
            type='FaceTracker',
            data_preprocessor=dict(type='PoseDataPreprocessor'),
            backbone=dict(type='FAN', layout='aflw19', num_stacks=2, num_levels=2, width=16, upsampling=2),
            head=dict(type='StackedHeatmapHead', **SQUARED, layout='aflw19', decoder=codec),
            refinement=dict(channels=8),
            freeze_detector=False,
            min_score=0.0,
        )
    ).eval()
    torch.nn.init.normal_(tracker.refine_x.cnn4[-1].weight)
    maps = tracker.head(tracker.extract_feat(images))[-1]
    assert maps.shape[1:] == (19, 32, 32)
    (refined,), _ = tracker.refine((maps[None],))
    samples = [frame('a', n, 5) for n in range(5)]
    expected = keypoints(tracker._pack((refined[0],), samples))
    np.testing.assert_array_equal(keypoints(tracker.predict(images, samples)), expected)
    states, found = [None], []
    for image, sample in zip(images, samples):
        predicted, states = tracker.stream(image[None], [sample], states)
        found.append(keypoints(predicted))
    np.testing.assert_array_equal(np.concatenate(found), expected)
    targets = torch.rand(5, 19, 32, 32)
    for sample, target in zip(samples, targets):
        sample.gt_fields = PixelData(heatmaps=target)
    torch.testing.assert_close(tracker.loss(images, samples)['loss_landmark'], (refined[0] - targets).square().mean())
    with pytest.raises(ValueError, match='move_state needs a CoAttentionMarginalHead'):
        MODELS.build(
            dict(
                type='FaceTracker',
                backbone=dict(type='FAN'),
                move_state=True,
                head=dict(type='StackedHeatmapHead', layout='300w68', **SQUARED, decoder=codec),
            )
        )
