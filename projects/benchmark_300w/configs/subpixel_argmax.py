# P2 without its local soft-argmax: the network of subpixel.py, read by the best cell
_base_ = ['./subpixel.py']
model = dict(head=dict(decoder=dict(decoder='argmax')))
