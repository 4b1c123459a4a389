"""Outlined objects to measurements and to files that other programs read: pictures, COCO, DICOM SEG and SR.

Each writer takes the objects as `Finding`s and who made them as an `Origin` (finding.py), and gives back bytes: a
service may send them, a command write them. All of them say that they are for research only.

Leaves out: how a mask comes about (components/promptable), and reading images (components/formats).
"""
