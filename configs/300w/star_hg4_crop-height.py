# tools/dist_train.sh configs/300w/star_hg4_crop-height.py 4
# 128 faces a step: 4 GPUs x 32.
# 300W full, NME inter-ocular (all / common / challenge): 2.87 / 2.52 / 4.32 in the paper, not measured here
_base_ = ['./star_hg4.py']
# The crop of the reference's meta files. It cuts landmarks off: tools/analysis_tools/measure_crops.py
crop = dict(rule='landmark_height', padding=1.)
from mmfld.engine.combine import combine
combine(globals())
