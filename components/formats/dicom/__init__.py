"""A DICOM file to its frames and the scale of its ultrasound regions.

Only the elements that pixels and scale need are ever taken from a file; names, dates and identifiers are passed over.
"""
