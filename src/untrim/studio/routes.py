"""What a page may ask; `untrim.studio.guard` says who may. `docs/studio-routes.md` has the form of every answer."""

from __future__ import annotations

from mimetypes import guess_type
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Route

from untrim.studio.answers import Refused, answers, as_json, revision_of, tagged, texts, unless_there
from untrim.studio.classes import like
from untrim.studio.exporting import describe_format, export, writable_formats
from untrim.studio.operations import Operation
from untrim.studio.pictures import SPRITES, make_proxy, make_sprite
from untrim.studio.project import ProjectVideo
from untrim.studio.state import Studio
from untrim.studio.views import classes_view, operation_view, project_view, video_view
from untrim.studio.work import WorkInProject, job_of
from untrim.studio.workshop import Order
from untrim.support.progress import Progress, ShouldStop

STATIC = Path(__file__).parent / "static"


class Routes:
    """The routes of one open project."""

    def __init__(self, studio: Studio, work: WorkInProject) -> None:
        self.studio, self.work = studio, work
        self._page = {path.relative_to(STATIC).as_posix(): path for path in STATIC.rglob("*") if path.is_file()}

    def application(self) -> Starlette:
        """All of them, with the page itself."""

        def read(path: str, work: Any) -> Route:
            return Route(path, answers(work), methods=["GET"])

        def change(method: str, path: str, work: Any) -> Route:
            return Route(path, answers(work, takes_content=True), methods=[method])

        return Starlette(
            routes=[
                Route("/", self.page),
                read("/api/project", self.project),
                read("/api/videos", self.videos),
                change("POST", "/api/videos/tags", self.tags),
                read("/api/videos/{id}", self.video),
                read("/api/videos/{id}/frames", self.frames),
                read("/api/videos/{id}/curves", self.curves),
                read("/api/videos/{id}/review", self.review),
                change("PUT", "/api/videos/{id}/review", self.save),
                change("POST", "/api/operations/{operation}/undo", self.undo),
                read("/api/classes", self.classes),
                change("PUT", "/api/classes", self.set_classes),
                change("POST", "/api/classes/rename", self.rename),
                read("/api/classes/alike", self.alike),
                read("/api/work", self.about_work),
                Route("/api/jobs/events", self.events),
                read("/api/jobs", self.jobs),
                change("POST", "/api/jobs", self.start_job),
                change("DELETE", "/api/jobs/{job}", self.stop_job),
                read("/api/export", self.formats),
                read("/api/export/{format}", self.export),
                read("/media/{id}", self.media),
                read("/sprite/{id}", self.sprite),
                Route("/static/{path:path}", self.part),
            ],
            exception_handlers={500: _fault},
        )

    async def page(self, request: Request) -> Response:
        """The page itself."""
        return FileResponse(STATIC / "index.html", headers={"cache-control": "no-cache"})

    async def part(self, request: Request) -> Response:
        """A file that the page is made of: there are some fifty, all small, and the page waits for every one."""
        path = self._page.get(request.path_params["path"])
        if path is None:
            return Response("no such part of the page", 404, media_type="text/plain")
        return unless_there(request, Response(path.read_bytes(), media_type=guess_type(path.name)[0]))

    async def events(self, request: Request) -> Response:
        """What changes from now on."""
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(self.studio.events.stream(), 200, headers, "text/event-stream")

    def project(self, request: Request) -> Response:
        """The project and its runs."""
        return as_json(project_view(self.studio))

    def videos(self, request: Request) -> Response:
        """The list of videos, and the one to look at next."""
        rows = self.studio.rows(request.query_params.get("run"))
        return tagged(request, {"videos": rows, "next": self.studio.next_video()})

    def video(self, request: Request) -> Response:
        """All that is known of one video."""
        run = self.studio.run(request.query_params.get("run"))
        return tagged(request, video_view(self.studio, self._video(request), run))

    def frames(self, request: Request) -> Response:
        """Seconds and media seconds of all frames, and of the end."""
        table = self.studio.cache.table(self._video(request))
        seconds = np.append(table.seconds, table.end)
        pairs = np.stack([seconds, seconds + table.offset], axis=1).astype("<f8")
        return Response(pairs.tobytes(), 200, {"cache-control": "no-cache"}, "application/octet-stream")

    def curves(self, request: Request) -> Response:
        """Times of snippets, and activations of each class."""
        video, run = self._video(request), self.studio.run(request.query_params.get("run"))
        curves = None if run is None else run.curves(video.name)
        if curves is None:
            raise Refused(404, "no curves were kept for this video")
        values = np.concatenate([curves.centers[None], curves.values]).astype("<f4")
        return Response(values.tobytes(), 200, {"cache-control": "no-cache"}, "application/octet-stream")

    def review(self, request: Request) -> Response:
        """What was decided about a video."""
        review = self.studio.ledger.review(self._video(request).name)
        return as_json(review.to_json(), etag=f'"{review.revision}"')

    def save(self, request: Request, values: dict[str, Any]) -> Response:
        """Save what was decided about a video."""
        video = self._video(request)
        review = self.studio.save(video, values, revision_of(request))
        content = {"review": review.to_json(), "video": self.studio.row(video)}
        return as_json(content, etag=f'"{review.revision}"')

    def tags(self, request: Request, values: dict[str, Any]) -> Response:
        """Tag many videos."""
        videos = [self.studio.video(key) for key in texts(values, "ids")]
        add, remove = texts(values, "add", []), texts(values, "remove", [])
        operation, kept = self.studio.tag(videos, add, remove, values.get("none") is True)
        return self._operated(operation, videos, kept=kept)

    def undo(self, request: Request, values: dict[str, Any]) -> Response:
        """Take back a change of many videos."""
        operation, videos = self.studio.undo(request.path_params["operation"])
        return self._operated(operation, videos, classes=classes_view(self.studio))

    def classes(self, request: Request) -> Response:
        """All classes."""
        content = classes_view(self.studio)
        return as_json(content, etag=f'"{content["revision"]}"')

    def set_classes(self, request: Request, values: dict[str, Any]) -> Response:
        """Keep order, colours and keys of classes."""
        given = values.get("classes")
        if not isinstance(given, list) or not all(isinstance(entry, dict) for entry in given):
            raise Refused(422, "'classes' should be a list of objects")
        self.studio.set_classes(given, revision_of(request))
        return self.classes(request)

    def rename(self, request: Request, values: dict[str, Any]) -> Response:
        """Call classes otherwise."""
        new = values.get("to")
        if not isinstance(new, str):
            raise Refused(422, "'to' should be a name")
        operation, videos = self.studio.rename(texts(values, "from"), new)
        return self._operated(operation, videos, classes=classes_view(self.studio))

    def alike(self, request: Request) -> Response:
        """The known class that a text is nearly."""
        label = request.query_params.get("label", "")[:200]
        return as_json({"label": like(label, self.studio.known_labels())})

    def about_work(self, request: Request) -> Response:
        """What training would be trained on, and what came of it."""
        return as_json(self.work.describe())

    def jobs(self, request: Request) -> Response:
        """All jobs."""
        return as_json({"jobs": self.work.jobs.all()})

    def start_job(self, request: Request, values: dict[str, Any]) -> Response:
        """Begin a job, or resume one."""
        if isinstance(key := values.get("resume"), str):
            return as_json({"job": self.work.jobs.resume(job_of(self.work, key))}, 201)
        kind = values.get("kind")
        if isinstance(kind, str) and self.work.jobs.busy(kind):
            raise Refused(409, f"a job of the kind '{kind}' is under way")
        return as_json({"job": self.work.start(str(kind))}, 201)

    def stop_job(self, request: Request, values: dict[str, Any]) -> Response:
        """Ask a job to stop."""
        return as_json({"job": self.work.jobs.stop(job_of(self.work, request.path_params["job"]))})

    def formats(self, request: Request) -> Response:
        """The formats that can be written."""
        return as_json({"formats": [describe_format(form) for form in writable_formats()]})

    def export(self, request: Request) -> Response:
        """What is known of all videos, in a format; or what would be lost in it."""
        done = export(self.studio.project, self.studio.known(), request.path_params["format"])
        if "report" in request.query_params:
            about = {"file": done.name, "files": done.files, "bytes": len(done.content)}
            return as_json({**about, "lost": list(done.lost), "rounding": done.rounding or None})
        disposition = f"attachment; filename*=utf-8''{quote(done.name, safe='')}"
        headers = {"cache-control": "no-store", "content-disposition": disposition}
        return Response(done.content, 200, headers, "application/octet-stream")

    def media(self, request: Request) -> Response:
        """A video file, or its proxy."""
        video = self._video(request)
        if "proxy" not in request.query_params:
            if not video.path.is_file():
                raise Refused(404, "the file is missing")
            return FileResponse(video.path, headers={"cache-control": "no-cache"})
        target = self.studio.cache.proxy_file(video)
        if target.is_file():
            return FileResponse(target, media_type="video/mp4", headers={"cache-control": "no-cache"})

        def make(progress: Progress, should_stop: ShouldStop) -> None:
            frames = len(self.studio.cache.table(video))
            make_proxy(video.path, target, frames, progress, should_stop)

        return _not_yet(self.studio.workshop.ask(("proxy", video.id), make))

    def sprite(self, request: Request) -> Response:
        """Small pictures of a video."""
        video = self._video(request)
        tiles = request.query_params.get("tiles", "10")
        if tiles not in map(str, SPRITES):
            raise Refused(422, f"tiles: {' or '.join(map(str, SPRITES))}")
        target = self.studio.cache.sprite_file(video, int(tiles))
        if target.is_file():
            return FileResponse(target, headers={"cache-control": "no-cache"})

        def make(progress: Progress, should_stop: ShouldStop) -> None:
            shape = self.studio.shapes.look_up(video)
            duration = None if shape is None else shape.duration
            if duration is None:
                duration = self.studio.cache.table(video).end
            make_sprite(video.path, target, int(tiles), duration, should_stop)

        return _not_yet(self.studio.studies.ask(("sprite", video.id, tiles), make))

    def _video(self, request: Request) -> ProjectVideo:
        return self.studio.video(request.path_params["id"])

    def _operated(self, operation: Operation | None, videos: list[ProjectVideo], **more: object) -> Response:
        rows = [self.studio.row(video) for video in videos]
        return as_json({"operation": operation_view(operation), "videos": rows, **more})


async def _fault(request: Request, error: Exception) -> Response:
    return as_json({"error": "the studio has a fault; the terminal it was started in says more"}, 500)


def _not_yet(order: Order) -> Response:
    if order.state == "failed":
        raise Refused(422, order.error or "cannot be made")
    about = {"state": order.state, "done": order.done, "seconds_left": order.seconds_left}
    return as_json(about, 202, **{"retry-after": "1"})
