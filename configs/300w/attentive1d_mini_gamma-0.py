# without co-attention
_base_ = ['./attentive1d_mini.py']
model = dict(head=dict(gamma=0.))
