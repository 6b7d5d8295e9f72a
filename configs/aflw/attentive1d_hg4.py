_base_ = ['../_base_/datasets/aflw.py', '../_base_/methods/attentive1d.py']
# gamma: the paper's, by cross validation
model = dict(head=dict(gamma=0.5))
from mmfld.engine.combine import combine
combine(globals())
