// @ts-check
/**
 * The types of everything that goes between the server and the page, and of the page's own state. Seconds count from
 * the first frame, as everywhere in untrim; media seconds are what the browser's player counts.
 *
 * @typedef {{start: number, end: number}} Span
 * @typedef {"accepted" | "adjusted" | "added" | "rejected"} Decision
 * @typedef {{run?: string | null, start: number, end: number, score: number}} Origin
 * @typedef {{id: string, label: string, start: number, end: number, state: Decision, by?: string, at?: string,
 *   from?: Origin}} Segment
 * @typedef {{label: string, time: number, by?: string, at?: string}} Point
 * @typedef {{revision: number, labels: string[], exhaustive: string[] | true, segments: Segment[], points: Point[],
 *   picked?: string | null}} Review
 *
 * @typedef {{label: string, start: number, end: number, score: number, shown: boolean,
 *   decided: string | null}} Detection
 * @typedef {{classes: string[], snippets: number, threshold: number[] | null}} CurvesHead
 * @typedef {{times: Float32Array, rows: Map<string, {values: Float32Array, threshold: number | null}>}} Curves
 * @typedef {{id: string, name: string, duration: number | null, frames: number | null, fps: number, width: number,
 *   height: number, constant_rate: boolean, play: "original" | "proxy", problem: string | null, review: Review,
 *   truth: {label: string, start: number, end: number}[], run: string | null, detections: Detection[], level: number | null,
 *   curves: CurvesHead | null, sprite: {tiles: number, columns: number, width: number, height: number}}} Video
 *
 * @typedef {"untagged" | "tagged" | "found" | "in review" | "complete"} Progress
 * @typedef {{id: string, name: string, duration: number | null, revision: number, labels: string[], none: boolean,
 *   exhaustive: string[] | true, state: Progress, need: number, reason: string | null, found: number, decided: number,
 *   points: number, picked: string | null, features: boolean, problem: string | null, suggested: string[],
 *   width?: number | null, height?: number | null}} Row
 * @typedef {{id: string, reason: string, picked: string | null}} Next
 * @typedef {{label: string, color: string, cue: string, key: string | null, videos: number, segments: number,
 *   points: number, found: number, in_run: boolean}} ClassInfo
 * @typedef {{revision: number, classes: ClassInfo[]}} Classes
 * @typedef {{id: string, made: string, trained_on?: string, curves: boolean}} Run
 * @typedef {{id: string, words: string}} Operation
 * @typedef {{name: string, version: string, user: string, runs: Run[], run: string | null,
 *   operations: {undo: Operation[], redo: Operation[]}}} Project
 * @typedef {{tagged: number, points: number, corrected: number, none: number, untagged: number,
 *   features: {done: number, total: number}, can_train: boolean, why_not: string | null, changed: string | null,
 *   accuracy: {right: number, of: number, low: number, high: number, videos: number, words: string} | null}} Work
 * @typedef {{id: string, kind: "extract" | "train" | "localize" | "suggest", state: "waiting" | "running" | "stopped" | "failed" |
 *   "done", what: string, done: number, total: number, note: string | null, seconds_left: number | null,
 *   started: string, ended: string | null, error: string | null, notes: string[], run: string | null, losses: [number, number][]}} Job
 * @typedef {{name: string, title: string, ending: string, files: "one" | "many", cannot_hold: string[]}} Format
 * @typedef {{file: string, files: number, bytes: number, lost: string[], rounding: number | null}} ExportReport
 *
 * What the timeline and the list show: a decision, or something found that waits for one.
 * @typedef {{id: string, label: string, start: number, end: number, state: Decision | "found", score: number | null,
 *   from: Origin | null}} Item
 * @typedef {{state: "saved" | "saving" | "unsaved" | "failed", at: Date | null, text: string}} Saving
 * @typedef {{page: string, id: string}} Route
 * @typedef {{video: string, changes: import("../edit/changes.js").Change[], text: string}} Offer
 *
 * @typedef {object} State
 * @property {Route} route
 * @property {Project | null} project
 * @property {Row[]} videos
 * @property {Next | null} next
 * @property {Classes} classes
 * @property {Video | null} video The open one.
 * @property {Review | null} review Of the open video, as edited.
 * @property {import("../player/frames.js").Frames | null} frames
 * @property {Curves | null} curves
 * @property {string} selected Id of an item, `p` and the index of a point, or nothing.
 * @property {"" | "start" | "end"} held The edge that `,` and `.` move.
 * @property {{label: string, start: number} | null} pending A segment that was begun and has no end yet.
 * @property {(Item & {moved: boolean}) | null} dragged What the mouse has made of an item so far.
 * @property {string} label The class of what is marked next.
 * @property {number | null} score Found segments below it are not shown; null: the server says which are.
 * @property {Span} view The part of the video that the timeline shows.
 * @property {number} shown The frame on the screen.
 * @property {boolean} playing
 * @property {number} speed
 * @property {string} trouble What is wrong with the picture, in words, or nothing.
 * @property {boolean} everyClass Whether rows without anything are shown.
 * @property {Saving} saving
 * @property {Offer | null} offer An edit that met another one, to be made once more.
 * @property {{undo: string, redo: string}} undo What would be undone and done again, in words.
 * @property {Job[]} jobs
 * @property {Work | null} work
 * @property {boolean} connected
 */
export {};
