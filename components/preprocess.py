"""Pixels to model input, and back: the one path that training, evaluation, command line and service share.

A file's bytes become an RGB image (`decode_image`); an image becomes the square, normalised input of SAM2
(`to_input`, or `to_planes` where the network isn't PyTorch's); prompts move with it (`to_input_xy`); logits come back
to the image's own pixels (`to_native`, `to_native_arrays`). The aspect ratio isn't kept, as in SAM2. Leaves out: how
files are read (components/formats), batching and devices.

`PREPROCESS_VERSION` changes whenever any number that comes out changes; caches and released models carry it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from components.errors import FrameError, TooManyFramesError
from components.formats import MAX_IMAGE_PX, SourceLimits, open_source
from components.types import Image

if TYPE_CHECKING:
    import torch

PREPROCESS_VERSION = 1
# SAM2 normalises with ImageNet's statistics (sam2.utils.transforms).
MEAN_RGB = np.array([0.485, 0.456, 0.406], dtype=np.float32)
STD_RGB = np.array([0.229, 0.224, 0.225], dtype=np.float32)
# What each value of a pixel becomes, 3 256: looked up, the same bits ten times as fast as computed for each pixel.
_NORMALISED = ((np.arange(256, dtype=np.float32)[:, None] / np.float32(255.0) - MEAN_RGB) / STD_RGB).T.copy()


def decode_image(data: bytes, *, name: str, max_px: int = MAX_IMAGE_PX) -> Image:
    """Decode the bytes of an image file of one frame into H W 3 uint8 RGB, as components/formats does.

    Raises
    ------
    ImageError
        If the bytes aren't a readable image; FrameError, if they hold several frames.
    ImageTooLargeError
        If it has more than `max_px` pixels; told from the header, before any pixel is decoded.
    """
    try:
        return open_source(data, name=name, limits=SourceLimits(image_px=max_px, frames=1)).frame(0)
    except TooManyFramesError:
        raise FrameError(f"{name}: several frames", expected="a single frame", remedy="send one frame") from None


def resize_image(image: Image, size_px: int) -> Image:
    """Stretch an image (H W 3) to a square of `size_px`: area averaging where it shrinks, else bilinear."""
    shrinks = image.shape[0] > size_px and image.shape[1] > size_px
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (size_px, size_px), interpolation=how), dtype=np.uint8)


def normalised(image: Image) -> NDArray[np.float32]:
    """Turn H W 3 uint8 into 3 H W float32 by ImageNet's mean and standard deviation."""
    planes = np.empty((3, *image.shape[:2]), dtype=np.float32)  # 3 H W
    for channel, plane in enumerate(cv2.split(image)):
        cv2.LUT(plane, _NORMALISED[channel], dst=planes[channel])
    return planes


def normalise(image: Image) -> torch.Tensor:
    """`normalised`, as a tensor."""
    # The data stages decode with this module and have no use for torch, whose import takes four seconds.
    import torch

    return torch.from_numpy(normalised(image))


def to_planes(image: Image, size_px: int) -> NDArray[np.float32]:
    """Turn an image (H W 3 uint8) into the model's input, 3 S S float32."""
    return normalised(resize_image(image, size_px))


def to_input(image: Image, size_px: int) -> torch.Tensor:
    """`to_planes`, as a tensor."""
    return normalise(resize_image(image, size_px))


def to_input_xy(xy: NDArray[np.float64], *, size_hw: tuple[int, int], size_px: int) -> NDArray[np.float64]:
    """Move points (N 2, native pixels) into the frame of the model's input."""
    height_px, width_px = size_hw
    return xy * np.array([size_px / width_px, size_px / height_px])


def to_native(logits: torch.Tensor, size_hw: tuple[int, int]) -> torch.Tensor:
    """Bring logits (N h w) to the image's own size by bilinear interpolation (N H W); a mask is `> 0`."""
    import torch.nn.functional as F

    return F.interpolate(logits[:, None], size=size_hw, mode="bilinear", align_corners=False)[:, 0]


def to_native_arrays(logits: NDArray[np.float32], size_hw: tuple[int, int]) -> NDArray[np.float32]:
    """`to_native` of arrays without PyTorch, an eighth of its time.

    Its weights are rounded otherwise: values differ by some 1e-4 of the largest difference between neighbours, and a
    mask in a pixel where a logit is as near to 0 as that.
    """
    height_px, width_px = size_hw
    each = [cv2.resize(one, (width_px, height_px), interpolation=cv2.INTER_LINEAR) for one in logits]
    return np.asarray(each, dtype=np.float32).reshape(len(logits), height_px, width_px)
