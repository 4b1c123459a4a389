"""The trunks that a segmenter can stand on, one file a kind: images to the features of four stages."""
