/**
 * What a session process does with requests: it holds named resident tensors and sessions, and runs sessions on them.
 *
 * Nothing here knows of processes. Requests have to be answered one after the other, because a run may read and
 * replace the same residents.
 */
import * as Problem from "@thaw/core/Problem"
import { SessionFailed } from "@thaw/onnx/Errors"
import * as Safetensors from "@thaw/onnx/Safetensors"
import * as Tensor from "@thaw/onnx/Tensor"
// Module by module, here and in all that a session process loads: every one of them pays for what it imports.
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Environment from "./Environment.ts"
import * as Onnxruntime from "./Onnxruntime.ts"
import * as PeakMemory from "./PeakMemory.ts"
import * as Residents from "./Residents.ts"
import type { Answers, Request, RequestOf } from "./SessionProtocol.ts"

export interface Host {
  /** What an answer holds may share memory with residents: it is to be used before the next request. */
  readonly answer: <Tag extends Request["_tag"]>(request: RequestOf<Tag>) => Promise<Answers[Tag]>
  /** Frees all tensors, then all sessions. */
  readonly close: () => Promise<void>
}

interface Live {
  readonly name: string
  readonly native: Onnxruntime.NativeSession
}

type Handlers = { readonly [Tag in Request["_tag"]]: (request: RequestOf<Tag>) => Answers[Tag] | Promise<Answers[Tag]> }

export const make = (options: Onnxruntime.Options): Host => {
  const residents = Residents.make()
  const sessions = new Map<number, Live>()

  const close = async () => {
    // On devices with memory of their own, freeing a tensor after its session is a crash.
    residents.clear()
    for (const { native } of sessions.values()) await native.release()
    sessions.clear()
  }

  const handlers: Handlers = {
    Ready: () => undefined,
    Environment: () => Environment.describe(),
    Put: ({ tensors }) => {
      for (const [name, tensor] of Object.entries(tensors)) residents.set(name, Onnxruntime.toNative(tensor))
    },
    Load: async ({ file, rename }) => {
      const tensors = await runEffect(Safetensors.read(file, rename === undefined ? undefined : Object.keys(rename)))
      for (const [name, tensor] of Object.entries(tensors)) {
        residents.set(rename?.[name] ?? name, Onnxruntime.toNative(tensor))
      }
    },
    Take: ({ names }) =>
      Object.fromEntries(names.map((name) => [name, Onnxruntime.fromNative(resident(residents, name, "take"))])),
    Drop: ({ names }) => {
      for (const name of names) resident(residents, name, "drop")
      for (const name of names) residents.delete(name)
    },
    Digest: ({ names }) =>
      Object.fromEntries(
        names.map((name) => [name, Tensor.digest(Onnxruntime.fromNative(resident(residents, name, "digest")))]),
      ),
    Save: ({ file, names, metadata }) => {
      const tensors: Record<string, Tensor.Tensor> = {}
      for (const [inFile, name] of Object.entries(names)) {
        tensors[inFile] = Onnxruntime.fromNative(resident(residents, name, `save ${file}`))
      }
      return runEffect(Safetensors.write(file, tensors, metadata))
    },
    PeakBytes: () => PeakMemory.bytes(),
    Create: async ({ session, name, model }) => {
      const native = await attempt(placeOf(name), "a graph that onnxruntime can run", () =>
        Onnxruntime.create(model, options),
      )
      sessions.set(session, { name, native })
    },
    Run: (request) => run(liveSession(sessions, request.session), residents, request),
    Release: async ({ session }) => {
      const { native } = liveSession(sessions, session)
      sessions.delete(session)
      await native.release()
    },
  }

  return {
    answer: async (request) => handlers[request._tag](request),
    close,
  }
}

/** One failure as the four fields that travel: the place, and the runtime's message in one line. */
export const problemOf = (where: string, cause: unknown): Problem.Problem => {
  if (isProblem(cause)) {
    return { where: cause.where, expected: cause.expected, got: cause.got, advice: cause.advice }
  }
  return { where, expected: "no error", got: oneLine(cause), advice: "" }
}

const oneLine = (cause: unknown): string => {
  const message = cause instanceof Error ? cause.message : String(cause)
  return message
    .replaceAll(/\s+/g, " ")
    .replace(/[.\s]+$/, "")
    .trim()
}

const placeOf = (session: string): string => `session ${JSON.stringify(session)}`

const isProblem = (cause: unknown): cause is Problem.Problem =>
  cause instanceof Error && Object.keys(Problem.fields).every((field) => field in cause)

const run = async (
  { name, native }: Live,
  residents: Residents.Residents,
  { feeds, resident: fromResidents, keep, fetch }: RequestOf<"Run">,
): Promise<Readonly<Record<string, Tensor.Tensor>>> => {
  const where = placeOf(name)
  const inputs: Record<string, Onnxruntime.NativeTensor> = {}
  for (const [input, tensor] of Object.entries(feeds)) inputs[input] = Onnxruntime.toNative(tensor)
  for (const [input, residentName] of Object.entries(fromResidents)) {
    if (Object.hasOwn(inputs, input)) {
      throw fail(where, `input ${JSON.stringify(input)} once`, "it both as a feed and as a resident tensor")
    }
    inputs[input] = resident(residents, residentName, `${where}, input ${JSON.stringify(input)}`)
  }
  for (const input of Object.keys(inputs)) {
    if (!native.inputs.includes(input)) {
      throw fail(where, "inputs of the graph", JSON.stringify(input), Problem.suggestion(input, native.inputs))
    }
  }
  const missing = native.inputs.filter((input) => !Object.hasOwn(inputs, input))
  if (missing.length > 0)
    throw fail(where, "a tensor for every input of the graph", `none for ${Problem.list(missing)}`)

  const wanted = [...new Set([...fetch, ...Object.keys(keep)])]
  for (const output of wanted) {
    if (!native.outputs.includes(output)) {
      throw fail(where, "outputs of the graph", JSON.stringify(output), Problem.suggestion(output, native.outputs))
    }
  }
  if (wanted.length === 0) throw fail(where, "at least one output to keep or to fetch", "none")

  const results = await attempt(where, "inputs that the graph can be run with", () => native.run(inputs, wanted))
  for (const [output, residentName] of Object.entries(keep)) residents.set(residentName, results[output]!)
  return Object.fromEntries(fetch.map((output) => [output, Onnxruntime.fromNative(results[output]!)]))
}

const resident = (residents: Residents.Residents, name: string, where: string): Onnxruntime.NativeTensor => {
  const found = residents.get(name)
  if (found === undefined) {
    const got = `${JSON.stringify(name)} of ${residents.size()}`
    throw fail(where, "a resident tensor", got, Problem.suggestion(name, residents.names()))
  }
  return found
}

const liveSession = (sessions: ReadonlyMap<number, Live>, session: number): Live => {
  const found = sessions.get(session)
  if (found === undefined)
    throw fail(`session ${session}`, "a session that is open", "one that was never made or is closed")
  return found
}

const fail = (where: string, expected: string, got: string, advice = "") =>
  new SessionFailed({ where, expected, got, advice })

/** The runtime's result, or its message as a failure of that place. */
const attempt = async <A>(where: string, expected: string, work: () => Promise<A>): Promise<A> => {
  try {
    return await work()
  } catch (cause) {
    throw fail(where, expected, oneLine(cause))
  }
}

/** An effect's success, or its error thrown as it is. */
const runEffect = async <A, E>(effect: Effect.Effect<A, E>): Promise<A> => {
  const exit = await Effect.runPromiseExit(effect)
  if (Exit.isSuccess(exit)) return exit.value
  throw Cause.squash(exit.cause)
}
