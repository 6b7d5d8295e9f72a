# AFLW-Frontal: any checkpoint of subpixel_hg2.py, tested on the 1,314 faces with all landmarks visible
_base_ = ['./subpixel_hg2.py']
test_dataloader = dict(dataset=dict(ann_file='annotations/face_landmarks_aflw_test_frontal.json'))
