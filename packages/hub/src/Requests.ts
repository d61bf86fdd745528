/**
 * Questions to a hub over HTTP, and what becomes of their answers.
 *
 * - Redirects are followed here and not by `fetch`: the token goes to the endpoint's own origin, and once an answer has
 *   led elsewhere it is not sent again.
 * - What another attempt may mend (429, 5xx, a cut or silent connection) is asked again: after the time the hub names
 *   (`Retry-After`, or `t` of `RateLimit`), else after 0.5, 1, 2 … s, each shortened by up to a half at random so that
 *   many clients do not return at once.
 * - No message holds a URL: those of storage hosts are signed, and their queries are secrets.
 */
import { Data, Effect, Option, Random, Redacted, Schema } from "effect"
import * as Address from "./Address.ts"
import { CacheUnusable, HubBroken, HubMissing, HubUnreachable } from "./Errors.ts"
import type { HubError } from "./Errors.ts"
import type { Settings } from "./Hub.ts"

/** An answer with a status that another attempt will not change. */
export class Refused extends Data.TaggedError("Refused")<{
  readonly status: number
  /** The hub's own word for it, such as `GatedRepo`. */
  readonly code: string | undefined
  /** What it says of it; only where something was sent. */
  readonly said?: string | undefined
}> {}

/** What another attempt may mend. */
export class Again extends Data.TaggedError("Again")<{
  readonly got: string
  readonly afterMillis?: number | undefined
}> {}

const attempts = 6
const firstPauseMillis = 500
const longestPauseMillis = 30_000
/** Who is told to come back later than this had better be told. */
const longestWaitMillis = 300_000
const mostRedirects = 10
const mostAnswerBytes = 32 * 2 ** 20
const mostPages = 1000

/** Slower than this nobody is taken to send. */
const leastBytesPerMilli = 50
const mostSaid = 200

export const isOurs = (cause: unknown): cause is HubError | Refused | Again =>
  [HubBroken, HubMissing, HubUnreachable, CacheUnusable, Refused, Again].some((kind) => cause instanceof kind)

export interface Request {
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  /** `GET` unless given. */
  readonly method?: string
  readonly body?: string | Blob | undefined
}

/**
 * One attempt. `use` reads the answer and calls `alive` at every sign of life; what it throws besides our own errors is
 * a connection's.
 */
export const once = <A>(
  settings: Settings,
  at: Address.Repository,
  request: Request,
  use: (response: Response, alive: () => void) => Promise<A>,
): Effect.Effect<A, Again | Refused | HubError> =>
  Effect.tryPromise({
    try: async (signal) => {
      const silence = new AbortController()
      const silentMillis = settings.idleMillis + sizeBytes(request.body) / leastBytesPerMilli
      const timer = setTimeout(() => silence.abort(), silentMillis)
      try {
        const either = AbortSignal.any([signal, silence.signal])
        const response = await follow(settings, at, request, either)
        try {
          return await use(response, () => void timer.refresh())
        } finally {
          release(response)
        }
      } catch (cause) {
        if (isOurs(cause)) throw cause
        const seconds = Math.round(silentMillis / 1000)
        throw new Again({ got: silence.signal.aborted ? `silence for ${seconds} s` : failure(cause) })
      } finally {
        clearTimeout(timer)
      }
    },
    catch: (cause) => cause as Again | Refused | HubError,
  })

const sizeBytes = (body: Request["body"]): number =>
  body === undefined ? 0 : typeof body === "string" ? body.length : body.size

/** An answer that is not read holds its connection. */
const release = (response: Response): void => {
  if (response.body !== null && !response.body.locked) void response.body.cancel().catch(() => {})
}

const follow = async (
  settings: Settings,
  at: Address.Repository,
  { url: start, headers = {}, method = "GET", body }: Request,
  signal: AbortSignal,
): Promise<Response> => {
  const home = endpoint(settings)
  let url = new URL(start)
  let trusted = true
  for (let hop = 0; hop <= mostRedirects; hop++) {
    trusted = trusted && url.origin === home.origin
    const response = await settings.fetch(url.href, {
      headers: { ...headers, ...(trusted ? authorization(settings) : {}) },
      method,
      ...(body === undefined ? {} : { body }),
      redirect: "manual",
      signal,
    })
    if (![301, 302, 303, 307, 308].includes(response.status)) {
      return await accepted(settings, at, response, trusted, method !== "GET")
    }
    release(response)
    // By the others what was sent would be asked for instead.
    if (method !== "GET" && ![307, 308].includes(response.status)) {
      throw new HubBroken(Address.problem(at, "an answer to what was sent", `a redirect, ${response.status}`))
    }
    url = redirected(at, home, url, response.headers.get("location"))
  }
  throw new HubBroken(Address.problem(at, `at most ${mostRedirects} redirects`, "more"))
}

const redirected = (at: Address.Repository, home: URL, from: URL, location: string | null): URL => {
  const next = location === null ? null : URL.parse(location, from.href)
  if (next === null) throw new HubBroken(Address.problem(at, "a redirect to some place", "one to nowhere"))
  const safe = next.protocol === "https:" || (next.protocol === "http:" && home.protocol === "http:")
  if (!safe || next.username !== "" || next.password !== "") {
    throw new HubBroken(Address.problem(at, `a redirect to ${home.protocol}//…`, `one to ${next.protocol}//…`))
  }
  return next
}

/** Throws `HubUnreachable`. */
export const endpoint = (settings: Settings): URL => {
  const url = URL.parse(settings.endpoint)
  const invalid = (expected: string, got: string, advice = "") =>
    new HubUnreachable({ where: "HF_ENDPOINT", expected, got, advice })
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw invalid("an address that starts with https://", JSON.stringify(settings.endpoint))
  }
  // It would be told in messages and kept with results.
  if (url.username !== "" || url.password !== "") {
    throw invalid("an address alone", "one with a user or a password in it", "HF_TOKEN says who asks.")
  }
  return url
}

/** The endpoint as people write it: scheme, host and path. Throws `HubUnreachable`. */
export const address = (settings: Settings): string => {
  const { origin, pathname } = endpoint(settings)
  return `${origin}${pathname}`.replace(/\/+$/, "")
}

const authorization = ({ token }: Settings): { readonly authorization?: string } => {
  if (token === undefined) return {}
  const value = Redacted.value(token)
  if (/^[\x21-\x7e]+$/.test(value)) return { authorization: `Bearer ${value}` }
  throw new HubUnreachable({
    where: "HF_TOKEN",
    expected: "a token in one word of ASCII characters",
    got: "other characters",
    advice: "",
  })
}

/** Links to other hosts are signed for a while: what they refuse may be had by a new one. */
const accepted = async (
  settings: Settings,
  at: Address.Repository,
  response: Response,
  ofEndpoint: boolean,
  sent: boolean,
): Promise<Response> => {
  const { ok, status, headers } = response
  if (ok) return response
  const said = sent && ofEndpoint ? await saying(settings, at, response) : undefined
  release(response)
  if (status >= 500 || status === 408 || status === 429 || (!ofEndpoint && status !== 416)) {
    throw new Again({ got: `the answer ${status}`, afterMillis: waitOf(headers) })
  }
  throw new Refused({ status, code: headers.get("x-error-code") ?? undefined, said })
}

const Said = Schema.fromJsonString(Schema.Struct({ error: Schema.String }))

const saying = async (settings: Settings, at: Address.Repository, response: Response): Promise<string | undefined> => {
  const body = await bounded(at, "a reason", response, () => {}).catch(() => "")
  return told(settings, Option.getOrUndefined(Schema.decodeUnknownOption(Said)(body.toString()))?.error ?? "")
}

/** The hub's own sentence, without addresses and, should it repeat it, without the token. */
export const told = ({ token }: Settings, sentence: string): string | undefined => {
  const plain = token === undefined ? sentence : sentence.replaceAll(Redacted.value(token), "…")
  const short = plain
    .replaceAll(/\w+:\/\/\S+/g, "…")
    .replaceAll(/\s+/g, " ")
    .slice(0, mostSaid)
  return short.replace(/[\s.]+$/, "") || undefined
}

/** Seconds or a date (RFC 9110, 10.2.3); the hub's own limits name the seconds until their window ends. */
const waitOf = (headers: Headers): number | undefined => {
  const given = headers.get("retry-after") ?? /(?:^|;)\s*t=(\d+)/.exec(headers.get("ratelimit") ?? "")?.[1]
  if (given === undefined) return undefined
  const millis = /^\d+$/.test(given) ? Number(given) * 1000 : Date.parse(given) - Date.now()
  return Number.isNaN(millis) ? undefined : Math.max(0, millis)
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: "no server there",
  ENOTFOUND: "no such host",
  EAI_AGAIN: "no answer from the name server",
}

/** Messages of connections may repeat what was sent: only their codes are told. */
const failure = (cause: unknown): string => {
  const { code, cause: inner } = cause as { code?: string; cause?: { code?: string } }
  const given = inner?.code ?? code
  return reasons[given ?? ""] ?? (given === undefined ? "a cut connection" : `a cut connection (${given})`)
}

/**
 * The attempt until it succeeds or fails for good. Attempts are counted anew while there is progress.
 *
 * @param wanted what is asked for, for the message
 */
export const persistently = <A, E>(
  settings: Settings,
  at: Address.Repository,
  wanted: string,
  attempt: Effect.Effect<A, E | Again>,
  progressed: () => boolean = () => false,
): Effect.Effect<A, Exclude<E, Again> | HubUnreachable> => {
  const go = (before: number): Effect.Effect<A, Exclude<E, Again> | HubUnreachable> =>
    attempt.pipe(
      Effect.catchIf(
        (error): error is Again => error instanceof Again,
        ({ got, afterMillis }) =>
          Effect.gen(function* () {
            const failed = progressed() ? 1 : before + 1
            const backoff = Math.min(longestPauseMillis, firstPauseMillis * 2 ** (failed - 1))
            const wait = afterMillis ?? backoff * (1 - (yield* Random.next) / 2)
            if (failed < attempts && wait <= longestWaitMillis) {
              yield* settings.pause(wait)
              return yield* go(failed)
            }
            const asked = wait > longestWaitMillis ? ` and a wait of ${Math.round(wait / 1000)} s` : ""
            const times = failed > 1 ? `, ${failed} times` : ""
            const problem = Address.problem(at, `${wanted} from ${endpoint(settings).host}`, `${got}${asked}${times}`)
            return yield* new HubUnreachable({ ...problem, advice: "Try again later." })
          }),
      ),
    ) as Effect.Effect<A, Exclude<E, Again> | HubUnreachable>
  if (!settings.offline) return Effect.suspend(() => go(0))
  return Effect.fail(
    new HubUnreachable(
      Address.problem(at, `${wanted} in the cache`, "nothing, and HF_HUB_OFFLINE is set", "Unset it to ask the hub."),
    ),
  )
}

/**
 * What the hub library makes of the hub's answers. The `fetch` it is given has everything above in it, and gives whole
 * answers of a bounded size.
 */
export const ask = <A>(
  settings: Settings,
  at: Address.Repository,
  wanted: string,
  through: (fetch: typeof globalThis.fetch) => Promise<A>,
): Effect.Effect<A, Refused | HubError> =>
  Effect.tryPromise({
    try: async (signal) => {
      let pages = 0
      return await through(async (input) => {
        const url = input instanceof Request ? input.url : String(input)
        if (URL.parse(url)?.origin !== endpoint(settings).origin || ++pages > mostPages) {
          throw new HubBroken(
            Address.problem(at, `${wanted} in at most ${mostPages} pages of ${endpoint(settings).host}`, "others"),
          )
        }
        const whole = once(settings, at, { url, headers: { accept: "application/json" } }, async (response, alive) => {
          const body = await bounded(at, wanted, response, alive)
          return new Response(body, { status: response.status, headers: response.headers })
        })
        return await Effect.runPromise(persistently(settings, at, wanted, whole), { signal })
      })
    },
    catch: (cause) =>
      isOurs(cause) && !(cause instanceof Again)
        ? cause
        : new HubBroken(Address.problem(at, wanted, `an answer of ${endpoint(settings).host} in another form`)),
  })

export const bounded = async (at: Address.Repository, wanted: string, response: Response, alive: () => void) => {
  const chunks: Array<Uint8Array> = []
  let sizeBytes = 0
  for await (const chunk of response.body ?? []) {
    alive()
    sizeBytes += chunk.length
    if (sizeBytes > mostAnswerBytes) {
      throw new HubBroken(Address.problem(at, `${wanted} in at most ${mostAnswerBytes / 2 ** 20} MiB`, "more"))
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, sizeBytes)
}
