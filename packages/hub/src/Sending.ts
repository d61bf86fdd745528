/**
 * Requests that change something on a hub: as `Requests`, with bodies.
 *
 * What may be sent twice (a large file, a question before it) is sent again as questions are asked again. What may not, a
 * commit or a new repository, fails with `Again`: whoever sends it looks at what became of it first.
 */
import { Effect } from "effect"
import * as Address from "./Address.ts"
import { HubBroken } from "./Errors.ts"
import type { HubError } from "./Errors.ts"
import type { Settings } from "./Hub.ts"
import * as LargeFiles from "./LargeFiles.ts"
import * as Requests from "./Requests.ts"

/** Of the hub's own addresses. */
const onlyOnce = /^\/api\/(?:repos\/create|models\/.*\/commit\/[^/]*)$/

/**
 * What the hub library makes of the hub's answers, through a `fetch` that has everything of `Requests` in it.
 *
 * The library sends several files at once and leaves all but the first failure to nobody, which ends a process of Node's.
 * So what fails is told here, and the `fetch` it failed in never ends; what the library would stumble over among several
 * files is judged before it sees it.
 *
 * @param sent told the size of every file that has arrived in the storage
 */
export const through = <A>(
  settings: Settings,
  at: Address.Repository,
  wanted: string,
  use: (fetch: typeof globalThis.fetch) => Promise<A>,
  sent: (bytes: number) => void = () => {},
): Effect.Effect<A, Requests.Again | Requests.Refused | HubError> =>
  Effect.tryPromise({
    try: async (interrupted) => {
      const over = new AbortController()
      const signal = AbortSignal.any([interrupted, over.signal])
      const { promise: failed, reject } = Promise.withResolvers<never>()
      const fetch: typeof globalThis.fetch = async (input, init) => {
        try {
          const request = requestOf(settings, at, input, init)
          const response = await Effect.runPromise(answerTo(settings, at, wanted, request), { signal })
          if (request.body instanceof Blob) sent(request.body.size)
          return response
        } catch (cause) {
          reject(cause)
          return await new Promise<never>(() => {})
        }
      }
      try {
        return await Promise.race([failed, use(fetch)])
      } finally {
        over.abort()
      }
    },
    catch: (cause) =>
      Requests.isOurs(cause)
        ? cause
        : new HubBroken(
            Address.problem(at, wanted, `an answer of ${Requests.endpoint(settings).host} in another form`),
          ),
  })

const answerTo = (settings: Settings, at: Address.Repository, wanted: string, request: Requests.Request) => {
  const attempt = Requests.once(settings, at, request, async (given, alive) => {
    const body = await Requests.bounded(at, wanted, given, alive)
    const headers = new Headers(given.headers)
    // Parts of a file are told by it; without one the hub finds them wrong when it puts them together.
    if (request.method === "PUT" && !headers.has("etag")) headers.set("etag", "none")
    const response = new Response(body.length === 0 ? null : body, { status: given.status, headers })
    if (new URL(request.url).pathname.endsWith("/info/lfs/objects/batch")) LargeFiles.judge(settings, at, request, body)
    return response
  })
  return onlyOnce.test(new URL(request.url).pathname) ? attempt : Requests.persistently(settings, at, wanted, attempt)
}

const requestOf = (
  settings: Settings,
  at: Address.Repository,
  input: string | URL | Request,
  init: RequestInit | undefined,
): Requests.Request => {
  const home = Requests.endpoint(settings)
  const url = URL.parse(input instanceof Request ? input.url : input.toString())
  const { method = "GET", body } = init ?? {}
  const isText = body === undefined || body === null || typeof body === "string"
  // Only files go anywhere else, and no less protected than the rest.
  const place = method === "PUT" ? "https://… for a large file" : `${home.host} to be asked`
  const allowed =
    url !== null &&
    (url.origin === home.origin ||
      (method === "PUT" && (url.protocol === "https:" || (url.protocol === "http:" && home.protocol === "http:"))))
  if (!allowed || !(isText || body instanceof Blob)) throw new HubBroken(Address.problem(at, place, "another place"))
  const headers = new Headers(init?.headers)
  headers.delete("authorization")
  return { url: url.href, method, headers: Object.fromEntries(headers), body: body ?? undefined }
}
