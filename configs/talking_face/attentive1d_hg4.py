# python tools/test.py configs/talking_face/attentive1d_hg4.py CHECKPOINT
# Tests weights of projects/reproduce/attentive1d.yml:300vw-alone-detector.
# Talking Face, NME inter-ocular: not in the paper, not measured here
_base_ = ['../300vw/attentive1d_hg4.py']
# The Talking Face video, by weights trained on 300VW alone, as section 5.1 says (300vw-alone-detector), or with 300W;
# errors on the seven points that both schemes have
val_dataset = dict(data_root='data/talking_face/', ann_file='annotations/face_landmarks_talking_face_test.json')
test_dataset = val_dataset
val_evaluator = dict(_delete_=True, type='FaceVideoMetric', norm='inter_ocular', threshold=0.08, per_area=False)
test_evaluator = val_evaluator
from mmfld.engine.combine import combine

combine(globals())
