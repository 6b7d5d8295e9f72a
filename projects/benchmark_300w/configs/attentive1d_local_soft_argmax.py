# P3 refined within bins: the network of attentive1d.py, read by a local soft-argmax instead of the paper's best bin
_base_ = ['./attentive1d.py']
model = dict(head=dict(decoder=dict(decoder='local_soft_argmax')))
