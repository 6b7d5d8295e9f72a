_base_ = ['./adam_200e.py']
# P4: 500 epochs; the rest is what P1 took over from it. The reference code makes its Adam without the weight decay that
# its configuration lists.
train_cfg = dict(max_epochs=500)
param_scheduler = [dict(type='MultiStepLR', milestones=[200, 350, 450], gamma=0.1, by_epoch=True)]
