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

/** A tensor as the runtime takes and gives it. On CPU it shares the memory of the Tensor it was made of. */
export type NativeTensor = ort.Tensor

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
}

export const version: string = ort.env.versions.node ?? "unknown"

const sessionOptions = ({ threads, graphOptimizationLevel = "all" }: Options): ort.InferenceSession.SessionOptions => ({
  executionProviders: ["cpu"],
  ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
  graphOptimizationLevel,
  // Costs 100 MB in a training graph and gains nothing where shapes change from batch to batch.
  enableMemPattern: false,
  // Warnings speak of optimisations not made; errors arrive as exceptions.
  logSeverityLevel: 4,
  // Several sessions live side by side, and spinning threads of an idle one halve the speed of the one at work.
  // The binding joins the keys of nested records with dots; values have to be strings.
  extra: { session: { intra_op: { allow_spinning: "0" } } },
})

/** A session from the bytes of an ONNX model. The bytes are not needed afterwards. */
export const create = async (bytes: Uint8Array, options: Options = {}): Promise<NativeSession> => {
  const session = await ort.InferenceSession.create(bytes, sessionOptions(options))
  return {
    inputs: session.inputNames,
    outputs: session.outputNames,
    run: (feeds, outputs) => session.run(feeds, outputs),
    release: () => session.release(),
  }
}

/** Shares the tensor's memory. */
export const toNative = (tensor: Tensor.Tensor): NativeTensor => new ort.Tensor(tensor.dtype, tensor.data, tensor.shape)

/** Shares the native tensor's memory. */
export const fromNative = ({ type, dims, data }: NativeTensor): Tensor.Tensor => {
  if (!isDataType(type)) throw new TypeError(`onnxruntime gave a tensor of ${type}, which no graph of Thaw makes`)
  // The runtime ties the typed array to the type, and make checks it.
  return Tensor.make(type, dims, data as Tensor.Tensor["data"]) as Tensor.Tensor
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

/** Where a session can compute. */
export type Provider = "cpu" | "webgpu" | "cuda"

/** Makes a session of one node there and nowhere else; the promise fails with the runtime's reason where it cannot. */
export const attempt = async (provider: Provider): Promise<void> => {
  const x = Value.input("x", "float32", ["batch"])
  const graph = Graph.make({ name: "attempt", outputs: { y: Op.Tanh(x) } })
  const session = await ort.InferenceSession.create(Graph.bytes(graph), {
    executionProviders: [provider],
    logSeverityLevel: 4,
    extra: { session: { disable_cpu_ep_fallback: provider === "cpu" ? "0" : "1" } },
  })
  await session.release()
}
