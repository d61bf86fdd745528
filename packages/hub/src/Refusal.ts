/** What a refusal of the hub means to the one who wrote the address, and what that person may have meant instead. */
import * as Problem from "@thaw/core/Problem"
import { Effect } from "effect"
import * as Address from "./Address.ts"
import { HubMissing } from "./Errors.ts"
import type { Settings } from "./Hub.ts"
import * as HubLibrary from "./internal/HubLibrary.ts"
import * as Requests from "./Requests.ts"

/** How many repositories of an owner are looked at for a name that was meant. */
const mostNames = 500

/**
 * The refusal as a sentence. The hub answers 401 for a name that is not there too, unless it is asked with a token, so
 * that nobody learns which names are private.
 *
 * @param asked what was asked for: `missing` is what a 404 says of it
 */
export const explain = Effect.fnUntraced(function* (
  settings: Settings,
  address: Address.Address,
  { status, code }: Requests.Refused,
): Effect.fn.Return<HubMissing> {
  const { kind, revision } = address
  const host = Requests.endpoint(settings).host
  const problem = (expected: string, got: string, advice: string) =>
    new HubMissing(Address.problem(address, expected, got, advice))
  const answer = `the answer ${status}`
  if (code === "GatedRepo" || (status === 403 && code === undefined)) {
    const account =
      settings.token === undefined ? "set HF_TOKEN to a token of that account" : "use a token of that account"
    return problem(
      `a ${kind} that this account may read`,
      `${answer}: its owner grants access on request`,
      `Ask for it on the page of the ${kind} at ${host}, then ${account}.`,
    )
  }
  if (code === "RevisionNotFound") {
    const names = yield* revisions(settings, address)
    return problem(
      "a branch, tag or commit of it",
      JSON.stringify(revision),
      names.length === 0 ? "" : Problem.suggestion(revision, names),
    )
  }
  if (status === 404 || (status === 401 && settings.token === undefined)) {
    const meant = yield* meantInstead(settings, address)
    const secret = "If it is private, set HF_TOKEN."
    return problem(
      `a ${kind} on ${host}`,
      status === 404 ? "none of that name" : `${answer}: none of that name, or a private one`,
      meant ?? (settings.token === undefined ? secret : "Check its name, and that the token may read it."),
    )
  }
  return problem(`a ${kind} that may be read`, answer, "Check that HF_TOKEN is valid and may read it.")
})

const otherwise = <A>(other: A) => Effect.catch(() => Effect.succeed(other))

const asking = <A>(
  settings: Settings,
  at: Address.Repository,
  through: (fetch: typeof globalThis.fetch) => Promise<A>,
) =>
  // One attempt without long waits: this only makes a message better.
  Requests.ask({ ...settings, pause: () => Effect.never }, at, "names", through).pipe(Effect.timeout(5000))

const revisions = (settings: Settings, at: Address.Repository): Effect.Effect<ReadonlyArray<string>> =>
  asking(settings, at, async (fetch) => {
    const response = await fetch(`${settings.endpoint}/api/${at.kind}s/${at.name}/refs`)
    const { branches = [], tags = [] } = (await response.json()) as Partial<Record<string, Array<{ name?: unknown }>>>
    return [...branches, ...tags].map(({ name }) => name).filter((name) => typeof name === "string")
  }).pipe(otherwise<ReadonlyArray<string>>([]))

/** A name that is near, among the other kind or of the same owner. */
const meantInstead = Effect.fnUntraced(function* (settings: Settings, at: Address.Repository) {
  const other = { kind: at.kind === "model" ? "dataset" : "model", name: at.name } as const
  const isOther = yield* asking(settings, at, async (fetch) => {
    await HubLibrary.commit(settings, other, "main", fetch)
    return true
  }).pipe(otherwise(false))
  if (isOther) return `There is a ${other.kind} of that name: ${Address.repository(other)}.`
  const [owner, name] = at.name.split("/")
  if (name === undefined) return undefined
  const names = yield* asking(settings, at, (fetch) =>
    HubLibrary.namesOf(settings, at.kind, owner!, mostNames, fetch),
  ).pipe(otherwise<ReadonlyArray<string>>([]))
  const near = Problem.nearest(at.name, names)
  return near.length === 0 ? undefined : `Did you mean ${Problem.list(near)}?`
})
