# The model of ../300vw/attentive1d_tracker.py on the Talking Face video, errors on the seven points both schemes have
_base_ = ['../300vw/attentive1d_tracker.py']
val_dataloader = dict(
    dataset=dict(data_root='data/talking_face/', ann_file='annotations/face_landmarks_talking_face_test.json'))
test_dataloader = val_dataloader
val_evaluator = dict(
    _delete_=True, type='FaceVideoMetric', layout='300w68', norm='inter_ocular', threshold=0.08, per_area=False)
test_evaluator = val_evaluator
