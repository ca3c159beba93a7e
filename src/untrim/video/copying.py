"""Stretches of a video without encoding its pictures again: quick, but only from one key frame on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from untrim.errors import UntrimError
from untrim.support.files import atomic_path
from untrim.timeline import Segment
from untrim.video.clock import timestamp
from untrim.video.decode import VideoFile
from untrim.video.packets import packet_times
from untrim.video.reopening import reopened
from untrim.video.sound import SoundReader, SoundWriter

_TIE = 1e-6  # seconds; less than this is rounding

_Packets = list["av.Packet[VideoStream]"]


def can_be_copied(video: VideoFile) -> bool:
    """Whether stretches can be copied: H.264 or H.265 in MP4 or Matroska, each packet of which has its time."""
    with ExitStack() as resources:
        return packet_times(*_open(video, resources)) is not None


def copy_span(video: VideoFile, span: Segment, path: Path, about: Callable[[float], Mapping[str, str]]) -> Segment:
    """Write a stretch of a video into an MP4 file: pictures as they are, from the key frame before; sound encoded anew.

    Args:
        video: The file, of which `can_be_copied` is true.
        span: Seconds from the first frame.
        path: The file to write, whole or not at all.
        about: Gives the texts that the file carries, of the seconds of its first picture.

    Returns:
        What the file holds, in seconds from the first frame of the video.

    Raises:
        UntrimError: The video ends before the stretch, or `path` cannot be written.
    """
    with ExitStack() as resources:
        container, stream = _open(video, resources)
        zero = video.first_stamp
        packets = _needed(container, stream, zero + span.start, zero + span.end)
        if not packets or packets[0].pts is None:
            raise UntrimError(f"ends before {span.start:.2f} s", where=video.path)
        base, first = stream.time_base or packets[0].time_base, packets[0].pts
        begin = float(first * base) - zero
        stop = max(((packet.pts or first) + (packet.duration or 0) for packet in packets), default=first)
        held = Segment(max(begin, 0.0), max(float(stop * base) - zero, begin, 0.0))
        temporary = resources.enter_context(atomic_path(path))
        output = resources.enter_context(av.open(str(temporary), "w", format="mp4"))
        output.metadata.update(about(held.start))
        copied = output.add_stream_from_template(stream)
        sound = resources.enter_context(SoundReader(video, begin))
        written = None if sound.form is None else SoundWriter(output, sound.form)
        for packet in packets:
            seconds = float((packet.pts or first) * base) - zero
            packet.pts, packet.dts = (packet.pts or first) - first, (packet.dts or 0) - first
            packet.stream = copied
            output.mux(packet)
            if written is not None:
                written.write(sound.until(min(seconds, held.end)))
        if written is not None:
            written.write(sound.until(held.end))
            written.finish()
        return held


def _open(video: VideoFile, resources: ExitStack) -> tuple[InputContainer, VideoStream]:
    container = reopened(video.path, resources)
    return container, container.streams[video.stream_index]  # type: ignore[return-value]


def _needed(container: InputContainer, stream: VideoStream, start: float, end: float) -> _Packets:
    """Packets from the last key frame that is shown by `start`, in the file's own seconds, to the last before `end`."""
    with suppress(av.FFmpegError):
        container.seek(int(start * av.time_base))
    packets = _from_key(container.demux(stream), start, end)
    if not packets:  # It led too far.
        container.seek(0)
        packets = _from_key(container.demux(stream), start, end)
    shown = [index for index, packet in enumerate(packets) if (timestamp(packet) or 0) < max(end, start + _TIE) - _TIE]
    packets = packets[: shown[-1] + 1] if shown else packets[:1]
    _fill_in(packets)
    return packets


def _from_key(demuxed: Iterator[av.Packet[VideoStream]], start: float, end: float) -> _Packets:
    packets: _Packets = []
    for packet in demuxed:
        seconds = timestamp(packet)
        if not packet.size or packet.pts is None or seconds is None:
            continue
        if packet.is_keyframe and seconds <= start + _TIE:
            packets = [packet]
        elif packets and packet.pts > (packets[0].pts or 0):  # What is shown earlier needs what is left out.
            packets.append(packet)
        if packet.dts is not None and float(packet.dts * packet.time_base) >= max(end, start + _TIE):
            break
    return packets


def _fill_in(packets: _Packets) -> None:
    """Give each packet a time to be decoded: Matroska leaves those of the first out."""
    for packet, following in zip(packets[-2::-1], packets[:0:-1], strict=True):
        if packet.dts is None and following.dts is not None:
            packet.dts = following.dts - max(packet.duration or 0, 1)
