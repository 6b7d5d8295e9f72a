# tools/dist_train.sh configs/300w/structured_hg4.py 4
# 128 faces a step: 4 GPUs x 32.
# 300W full, NME inter-ocular (all / common / challenge): 2.87 / 2.53 / 4.27 in the paper, not measured here
_base_ = ['../_base_/datasets/300w.py', '../_base_/methods/structured.py']
from mmfld.engine.combine import combine

combine(globals())
