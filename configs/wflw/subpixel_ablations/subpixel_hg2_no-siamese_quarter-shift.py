# P2, Table 2: continuous encoding without the local soft-argmax
_base_ = ['./subpixel_hg2_no-siamese.py']
model = dict(head=dict(decoder=dict(decoder='quarter_shift')))
