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
import * as DeviceGraph from "./DeviceGraph.ts"
import * as Environment from "./Environment.ts"
import * as Memory from "./Memory.ts"
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
  /** Undefined where it is computed on CPU. */
  readonly binding: DeviceGraph.Binding | undefined
  /** Where its tensors lie. */
  readonly memory: Memory.Memory
}

type Handlers = { readonly [Tag in Request["_tag"]]: (request: RequestOf<Tag>) => Answers[Tag] | Promise<Answers[Tag]> }

/** Residents, where they lie, and on a device which session made them. */
interface Kept {
  readonly residents: Residents.Residents
  readonly memory: Memory.Memory
  readonly makers: WeakMap<Onnxruntime.NativeTensor, Live>
}

export const make = (options: Onnxruntime.Options): Host => {
  const residents = Residents.make()
  const memory = options.provider === "webgpu" ? Memory.device() : Memory.main
  const kept: Kept = { residents, memory, makers: new WeakMap() }
  const sessions = new Map<number, Live>()
  /** Released by the parent, but some resident is theirs. */
  const ended = new Set<Live>()

  /** On a device a tensor that is freed after the session that made it is a crash: sessions wait for their tensors. */
  const releaseEnded = async () => {
    if (ended.size === 0) return
    const needed = new Set(Array.from(residents.tensors(), (tensor) => kept.makers.get(tensor)))
    for (const live of [...ended].filter((each) => !needed.has(each))) {
      ended.delete(live)
      await live.native.release()
    }
  }

  const close = async () => {
    residents.clear()
    for (const { native } of [...sessions.values(), ...ended]) await native.release()
    sessions.clear()
    ended.clear()
    await memory.close()
  }

  const read = (name: string, where: string) => memory.read(resident(residents, name, where))
  const place = async (name: string, tensor: Tensor.Tensor) => residents.set(name, await memory.place(tensor))

  const handlers: Handlers = {
    Ready: () => ready(options.provider ?? "cpu"),
    Environment: () => Environment.describe(options.provider),
    Put: async ({ tensors }) => {
      for (const [name, tensor] of Object.entries(tensors)) await place(name, tensor)
      await releaseEnded()
    },
    Load: async ({ file, rename }) => {
      const tensors = await runEffect(Safetensors.read(file, rename === undefined ? undefined : Object.keys(rename)))
      for (const [name, tensor] of Object.entries(tensors)) await place(rename?.[name] ?? name, tensor)
      await releaseEnded()
    },
    Take: ({ names }) => forEach(names, (name) => [name, read(name, "take")]),
    Drop: async ({ names }) => {
      for (const name of names) resident(residents, name, "drop")
      for (const name of names) residents.delete(name)
      await releaseEnded()
    },
    Digest: ({ names }) => forEach(names, (name) => [name, read(name, "digest").then(Tensor.digest)]),
    Save: async ({ file, names, metadata }) => {
      const tensors = await forEach(Object.entries(names), ([inFile, name]) => [inFile, read(name, `save ${file}`)])
      return runEffect(Safetensors.write(file, tensors, metadata))
    },
    PeakBytes: () => PeakMemory.bytes(),
    Create: async ({ session, name, model, binding }) => {
      const onDevice = binding !== undefined
      const own = options.provider === "webgpu" && !onDevice ? { ...options, provider: "cpu" as const } : options
      const native = await attempt(placeOf(name), "a graph that onnxruntime can run", () =>
        Onnxruntime.create(model, own),
      )
      sessions.set(session, { name, native, binding, memory: onDevice ? memory : Memory.main })
    },
    Run: async (request) => {
      const fetched = await run(liveSession(sessions, request.session), kept, request)
      await releaseEnded()
      return fetched
    },
    Release: async ({ session }) => {
      ended.add(liveSession(sessions, session))
      sessions.delete(session)
      await releaseEnded()
    },
  }

  return {
    answer: async (request) => handlers[request._tag](request),
    close,
  }
}

/** Whether it computes at all is found out here, before any tensor is brought to it. */
const ready = async (provider: Onnxruntime.Provider): Promise<void> => {
  if (provider === "cpu") return
  try {
    await Onnxruntime.attempt(provider)
  } catch (cause) {
    throw fail(
      `provider ${provider}`,
      "a device to compute on",
      Onnxruntime.reason(cause).replace(/[.\s]+$/, ""),
      "thaw doctor tells what works here; without --runner gpu the processor computes.",
    )
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
  live: Live,
  { residents, memory, makers }: Kept,
  { feeds, resident: fromResidents, keep, fetch }: RequestOf<"Run">,
): Promise<Readonly<Record<string, Tensor.Tensor>>> => {
  const { name, native, binding } = live
  const where = placeOf(name)
  const known = binding === undefined ? native.inputs : Object.keys(binding.inputs)
  const inputs: Record<string, Onnxruntime.NativeTensor> = {}
  for (const [input, tensor] of Object.entries(feeds)) inputs[input] = Onnxruntime.toNative(tensor)
  for (const [input, residentName] of Object.entries(fromResidents)) {
    if (Object.hasOwn(inputs, input)) {
      throw fail(where, `input ${JSON.stringify(input)} once`, "it both as a feed and as a resident tensor")
    }
    const found = resident(residents, residentName, `${where}, input ${JSON.stringify(input)}`)
    inputs[input] = live.memory === memory ? found : Onnxruntime.toNative(await memory.read(found))
  }
  for (const input of Object.keys(inputs)) {
    if (!known.includes(input)) {
      throw fail(where, "inputs of the graph", JSON.stringify(input), Problem.suggestion(input, known))
    }
  }
  const missing = known.filter((input) => !Object.hasOwn(inputs, input))
  if (missing.length > 0)
    throw fail(where, "a tensor for every input of the graph", `none for ${Problem.list(missing)}`)

  const wanted = [...new Set([...fetch, ...Object.keys(keep)])]
  for (const output of wanted) {
    if (!native.outputs.includes(output)) {
      throw fail(where, "outputs of the graph", JSON.stringify(output), Problem.suggestion(output, native.outputs))
    }
  }
  if (wanted.length === 0) throw fail(where, "at least one output to keep or to fetch", "none")

  const given = binding === undefined ? inputs : bound(native, binding, inputs)
  const results = await attempt(where, "inputs that the graph can be run with", () => native.run(given, wanted))
  for (const [output, residentName] of Object.entries(keep)) {
    const result = results[output]!
    if (binding !== undefined) makers.set(result, live)
    residents.set(residentName, live.memory === memory ? result : await memory.place(Onnxruntime.fromNative(result)))
  }
  const fetched = await forEach(fetch, (output) => [output, live.memory.read(results[output]!)])
  // On a device the copy is all that anybody sees of it.
  for (const output of wanted)
    if (live.memory !== Memory.main && !Object.hasOwn(keep, output)) results[output]!.dispose()
  return fetched
}

/** What the graph for the device is fed: its inputs among these, and the lengths it asks for. */
const bound = (
  native: Onnxruntime.NativeSession,
  binding: DeviceGraph.Binding,
  inputs: Readonly<Record<string, Onnxruntime.NativeTensor>>,
): Readonly<Record<string, Onnxruntime.NativeTensor>> => {
  const shapes = Object.fromEntries(Object.entries(inputs).map(([name, { dims }]) => [name, dims]))
  const lengths = Object.entries(DeviceGraph.bound(binding, shapes))
  const all = { ...inputs, ...Object.fromEntries(lengths.map(([name, each]) => [name, Onnxruntime.toNative(each)])) }
  return Object.fromEntries(native.inputs.map((name) => [name, all[name]!]))
}

/** A record made entry by entry, one after the other: a device answers in order. */
const forEach = async <A, B>(
  all: Iterable<A>,
  entry: (each: A) => readonly [string, Promise<B>],
): Promise<Readonly<Record<string, B>>> => {
  const made: Record<string, B> = {}
  for (const each of all) {
    const [name, value] = entry(each)
    made[name] = await value
  }
  return made
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
