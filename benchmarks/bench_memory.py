"""How much memory does the extraction of a long video take, and does it grow with the length?

    OMP_NUM_THREADS=1 python benchmarks/bench_memory.py CLIP [MINUTES=30] [extract's options …]

The clip is encoded once as 1280x720 H.264 and repeated, by copying its packets, until the video is as long as asked.
`untrim extract` then makes its features, with one worker. Memory is what `/proc` says is resident in all its processes
together (shared pages count in each), looked at five times per second.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av

from untrim.video.decode import VideoFile

WIDTH, HEIGHT, FPS = 1280, 720, 25
SECONDS_BETWEEN_LOOKS = 0.2


def main() -> None:
    clip, minutes = Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 30.0
    with tempfile.TemporaryDirectory() as folder:
        once, video = Path(folder, "once.mp4"), Path(folder, "long.mp4")
        encode(clip, once)
        repeat(once, video, minutes * 60)
        with VideoFile(video) as file:
            print(f"{file.info.width}x{file.info.height}, {(file.info.duration or 0) / 60:.1f} minutes")
        command = ["extract", str(video), "-o", str(Path(folder, "features")), "--workers", "1", *sys.argv[3:]]
        report(*watch([sys.executable, "-m", "untrim", *command]))


def encode(clip: Path, target: Path) -> None:
    with VideoFile(clip) as source, av.open(str(target), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "crf": "23"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for frame in source.frames(FPS, (WIDTH, HEIGHT)):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame.image, format="rgb24")))
        container.mux(stream.encode())


def repeat(clip: Path, target: Path, seconds: float) -> None:
    """The packets of a clip, again and again, each time later by the length of the clip."""
    start = Fraction(0)
    with av.open(str(target), "w") as container:
        stream = None
        while start < seconds:
            with av.open(str(clip)) as source:
                video = source.streams.video[0]
                stream = stream or container.add_stream_from_template(video)
                assert video.time_base is not None
                assert video.duration is not None
                for packet in source.demux(video):
                    if packet.dts is None or packet.pts is None:
                        continue
                    packet.pts += round(start / video.time_base)
                    packet.dts += round(start / video.time_base)
                    packet.stream = stream
                    container.mux(packet)
                start += video.duration * video.time_base


def watch(command: list[str]) -> tuple[list[float], float]:
    """Run a command: MiB resident in it and its descendants over time, and its seconds of processor time."""
    looks = []
    with subprocess.Popen(command) as process:
        while process.poll() is None:
            looks.append(sum(resident(pid) for pid in family(process.pid)) / 2**20)
            time.sleep(SECONDS_BETWEEN_LOOKS)
    if process.returncode:
        sys.exit(process.returncode)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return looks, used.ru_utime + used.ru_stime


def family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [pid, *(descendant for child in children for descendant in family(int(child)))]


def resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()
    except (FileNotFoundError, ProcessLookupError):
        return 0


def report(looks: list[float], processor_seconds: float) -> None:
    tenths = [looks[len(looks) * part // 10 : len(looks) * (part + 1) // 10] for part in range(10)]
    print("MiB, the most in each tenth of the time:", *(round(max(tenth, default=0)) for tenth in tenths))
    print(f"peak {max(looks):.0f} MiB, {processor_seconds:.0f} s of processor time")


if __name__ == "__main__":
    main()
