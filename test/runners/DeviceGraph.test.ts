import * as Gradient from "@thaw/autodiff/Gradient"
import * as Extent from "@thaw/onnx/Extent"
import * as Graph from "@thaw/onnx/Graph"
import * as Op from "@thaw/onnx/Op"
import { names } from "@thaw/onnx/Operators"
import { Sessions } from "@thaw/onnx/Session"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Type from "@thaw/onnx/Type"
import * as Value from "@thaw/onnx/Value"
import * as DeviceGraph from "@thaw/runners/DeviceGraph"
import * as GpuRunner from "@thaw/runners/GpuRunner"
import * as Onnxruntime from "@thaw/runners/Onnxruntime"
import * as Spelling from "@thaw/runners/Spelling"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { cases, type Case } from "../onnx/cases.ts"
import * as WebGpu from "./webgpu.ts"

type Tensors = Readonly<Record<string, Tensor.Tensor>>

/** Devices have no float64. */
const single = (tensor: Tensor.Tensor): Tensor.Tensor =>
  tensor.dtype === "float64" ? Tensor.float32(tensor.shape, tensor.data) : tensor

/** A case's node as a graph of all its outputs. Lengths and truth values do not leave a device: they become numbers. */
const graphOf = (each: Case): Graph.Graph => {
  const value = each.build(
    each.inputs.map((tensor, at) => Value.input(`input.${at}`, single(tensor).dtype, each.symbolic[at]!)),
  )
  if (value.origin.kind !== "node") throw new Error("a case builds a node")
  const readable = (output: Value.Value) =>
    output.dtype === "bool" || output.dtype === "int64" ? Op.Cast(output, "float32") : output
  const outputs = (value.origin.node.outputs as ReadonlyArray<Value.Value>).map(
    (output, at) => [`output.${at}`, readable(output)] as const,
  )
  return Graph.make({ name: each.name, outputs: Object.fromEntries(outputs) })
}

const fed = (graph: Graph.Graph, each: Case) =>
  Object.fromEntries(graph.inputs.map(({ name }) => [name, single(each.inputs[Number(name.slice("input.".length))]!)]))

const spelled = names.filter((name) => Spelling.spellings[name] !== "none")

const all = spelled.flatMap((name) =>
  cases[name].map((each) => {
    const graph = graphOf(each)
    return { where: `${name} ${each.name}`, name, graph, feeds: fed(graph, each), made: DeviceGraph.of(graph) }
  }),
)
const computed = all.flatMap((each) => (each.made === undefined ? [] : [{ ...each, made: each.made }]))

/** Sizes of differences, of every output. */
const compare = (found: Tensors, expected: Tensors, where: string) => {
  expect(Object.keys(found).sort()).toEqual(Object.keys(expected).sort())
  for (const [output, tensor] of Object.entries(expected)) {
    expect(found[output]!.shape, where).toEqual(tensor.shape)
    const got = Tensor.numbers(found[output]!)
    for (const [at, number] of Tensor.numbers(tensor).entries()) {
      expect(Math.abs(got[at]! - number), where).toBeLessThan(2e-5)
    }
  }
}

describe("a graph for the device", () => {
  it("has lengths as inputs and no arithmetic on them", () => {
    const ids = Value.input("ids", "int32", ["batch", "tokens"])
    const x = Value.input("x", "float32", ["batch*tokens", 8])
    const split = Op.Reshape(x, [Extent.of(ids, 0), Extent.of(ids, 1), 2, 4])
    const graph = Graph.make({ name: "split", outputs: { y: Op.Transpose(split, { perm: [0, 2, 1, 3] }) } })
    expect(graph.nodes.map(({ operator }) => operator)).toContain("Shape")
    const made = DeviceGraph.of(graph)!
    expect(made.graph.nodes.map(({ operator }) => operator)).toEqual(["Reshape", "Transpose"])
    expect(made.graph.inputs.map(Type.text)).toEqual(["float32[batch*tokens, 8]", "int64[4]"])
    // ids is only there for its lengths, and still has to be given.
    expect(Object.keys(made.binding.inputs).sort()).toEqual(["ids", "x"])
    const lengths = DeviceGraph.bound(made.binding, { ids: [3, 5], x: [15, 8] })
    expect(Object.values(lengths).map(Tensor.numbers)).toEqual([[3, 5, 2, 4]])
  })

  it("is none where something has no spelling", () => {
    for (const name of names.filter((each) => Spelling.spellings[each] === "none")) {
      expect(DeviceGraph.of(graphOf(cases[name][0]!)), name).toBeUndefined()
    }
    const x = Value.input("x", "float64", ["batch"])
    const ones = Op.ConstantOfShape(Extent.all(x), "int64", 1)
    for (const y of [Op.Exp(x), Op.Cast(ones, "float32")]) {
      expect(DeviceGraph.of(Graph.make({ name: "none", outputs: { y } }))).toBeUndefined()
    }
  })

  it("is there for every operator that has a spelling, in all cases but those of float64 and of int64 contents", () => {
    expect([...new Set(computed.map(({ name }) => name))]).toEqual(spelled)
    expect(all.filter(({ made }) => made === undefined).map(({ where }) => where)).toEqual([
      "Cast from truth",
      "Cast between floats",
      "ConstantOfShape as long as other values",
      "ConstantOfShape of integers",
    ])
  })

  it("gives on the processor what the graph as written gives", async () => {
    for (const { where, graph, feeds, made } of computed) {
      const shapes = Object.fromEntries(Object.entries(feeds).map(([input, { shape }]) => [input, shape]))
      const given: Tensors = { ...feeds, ...DeviceGraph.bound(made.binding, shapes) }
      const asked = Object.fromEntries(made.graph.inputs.map(({ name }) => [name, given[name]!]))
      const found = await Onnxruntime.evaluate(made.graph, asked, { threads: 1 })
      compare(found, await Onnxruntime.evaluate(graph, feeds, { threads: 1 }), where)
    }
  })
})

describe.skipIf(WebGpu.problem !== undefined)(`on the device${WebGpu.skipped}`, () => {
  /** All outputs of each graph. A node that is left to the processor is an error of its session. */
  const evaluate = (graphs: ReadonlyArray<{ readonly graph: Graph.Graph; readonly feeds: Tensors }>) =>
    Effect.gen(function* () {
      const device = yield* (yield* Sessions).open
      return yield* Effect.forEach(graphs, ({ graph, feeds }) =>
        Effect.scoped(
          Effect.flatMap(device.session(graph), (session) =>
            session.run({ feeds, fetch: graph.outputs.map(({ name }) => name) }),
          ),
        ),
      )
    }).pipe(Effect.scoped, Effect.provide(GpuRunner.sessions()), Effect.runPromise)

  it("every operator gives what the processor gives, and none of it is left to the processor", async () => {
    const results = await evaluate(computed)
    for (const [at, { where, graph, feeds }] of computed.entries()) {
      compare(results[at]!, await Onnxruntime.evaluate(graph, feeds, { threads: 1 }), where)
    }
  }, 600_000)

  it("sums of rows by index have the same bits every time", async () => {
    const [vocab, hidden, rows] = [16, 32, 512]
    const table = Value.input("table", "float32", [vocab, hidden])
    const ids = Value.input("ids", "int32", ["rows"])
    const weights = Value.input("weights", "float32", ["rows", hidden])
    const read = Op.Mul(Op.Gather(table, ids), weights)
    const [gradient] = Gradient.of(Op.ReduceSum(read, { keepdims: 0 }), [table])
    const graph = Graph.make({ name: "embedding", outputs: { gradient: gradient! } })
    const drawn = Array.from({ length: rows }, (_, row) => (row * 7) % vocab)
    const numbers = Float32Array.from({ length: rows * hidden }, (_, at) => Math.sin(at) * 10 ** ((at % 5) - 2))
    const feeds = Object.fromEntries(
      Object.entries({
        table: Tensor.float32([vocab, hidden], new Float32Array(vocab * hidden)),
        ids: Tensor.int32([rows], drawn),
        weights: Tensor.float32([rows, hidden], numbers),
      }).filter(([name]) => graph.inputs.some((input) => input.name === name)),
    )
    const results = await evaluate(Array.from({ length: 8 }, () => ({ graph, feeds })))
    for (const result of results) expect(result).toEqual(results[0])
    const sums = new Float64Array(vocab * hidden)
    for (const [at, number] of numbers.entries())
      sums[drawn[Math.floor(at / hidden)]! * hidden + (at % hidden)]! += number
    for (const [at, number] of Tensor.numbers(results[0]!["gradient"]!).entries()) {
      expect(Math.abs(number - sums[at]!)).toBeLessThan(1e-3)
    }
  }, 600_000)
})
