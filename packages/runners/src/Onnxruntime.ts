/**
 * The one door to native code: nothing else imports onnxruntime-node.
 *
 * `run` and `create` of the binding block their thread for as long as they work, so outside of tests they are called in
 * a process of their own (SessionProcess.ts).
 */
import * as DataType from "@thaw/onnx/DataType"
import * as Graph from "@thaw/onnx/Graph"
import * as Op from "@thaw/onnx/Op"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Value from "@thaw/onnx/Value"
import * as ort from "onnxruntime-node"

/**
 * A tensor as the runtime takes and gives it. On CPU it shares the memory of the Tensor it was made of; on a device it is
 * memory there, which only `dispose` gives back, and only before the session that made it is released.
 */
export type NativeTensor = ort.Tensor

/** Where a session can compute. */
export type Provider = "cpu" | "webgpu" | "cuda"

/** One graph, ready to run. */
export interface NativeSession {
  readonly inputs: ReadonlyArray<string>
  readonly outputs: ReadonlyArray<string>
  /** Computes the named outputs only. Every graph input must be fed. */
  readonly run: (
    feeds: Readonly<Record<string, NativeTensor>>,
    outputs: ReadonlyArray<string>,
  ) => Promise<Readonly<Record<string, NativeTensor>>>
  /** Frees the session; it must not be running. */
  readonly release: () => Promise<void>
}

export interface Options {
  /** Threads inside one operator; without it, one per physical core. Results do not depend on it. */
  readonly threads?: number
  /** What the runtime may change about a graph before it runs; everything unless told. */
  readonly graphOptimizationLevel?: "all" | "disabled"
  /** Where it computes, all of it or nothing; on CPU unless told. */
  readonly provider?: Provider
  /** Where outputs are put; where they were computed, unless told. */
  readonly outputs?: "cpu"
}

export const version: string = ort.env.versions.node ?? "unknown"

const sessionOptions = ({
  threads,
  graphOptimizationLevel = "all",
  provider = "cpu",
  outputs,
}: Options): ort.InferenceSession.SessionOptions => ({
  executionProviders: [provider],
  // The one provider whose tensors can stay where they are between runs.
  ...(provider === "webgpu" && outputs === undefined ? { preferredOutputLocation: "gpu-buffer" } : {}),
  ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
  graphOptimizationLevel,
  // Costs 100 MB in a training graph and gains nothing where shapes change from batch to batch.
  enableMemPattern: false,
  // Warnings speak of optimisations not made; errors arrive as exceptions.
  logSeverityLevel: 4,
  // Several sessions live side by side, and spinning threads of an idle one halve the speed of the one at work.
  // The binding joins the keys of nested records with dots; values have to be strings.
  extra: {
    session: { intra_op: { allow_spinning: "0" }, disable_cpu_ep_fallback: provider === "cpu" ? "0" : "1" },
  },
})

/** A session from the bytes of an ONNX model. The bytes are not needed afterwards. */
export const create = async (bytes: Uint8Array, options: Options = {}): Promise<NativeSession> => {
  const session = await ort.InferenceSession.create(bytes, sessionOptions(options))
  return {
    inputs: session.inputNames,
    outputs: session.outputNames,
    run: options.provider === "webgpu" ? runWhole(session) : (feeds, outputs) => session.run(feeds, outputs),
    release: () => session.release(),
  }
}

/** On a device all outputs have to be fetched; those that nobody wants are given back. */
const runWhole =
  (session: ort.InferenceSession): NativeSession["run"] =>
  async (feeds, outputs) => {
    const results = await session.run(feeds)
    for (const [name, tensor] of Object.entries(results)) if (!outputs.includes(name)) tensor.dispose()
    return results
  }

/** Shares the tensor's memory. */
export const toNative = (tensor: Tensor.Tensor): NativeTensor => new ort.Tensor(tensor.dtype, tensor.data, tensor.shape)

/** Shares the native tensor's memory. */
export const fromNative = (native: NativeTensor): Tensor.Tensor =>
  // The runtime ties the typed array to the type, and make checks it.
  Tensor.make(dataTypeOf(native), native.dims, native.data as Tensor.Tensor["data"]) as Tensor.Tensor

export const dataTypeOf = ({ type }: NativeTensor): DataType.DataType => {
  if (!isDataType(type)) throw new TypeError(`onnxruntime gave a tensor of ${type}, which no graph of Thaw makes`)
  return type
}

const isDataType = (type: string): type is DataType.DataType => Object.hasOwn(DataType.dataTypes, type)

const mapValues = <A, B>(record: Readonly<Record<string, A>>, change: (value: A) => B): Record<string, B> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]))

/** Runs a graph once in this process, which is blocked meanwhile: for tests and fingerprints. */
export const evaluate = async (
  graph: Graph.Graph,
  feeds: Readonly<Record<string, Tensor.Tensor>>,
  options: Options = {},
): Promise<Record<string, Tensor.Tensor>> => {
  const session = await create(Graph.bytes(graph), options)
  try {
    return mapValues(await session.run(mapValues(feeds, toNative), session.outputs), fromNative)
  } finally {
    await session.release()
  }
}

/** Of a failure: its first line, without the place in the runtime's own source and the condition that failed there. */
export const reason = (cause: unknown): string =>
  (cause instanceof Error ? cause.message : String(cause))
    .split("\n")[0]!
    .replace(/^\/onnxruntime_src\/.* was false\. /, "")
    .trim() || "no reason given"

/** Doubles a number there and nowhere else; the promise fails with the runtime's reason where it cannot. */
export const attempt = async (provider: Provider): Promise<void> => {
  const x = Value.input("x", "float32", ["batch"])
  const graph = Graph.make({ name: "attempt", outputs: { y: Op.Mul(x, 2) } })
  const { y } = await evaluate(graph, { x: Tensor.float32([2], [1, -0.75]) }, { provider, outputs: "cpu" })
  const [first, second] = Tensor.numbers(y!)
  if (first !== 2 || second !== -1.5) throw new Error(`2 · [1, -0.75] is [${first}, ${second}] there`)
}
