/** Gradients by differences: the oracle that knows nothing of the rules. */
import * as Graph from "@thaw/onnx/Graph"
import * as Tensor from "@thaw/onnx/Tensor"
import type { Value } from "@thaw/onnx/Value"
import * as Onnxruntime from "@thaw/runners/Onnxruntime"

export type Feeds = Readonly<Record<string, Tensor.Tensor>>

/** Evaluates a graph of these outputs many times; inputs that the graph does not have are left out of the feeds. */
export const evaluator = async (outputs: Readonly<Record<string, Value>>, threads = 1) => {
  const graph = Graph.make({ name: "test", outputs })
  const session = await Onnxruntime.create(Graph.bytes(graph), { threads })
  return {
    graph,
    run: async (feeds: Feeds): Promise<Readonly<Record<string, Tensor.Tensor>>> => {
      const natives = Object.fromEntries(session.inputs.map((name) => [name, Onnxruntime.toNative(feeds[name]!)]))
      const results = await session.run(natives, session.outputs)
      return Object.fromEntries(Object.entries(results).map(([name, native]) => [name, Onnxruntime.fromNative(native)]))
    },
    release: session.release,
  }
}

/**
 * ∂loss/∂input by five-point central differences: (8(f(x+h) − f(x−h)) − (f(x+2h) − f(x−2h))) / 12h, whose error falls
 * with h⁴.
 */
export const differences = async (
  loss: (feeds: Feeds) => Promise<number>,
  feeds: Feeds,
  input: string,
  h: number,
): Promise<ReadonlyArray<number>> => {
  const tensor = feeds[input]!
  const numbers = Tensor.numbers(tensor)
  const at = (index: number, step: number) =>
    loss({ ...feeds, [input]: Tensor.from(tensor.dtype, tensor.shape, numbers.with(index, numbers[index]! + step)) })
  const slopes: Array<number> = []
  for (const index of numbers.keys()) {
    const near = (await at(index, h)) - (await at(index, -h))
    const far = (await at(index, 2 * h)) - (await at(index, -2 * h))
    slopes.push((8 * near - far) / (12 * h))
  }
  return slopes
}
