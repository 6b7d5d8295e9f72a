# P2, Table 1: coordinates by a soft-argmax over the whole map
_base_ = ['./subpixel_hg2_no-siamese.py']
model = dict(
    head=dict(
        _delete_=True,
        type='STARHead',
        layout='300w68',
        loss_landmark=dict(type='SoftArgmaxLoss', distance='l2', tau=10., grid='half_pixel'),
        stack_weights=(1., 1.),
        decoder=dict(_base_.codec, decoder='expectation')))
