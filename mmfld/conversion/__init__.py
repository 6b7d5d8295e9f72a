"""What the commands of ``tools/dataset_converters`` share: files of data sets read with checks, and COCO json written.

Nothing is imported here, as the process that reads dangerous files (:mod:`.child`) shall start at once.
"""
