"""When frames are shown, read from packets without decoding them.

That is trusted only of H.264 and H.265 in MP4 and Matroska, which carry a presentation time for every frame, and only
if every packet of the file has such a time, decoding times ascend, no two frames are shown at one time, and FFmpeg can
parse the headers of every packet (its filters ``h264_metadata`` and ``hevc_metadata``, which here change nothing): a
packet without readable headers gives no frame.
"""

from __future__ import annotations

from array import array

import av
import numpy as np
from av.bitstream import BitStreamFilterContext
from av.container import InputContainer
from av.video.stream import VideoStream

from untrim.support.array_types import Float64

_CONTAINERS = ("mov,mp4", "matroska,webm")
_PARSERS = {"h264": "h264_metadata", "hevc": "hevc_metadata"}


def packet_times(container: InputContainer, stream: VideoStream) -> tuple[Float64, Float64] | None:
    """Timestamps and lengths in seconds of all frames, in the order shown; None if the packets cannot be trusted.

    Args:
        container: The open file, at its start; afterwards at its end.
        stream: Its video stream.

    Raises:
        OSError: The file cannot be read.
    """
    parser, base = _PARSERS.get(stream.codec_context.name), stream.time_base
    if parser is None or base is None or not container.format.name.startswith(_CONTAINERS):
        return None
    shown, durations, latest = array("q"), array("q"), None
    try:
        headers = BitStreamFilterContext(parser, stream)
        for packet in container.demux(stream):
            if not packet.size:  # The empty packet at the end of the file.
                continue
            if packet.pts is None or packet.is_corrupt or packet.time_base != base:
                return None
            if packet.dts is not None:  # Matroska's first packets have none where there are B-frames.
                if latest is not None and packet.dts <= latest:
                    return None
                latest = packet.dts
            if not packet.is_discard:  # An edit list cuts it off.
                shown.append(packet.pts)
                durations.append(packet.duration or 0)
            headers.filter(packet)
    except av.FFmpegError:
        return None
    order = np.argsort(np.asarray(shown))
    if not (np.diff(np.asarray(shown)[order]) > 0).all():
        return None
    stamps, lengths = (
        np.fromiter((float(ticks[i] * base) for i in order.tolist()), np.float64) for ticks in (shown, durations)
    )
    return stamps, lengths
