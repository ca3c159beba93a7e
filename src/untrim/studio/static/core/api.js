// @ts-check
/** Calls of the server. A failed one throws `Failure` with the server's own line. */

/** @typedef {import("./types.js").Review} Review */
/** @typedef {import("./types.js").Row} Row */
/** @typedef {import("./types.js").Classes} Classes */

export class Failure extends Error {
  /**
   * @param {number} status 0 where no answer came.
   * @param {string} message
   * @param {any} [body]
   */
  constructor(status, message, body = null) {
    super(message);
    this.status = status;
    this.body = body;
  }
}

/**
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @param {{match?: number, keepalive?: boolean, range?: string}} [options] `match`: the revision that is replaced.
 * @returns {Promise<Response>}
 */
async function call(method, path, body, { match, keepalive = false, range } = {}) {
  /** @type {Record<string, string>} */
  const headers = {};
  if (method !== "GET") headers["Content-Type"] = "application/json";
  if (match !== undefined) headers["If-Match"] = `"${match}"`;
  if (range) headers.Range = range;
  let answer;
  try {
    const text = method === "GET" ? undefined : JSON.stringify(body ?? {});
    answer = await fetch(path, { method, headers, body: text, keepalive, cache: "no-cache" });
  } catch {
    throw new Failure(0, "The studio's server does not answer. Start it again: untrim studio");
  }
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => null);
  if (answer.status === 401)
    throw new Failure(401, "The server was started anew: open the address that it printed.", said);
  throw new Failure(answer.status, said?.error ?? `The server answered ${answer.status}.`, said);
}

/** @param {string} path @returns {Promise<any>} */
export const get = async (path) => (await call("GET", path)).json();

/** @param {string} path @returns {Promise<ArrayBuffer>} */
export const getBytes = async (path) => (await call("GET", path)).arrayBuffer();

/** @param {string} path @param {unknown} body @returns {Promise<any>} */
export const post = async (path, body) => (await call("POST", path, body)).json();

/** @param {string} path @returns {Promise<any>} */
export const remove = async (path) => (await call("DELETE", path)).json();

/**
 * @param {number} revision
 * @param {import("./types.js").ClassInfo[]} classes
 * @returns {Promise<Classes>}
 */
export async function putClasses(revision, classes) {
  const body = { classes: classes.map(({ label, color, cue, key }) => ({ label, color, cue, key })) };
  return (await call("PUT", "/api/classes", body, { match: revision })).json();
}

/**
 * @param {string} video
 * @param {number} revision
 * @param {Review} review
 * @param {boolean} keepalive The page is being left.
 * @returns {Promise<{review: Review, video: Row}>}
 */
export async function putReview(video, revision, review, keepalive) {
  const { labels, exhaustive, segments, points } = review;
  const body = { labels, exhaustive, segments, points };
  return (await call("PUT", `/api/videos/${video}/review`, body, { match: revision, keepalive })).json();
}

/**
 * Ask whether a film is there to be played; asking starts the making of it.
 * @param {string} path
 * @returns {Promise<{ready: boolean, done: number, secondsLeft: number | null}>}
 */
export async function askMedia(path) {
  const answer = await call("GET", path, null, { range: "bytes=0-0" });
  if (answer.status !== 202) return { ready: true, done: 1, secondsLeft: 0 };
  const said = await answer.json();
  return { ready: false, done: said.done ?? 0, secondsLeft: said.seconds_left ?? null };
}
