"""A plain U-Net that is given the box as an input channel: the trained baseline beside every model."""
