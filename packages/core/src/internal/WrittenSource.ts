/**
 * The source of a function as its author wrote it.
 *
 * `toString` gives that, except for functions made by `Effect.fn` and `Effect.fnUntraced`: those are all the same few
 * lines of Effect's around what the author wrote. For them the author's part is found among the variables that the
 * function closes over, which the engine tells through its inspector
 * (https://chromedevtools.github.io/devtools-protocol/v8/Runtime: `[[Scopes]]`).
 */
import type * as Inspector from "node:inspector"
import { Effect, identity } from "effect"

/** A step's `run`, whatever it takes. */
type Run = (inputs: never) => unknown

/** Source of the function; of its wrapper where the engine has no inspector. */
export const of = (run: Run): string => {
  const known = sources.get(run)
  if (known !== undefined) return known
  const source = wrappers.has(String(run)) ? [String(run), ...captured(run)].join("\n") : String(run)
  sources.set(run, source)
  return source
}

const sources = new WeakMap<Run, string>()

/** What Effect's wrappers look like. */
const wrappers: ReadonlySet<string> = new Set(
  [
    Effect.fnUntraced(function* () {}),
    Effect.fnUntraced(function* () {}, identity),
    Effect.fn(function* () {}),
    Effect.fn("name")(function* () {}),
  ].map(String),
)

/** Where the inspector, which takes expressions only, finds the function. */
const place = "thaw.WrittenSource"

/** Sources of the functions among the variables of the innermost scope. */
const captured = (run: Run): ReadonlyArray<string> => {
  const inspector = process.getBuiltinModule("node:inspector") as typeof Inspector | undefined
  if (inspector === undefined) return []
  const session = new inspector.Session()
  session.connect()
  Object.defineProperty(globalThis, place, { value: run, configurable: true })
  try {
    const scopes = propertiesOf(session, evaluate(session)).internalProperties?.find(
      ({ name }) => name === "[[Scopes]]",
    )
    const [innermost] = propertiesOf(session, scopes?.value?.objectId).result
    return propertiesOf(session, innermost?.value?.objectId).result.flatMap(({ value }) =>
      value?.type === "function" ? [value.description ?? ""] : [],
    )
  } finally {
    Reflect.deleteProperty(globalThis, place)
    session.disconnect()
  }
}

/** The inspector answers a session of the same thread before `post` returns. */
const evaluate = (session: Inspector.Session): string | undefined => {
  let id: string | undefined
  session.post("Runtime.evaluate", { expression: `globalThis[${JSON.stringify(place)}]` }, (_, answer) => {
    id = answer?.result.objectId
  })
  return id
}

const propertiesOf = (
  session: Inspector.Session,
  objectId: string | undefined,
): Inspector.Runtime.GetPropertiesReturnType => {
  let properties: Inspector.Runtime.GetPropertiesReturnType = { result: [] }
  if (objectId === undefined) return properties
  session.post("Runtime.getProperties", { objectId, ownProperties: true }, (_, answer) => {
    properties = answer ?? properties
  })
  return properties
}
