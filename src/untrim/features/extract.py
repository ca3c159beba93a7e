"""``untrim extract``: video files in, a feature folder out, or one for each of several backbones; resumes by itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from untrim.errors import UntrimError
from untrim.features.backbones import load_backbone, settings_like
from untrim.features.extractor import Extractor, Recipe, VideoJob
from untrim.features.inventory import Inventory
from untrim.features.several import check_one_decoding, folder_name
from untrim.features.store import INFO_NAME, FeatureFolder, FeatureInfo, read_info
from untrim.features.writing import WritingReport
from untrim.support.kinds import check_kind, kind_of
from untrim.support.locks import locked
from untrim.support.named_files import names_in
from untrim.support.paths import as_path, as_paths
from untrim.support.progress import Progress, ShouldStop, count_steps, warn_each
from untrim.support.workers import Died, Engine, Local, work_off
from untrim.video.files import FoundVideos, find_videos


def extract(
    videos: Path | str | Sequence[Path | str],
    output: Path | str,
    backbone: str = "hoghof",
    settings: Mapping[str, object] | None = None,
    workers: int | None = None,
    engine: Engine | None = None,
    *,
    leave_out: Collection[Path] = (),
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> WritingReport:
    """Extract features of video files into a feature folder; videos already present are left as they are.

    A video that cannot be done stops no other: it is reported, and listed in ``failures.jsonl`` in `output` until a
    run has no failures. Works in processes that start afresh, so that a script which calls this needs the usual
    ``if __name__ == "__main__":``. One run at a time works in a folder.

    Args:
        videos: Video files, and folders that hold some; or one of them.
        output: Feature folder, new or of the same recipe.
        backbone: Name of a backbone (`untrim.features.backbones`).
        settings: Values of its config that differ from the defaults.
        workers: Processes, each with one thread; None for as many as the engine has room for.
        engine: Where they run; None for this machine.
        leave_out: Files and folders in the folders of `videos` that are passed over without a word.
        progress: Told of each video; None for silence.
        should_stop: Asked about once a second, from the thread that calls, whether to stop.

    Raises:
        UntrimError: No videos, two with the same name, unknown backbone or setting, or `output` cannot be written,
            holds something else or features of another recipe, or is worked in by another run.
        WorkFailed: No space left, or processes cannot be started. What is done is kept.
        Stopped: `should_stop` said so. What is done is kept, and the same call resumes.
    """
    output = as_path(output, "output")
    recipes = {output: Recipe(backbone, settings)}
    return _extract(videos, recipes, workers, engine, progress, should_stop, leave_out)[output]


def extract_several(
    videos: Path | str | Sequence[Path | str],
    output: Path | str,
    backbones: Mapping[str, Mapping[str, object]],
    workers: int | None = None,
    engine: Engine | None = None,
    *,
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> dict[Path, WritingReport]:
    """Extract features by several backbones, each into a folder of its own in `output`; a frame is decoded once.

    The folders are those that `extract` would write by one backbone after the other, and either may resume the other.
    A backbone works in a thread of its own in each process. ``hf:OWNER/MODEL`` has the folder ``hf-MODEL``.

    Args:
        videos: As for `extract`, like what follows.
        output: Folder of the feature folders.
        backbones: Values of each one's config that differ from the defaults, by its name; all see the same rate of
            frames and have the same limits.
        workers: Processes.
        engine: Where they run.
        progress: Told of each video that is done by all backbones.
        should_stop: Asked whether to stop.

    Returns:
        What became of the videos, by feature folder.

    Raises:
        UntrimError: As for `extract`; or no backbones, two with one folder, or with other rates or limits.
        WorkFailed: As for `extract`.
        Stopped: As for `extract`.
    """
    output = as_path(output, "output")
    if kind_of(output) == "features":
        raise UntrimError("holds features of one backbone", where=output, fix="choose another -o for several")
    check_kind(output, "features")
    recipes = _recipes(backbones, output)
    return _extract(videos, recipes, workers, engine, progress, should_stop)


def _extract(
    videos: Path | str | Sequence[Path | str],
    recipes: Mapping[Path, Recipe],
    workers: int | None,
    engine: Engine | None,
    progress: Progress | None,
    should_stop: ShouldStop | None,
    leave_out: Collection[Path] = (),
) -> dict[Path, WritingReport]:
    """Extract features by each recipe into its folder."""
    for path in recipes:
        check_kind(path, "features")
    found = find_videos(as_paths(videos, "videos"), leave_out=leave_out)
    if workers is not None and workers < 1:
        raise UntrimError(f"{workers} workers", fix="use at least 1")
    recipes = {path: _as_begun(path, recipe) for path, recipe in recipes.items()}
    infos = _described(recipes)
    with ExitStack() as held:
        for path in recipes:
            held.enter_context(locked(path))
        folders = {path: _open(path, info) for path, info in infos.items()}
        inventories = {path: Inventory(folder, found) for path, folder in folders.items()}
        return _complete(inventories, found, Extractor(recipes), workers, engine or Local(), progress, should_stop)


def _recipes(backbones: Mapping[str, Mapping[str, object]], output: Path) -> dict[Path, Recipe]:
    """The recipe of each of several backbones, by its folder in `output`."""
    named = isinstance(backbones, Mapping) and all(isinstance(name, str) for name in backbones)
    if not named or not backbones or not all(isinstance(settings, Mapping) for settings in backbones.values()):
        raise UntrimError(f"no backbones: {backbones!r:.60}", fix="give their settings, as {'i3d': {}, 'hoghof': {}}")
    recipes: dict[Path, Recipe] = {}
    for name, settings in backbones.items():
        folder = output / folder_name(name)
        if folder in recipes:
            raise UntrimError(f"{recipes[folder].backbone} and {name} have one folder", where=folder, fix="name one")
        recipes[folder] = Recipe(name, settings)
    return recipes


def _as_begun(path: Path, recipe: Recipe) -> Recipe:
    """The recipe; features that are in the folder already say what is not set: they may have older defaults."""
    if not (path / INFO_NAME).is_file() or (info := read_info(path / INFO_NAME)).backbone != recipe.backbone:
        return recipe
    return recipe._replace(settings={**settings_like(info), **(recipe.settings or {})})


def _described(recipes: Mapping[Path, Recipe]) -> dict[Path, FeatureInfo]:
    """What ``features.json`` says of each recipe; the backbones, which may be large, are not kept."""
    infos, configs = {}, {}
    for path, recipe in recipes.items():
        backbone = load_backbone(*recipe)
        infos[path], configs[recipe.backbone] = backbone.info(recipe.backbone), backbone.config
    check_one_decoding(configs)
    return infos


def _complete(
    inventories: Mapping[Path, Inventory],
    found: FoundVideos,
    task: Extractor,
    workers: int | None,
    engine: Engine,
    progress: Progress | None,
    should_stop: ShouldStop | None,
) -> dict[Path, WritingReport]:
    """Extract those of the videos `found` whose features are not in all folders, which no other run works in."""
    sizes = {name: size for inventory in inventories.values() for name, size in inventory.sizes.items()}
    lacking = {name: tuple(path for path, own in inventories.items() if name in own.missing) for name in sizes}
    jobs = [VideoJob(name, found.files[name], paths) for name, paths in lacking.items() if paths]
    jobs.sort(key=lambda job: sizes[job.name], reverse=True)  # So that no worker is left alone with a long one.
    if workers is None:  # Then all cores are to be used, also by fewer videos than there are cores.
        workers = engine.room
        task.threads = engine.threads(min(workers, len(jobs)))
    how_far = _SecondsDone(progress, jobs[0].name) if len(sizes) == len(jobs) == 1 else None
    outcomes = work_off(task, jobs, workers, engine, should_stop, how_far)
    try:
        advance = how_far.end if how_far else count_steps(progress, "extract", len(sizes), len(sizes) - len(jobs))
        with closing(outcomes):
            for outcome in outcomes:
                if outcome is not None:
                    job, results = outcome
                    if isinstance(results, Died):
                        results = dict.fromkeys(job.folders, f"{job.path}: {results.reason}")
                    for path, result in results.items():
                        inventories[path].record(job.name, result)
                    reasons = dict.fromkeys(result for result in results.values() if isinstance(result, str))
                    warn_each(None, [f"failed: {reason}" for reason in reasons])
                    advance(job.name)
                for inventory in inventories.values():
                    inventory.keep_up()
    finally:
        for inventory in inventories.values():
            inventory.close()
    return {path: inventory.report() for path, inventory in inventories.items()}


class _SecondsDone:
    """Progress of a single video, whose seconds are the steps."""

    def __init__(self, progress: Progress | None, name: str) -> None:
        self._progress, self._name = progress, name
        self._done, self._total = 0, 0

    def __call__(self, done: int, total: int) -> None:
        """Tell of each second up to `done` of `total`."""
        if not self._total:
            self._total = total
            self._tell("")
        while self._done < min(done, self._total):
            self._done += 1
            self._tell(f"seconds of {self._name}" if total > 1 else self._name)

    def end(self, _: str) -> None:
        """The video is done, or cannot be done."""
        self(max(1, self._total), max(1, self._total))

    def _tell(self, note: str) -> None:
        if self._progress is not None:
            self._progress("extract", self._done, self._total, note)


def _open(path: Path, info: FeatureInfo) -> FeatureFolder:
    """The folder at `path`, an empty one or one of features of the recipe `info`."""
    if not (path / INFO_NAME).exists():
        if names_in(path, ".npy"):
            raise UntrimError(f"holds .npy files without {INFO_NAME}", where=path, fix="name a new or empty folder")
        folder = FeatureFolder(path, info)
        folder.save_info()
    folder = FeatureFolder.open(path)
    if difference := folder.info.disagreement(info):
        raise UntrimError(
            f"the folder holds features of another recipe: {difference}",
            where=path / INFO_NAME,
            fix="name another folder, or extract with the same settings",
        )
    return folder
