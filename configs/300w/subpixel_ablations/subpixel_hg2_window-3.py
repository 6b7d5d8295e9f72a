# P2, Table 3. The window is a matter of decoding: any checkpoint of subpixel_hg2_split1.py serves.
_base_ = ['../subpixel_hg2_split1.py']
model = dict(head=dict(decoder=dict(window=3)))
