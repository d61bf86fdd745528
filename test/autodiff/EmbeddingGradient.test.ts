/**
 * The gradient of an embedding adds rows at indices that repeat. onnxruntime's adding ScatterND races with itself there
 * when it has more than one thread, so ours must not use it, and this check must notice if it did.
 */
import { availableParallelism } from "node:os"
import * as Gradient from "@thaw/autodiff/Gradient"
import * as Op from "@thaw/onnx/Op"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Value from "@thaw/onnx/Value"
import * as Onnxruntime from "@thaw/runners/Onnxruntime"
import { describe, expect, it } from "vitest"
import { evaluator } from "./numeric.ts"

const [batch, tokens, vocab, hidden] = [64, 64, 40, 64]

const ids = Int32Array.from({ length: batch * tokens }, (_, at) => (Math.imul(at, 2654435761) >>> 16) % vocab)
const upstream = Float32Array.from({ length: batch * tokens * hidden }, (_, at) => Math.sin(at * 0.7311) + 0.3)

/** Sums in float64, in plain loops. */
const expected = new Float64Array(vocab * hidden)
for (const [row, id] of ids.entries()) {
  for (let column = 0; column < hidden; column++) expected[id * hidden + column]! += upstream[row * hidden + column]!
}

/** Whether all of several runs are right and have the same bits. */
const isRight = async (compute: () => Promise<ArrayLike<number>>, runs: number): Promise<boolean> => {
  const first = Array.from(await compute())
  // Sums of about a hundred numbers around 1, in float32.
  if (first.some((number, at) => !(Math.abs(number - expected[at]!) < 1e-3))) return false
  for (let run = 1; run < runs; run++) {
    const again = await compute()
    if (first.some((number, at) => !Object.is(number, again[at]))) return false
  }
  return true
}

const ours = async (threads: number) => {
  const table = Value.input("table", "float32", [vocab, hidden])
  const embedded = Op.Gather(table, Value.input("ids", "int32", ["batch", "tokens"]))
  const weights = Value.input("upstream", "float32", ["batch", "tokens", hidden])
  const loss = Op.ReduceSum(Op.Mul(embedded, weights), { keepdims: 0 })
  const [gradient] = Gradient.of(loss, [table])
  const { run, release, graph } = await evaluator({ gradient: gradient! }, threads)
  const feeds = {
    table: Tensor.full("float32", [vocab, hidden], 0),
    ids: Tensor.int32([batch, tokens], ids),
    upstream: Tensor.float32([batch, tokens, hidden], upstream),
  }
  return { graph, release, compute: async () => (await run(feeds))["gradient"]!.data as Float32Array }
}

describe("the gradient of an embedding", () => {
  it("is right, repeatable and the same with one thread and two", async () => {
    const [one, two] = [await ours(1), await ours(2)]
    expect(await isRight(one.compute, 5)).toBe(true)
    expect(await isRight(two.compute, 20)).toBe(true)
    expect(await two.compute()).toEqual(await one.compute())
    await one.release()
    await two.release()
  })

  it.skipIf(availableParallelism() < 2)("would be found wrong if it added by ScatterND", async () => {
    const feeds = {
      data: Onnxruntime.toNative(Tensor.full("float32", [vocab, hidden], 0)),
      indices: Onnxruntime.toNative(Tensor.int64([ids.length, 1], ids)),
      updates: Onnxruntime.toNative(Tensor.float32([ids.length, hidden], upstream)),
    }
    const judge = async (threads: number, runs: number) => {
      const session = await Onnxruntime.create(racyModel(), { threads })
      const right = await isRight(
        async () => (await session.run(feeds, ["output"]))["output"]!.data as Float32Array,
        runs,
      )
      await session.release()
      return right
    }
    expect(await judge(1, 3)).toBe(true)
    // A race may pass by chance: many runs make that unlikely beyond belief.
    expect(await judge(2, 500)).toBe(false)
  })
})

/**
 * A model of one node, ScatterND with reduction "add", which Thaw's operators cannot express. Written by hand in the
 * wire format of Protocol Buffers, field numbers from onnx.proto.
 */
function racyModel(): Uint8Array {
  const varint = (value: number): ReadonlyArray<number> =>
    value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)]
  const int = (field: number, value: number) => [...varint(field << 3), ...varint(value)]
  const bytes = (field: number, ...content: ReadonlyArray<ReadonlyArray<number> | string>) => {
    const flat = content.flatMap((part) => (typeof part === "string" ? [...new TextEncoder().encode(part)] : part))
    return [...varint((field << 3) | 2), ...varint(flat.length), ...flat]
  }
  const [float, int64] = [1, 7]
  const value = (field: number, name: string, type: number, shape: ReadonlyArray<number>) =>
    bytes(
      field,
      bytes(1, name),
      bytes(2, bytes(1, int(1, type), bytes(2, ...shape.map((length) => bytes(1, int(1, length)))))),
    )
  const reduction = bytes(5, bytes(1, "reduction"), bytes(4, "add"), int(20, 3))
  const inputs = [bytes(1, "data"), bytes(1, "indices"), bytes(1, "updates")].flat()
  const node = bytes(1, inputs, bytes(2, "output"), bytes(4, "ScatterND"), reduction)
  const graph = bytes(
    7,
    node,
    bytes(2, "racy"),
    value(11, "data", float, [vocab, hidden]),
    value(11, "indices", int64, [ids.length, 1]),
    value(11, "updates", float, [ids.length, hidden]),
    value(12, "output", float, [vocab, hidden]),
  )
  return Uint8Array.from([...int(1, 8), ...graph, ...bytes(8, bytes(1, ""), int(2, 18))])
}
