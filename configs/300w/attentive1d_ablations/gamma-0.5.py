# P3, Fig. 3: the weight of the co-attention
_base_ = ['../attentive1d_hg4.py']
model = dict(head=dict(gamma=0.5))
