# Trained on 300W (Split I), tested on COFW with 68 points
_base_ = ['../300w/subpixel_hg2_split1.py']
test_dataloader = dict(dataset=dict(data_root='data/cofw/', ann_file='annotations/cofw68_test.json'))
