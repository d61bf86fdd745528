/**
 * What changes the bytes of a result, besides graph and inputs: the runtime's version, where it computes, and how its
 * kernels round there. The number of threads is not among them.
 */
import { createHash } from "node:crypto"
import { readFile } from "node:fs/promises"
import * as Graph from "@thaw/onnx/Graph"
import * as Op from "@thaw/onnx/Op"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Value from "@thaw/onnx/Value"
import * as Onnxruntime from "./Onnxruntime.ts"

export const describe = async (provider: Onnxruntime.Provider = "cpu"): Promise<Readonly<Record<string, string>>> => ({
  onnxruntime: Onnxruntime.version,
  executionProvider: provider,
  // On a device too: a graph that it cannot compute is computed here.
  instructionSet: await instructionSet(),
  arithmetic: await arithmetic(provider),
})

/**
 * Widest first: kernels are chosen by these, so two machines of one class round alike. The fingerprint below notices
 * what the classes miss.
 */
const vectorExtensions = ["avx512f", "avx2", "avx", "sse4_1", "sve", "asimd"]

const instructionSet = async (): Promise<string> => {
  // Only Linux says what the processor has in a file.
  const flags = process.platform === "linux" ? await readFile("/proc/cpuinfo", "utf8").then(cpuFlags) : new Set()
  return [process.arch, ...vectorExtensions.filter((extension) => flags.has(extension)).slice(0, 1)].join(" ")
}

const cpuFlags = (cpuinfo: string): ReadonlySet<string> =>
  new Set(/^(?:flags|Features)\s*:(.*)$/m.exec(cpuinfo)?.[1]?.trim().split(" ") ?? [])

/** Values in [-2, 2) that are the same everywhere: a linear congruential generator (Numerical Recipes) in uint32. */
const noise = (seed: number, shape: ReadonlyArray<number>): Tensor.Tensor => {
  let state = seed
  const values = new Float32Array(shape.reduce((size, dimension) => size * dimension, 1))
  for (let i = 0; i < values.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    values[i] = (state / 2 ** 32) * 4 - 2
  }
  return Tensor.float32(shape, values)
}

/**
 * A small network of everything that rounds in its own way on each kind of processor: products (with sizes that leave
 * remainders of every vector width), softmax, normalisation, erf and tanh.
 */
const probe = (): Graph.Graph => {
  const x = Value.input("x", "float32", [37, 131])
  const scores = Op.MatMul(x, Value.initializer("w", noise(2, [131, 67])))
  const { Y } = Op.LayerNormalization(
    scores,
    Value.initializer("scale", noise(3, [67])),
    Value.initializer("bias", noise(4, [67])),
    { axis: -1, epsilon: 1e-12 },
  )
  const outputs = { scores, normalised: Y, softmax: Op.Softmax(Y, { axis: -1 }), erf: Op.Erf(Y), tanh: Op.Tanh(Y) }
  return Graph.make({ name: "arithmetic", outputs })
}

/** SHA-256 of what is computed there for the probe. */
const arithmetic = async (provider: Onnxruntime.Provider): Promise<string> => {
  const options = { threads: 1, provider, outputs: "cpu" } as const
  const results = await Onnxruntime.evaluate(probe(), { x: noise(1, [37, 131]) }, options)
  const hash = createHash("sha256")
  for (const name of Object.keys(results).sort()) {
    const { data } = results[name]!
    hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  }
  return hash.digest("hex")
}
