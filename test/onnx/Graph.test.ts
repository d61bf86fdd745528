import * as Extent from "@thaw/onnx/Extent"
import { AttributeProto_AttributeType } from "@thaw/onnx/generated/onnx_pb"
import * as Graph from "@thaw/onnx/Graph"
import * as ModelProto from "@thaw/onnx/ModelProto"
import * as Op from "@thaw/onnx/Op"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Value from "@thaw/onnx/Value"
import * as Onnxruntime from "@thaw/runners/Onnxruntime"
import { describe, expect, it } from "vitest"

const x = Value.input("x", "float32", ["batch", 2])
const weight = Value.input("weight", "float32", [2, 2])
const x12 = Tensor.float32([1, 2], [1, 2])

/** One attention head with a pooled result: the shapes BERT needs. */
const attention = (): Graph.Graph => {
  const ids = Value.input("ids", "int32", ["batch", "tokens"])
  const words = Value.initializer("words", Tensor.full("float32", [10, 8], 0.25))
  const query = Value.input("query", "float32", [8, 8])
  const bias = Value.input("bias", "float32", [8])
  const heads = (flat: Value.Value): Value.Value =>
    Op.Transpose(Op.Reshape(flat, [Extent.of(ids, 0), Extent.of(ids, 1), 2, 4]), { perm: [0, 2, 1, 3] })

  const hidden = Value.named(Op.Reshape(Op.Gather(words, ids), [-1, 8]), "embeddings")
  const scores = Op.FusedMatMul(heads(Op.Gemm(hidden, query, bias, { transB: 1 })), heads(hidden), {
    alpha: 0.5,
    transB: 1,
  })
  const masked = Op.Where(Op.Unsqueeze(Op.Equal(ids, 0), { axes: [1, 2] }), -1e9, scores)
  const context = Op.MatMul(Op.Softmax(Value.named(masked, "block.0/attention/scores")), heads(hidden))
  const joined = Op.ReshapeLike(Op.Transpose(context, { perm: [0, 2, 1, 3] }), hidden)
  const scale = Value.constant(Tensor.full("float32", [8], 1))
  const { Y, Mean } = Op.LayerNormalization(Op.Add(joined, hidden), scale, undefined, { epsilon: 1e-12 })
  const first = Op.Gather(Y, Op.Range(0, Extent.of(Y, 0), Extent.of(ids, 1)))
  return Graph.make({
    name: "attention",
    outputs: { loss: Op.ReduceMean(first, { keepdims: 0 }), mean: Mean, query_copy: query },
  })
}

describe("the text form", () => {
  it("is readable and stays the same", () => {
    expect(Graph.text(attention())).toBe(`graph "attention"
  input ids: int32[batch, tokens]
  input query: float32[8, 8]
  input bias: float32[8]
  initializer words: float32[10, 8]
  Equal.0: bool[batch, tokens] = Equal(ids, 0)
  Unsqueeze.0: bool[batch, 1, 1, tokens] = Unsqueeze(Equal.0, [1, 2])
  Gather.0: float32[batch, tokens, 8] = Gather(words, ids)
  embeddings: float32[batch*tokens, 8] = Reshape(Gather.0, [-1, 8])
  Gemm.0: float32[batch*tokens, 8] = Gemm(embeddings, query, bias) transB=1
  Shape.0: int64[2] = Shape(ids) end=2
  Concat.0: int64[4] = Concat(Shape.0, [2, 4]) axis=0
  Reshape.0: float32[batch, tokens, 2, 4] = Reshape(Gemm.0, Concat.0)
  Transpose.0: float32[batch, 2, tokens, 4] = Transpose(Reshape.0) perm=[0, 2, 1, 3]
  Reshape.1: float32[batch, tokens, 2, 4] = Reshape(embeddings, Concat.0)
  Transpose.1: float32[batch, 2, tokens, 4] = Transpose(Reshape.1) perm=[0, 2, 1, 3]
  FusedMatMul.0: float32[batch, 2, tokens, tokens] = FusedMatMul(Transpose.0, Transpose.1) alpha=0.5 transB=1
  block.0/attention/scores: float32[batch, 2, tokens, tokens] = Where(Unsqueeze.0, -1000000000, FusedMatMul.0)
  Softmax.0: float32[batch, 2, tokens, tokens] = Softmax(block.0/attention/scores)
  MatMul.0: float32[batch, 2, tokens, 4] = MatMul(Softmax.0, Transpose.1)
  Transpose.2: float32[batch, tokens, 2, 4] = Transpose(MatMul.0) perm=[0, 2, 1, 3]
  Reshape.2: float32[batch*tokens, 8] = Reshape(Transpose.2, [-1, 8])
  Add.0: float32[batch*tokens, 8] = Add(Reshape.2, embeddings)
  LayerNormalization.0: float32[batch*tokens, 8], output mean: float32[batch*tokens, 1] = LayerNormalization(Add.0, [1, 1, 1, 1, 1, 1, 1, 1]) epsilon=1e-12
  Shape.1: int64[1] = Shape(LayerNormalization.0) end=1
  Squeeze.0: int64[] = Squeeze(Shape.1, [0])
  Shape.2: int64[1] = Shape(ids) start=1 end=2
  Squeeze.1: int64[] = Squeeze(Shape.2, [0])
  Range.0: int64[batch] = Range(0, Squeeze.0, Squeeze.1)
  Gather.1: float32[batch, 8] = Gather(LayerNormalization.0, Range.0)
  output loss: float32[] = ReduceMean(Gather.1) keepdims=0
  output query_copy: float32[8, 8] = Identity(query)
`)
  })

  it("is the same for the same values built again", () => {
    expect(Graph.text(attention())).toBe(Graph.text(attention()))
    expect(Buffer.compare(Graph.bytes(attention()), Graph.bytes(attention()))).toBe(0)
  })

  it("changes when an attribute, a constant or an operator does", () => {
    const text = (value: Value.Value) => Graph.text(Graph.make({ name: "test", outputs: { value } }))
    const texts = [
      text(Op.Softmax(x)),
      text(Op.Softmax(x, { axis: 0 })),
      text(Op.LogSoftmax(x)),
      text(Op.Mul(x, 2)),
      text(Op.Mul(x, 3)),
      text(Op.ConstantOfShape([2], "float32", 1)),
      text(Op.ConstantOfShape([2], "float32", 2)),
    ]
    expect(new Set(texts).size).toBe(texts.length)
  })
})

describe("a graph", () => {
  it("holds what its outputs need and nothing else", () => {
    const unneeded = Op.Exp(Value.input("unneeded", "float32", [2]))
    expect(unneeded.shape).toEqual([2])
    const graph = Graph.make({ name: "test", outputs: { y: Op.MatMul(x, weight) } })
    expect(graph.inputs.map(({ name }) => name)).toEqual(["x", "weight"])
    expect(graph.nodes.map(({ operator }) => operator)).toEqual(["MatMul"])
  })

  it("has every node after the nodes it reads, and every name once", () => {
    const graph = attention()
    const known = new Set([...graph.inputs, ...graph.initializers].map(({ name }) => name))
    expect(known.size).toBe(graph.inputs.length + graph.initializers.length)
    for (const node of graph.nodes) {
      for (const name of node.inputs) expect(name === "" || known.has(name), name).toBe(true)
      for (const { name } of node.outputs) {
        if (name === "") continue
        expect(known.has(name), name).toBe(false)
        known.add(name)
      }
    }
    for (const { name } of graph.outputs) expect(known.has(name), name).toBe(true)
  })

  it("makes equal nodes and equal small constants one", () => {
    const value = Op.Add(Op.Mul(Op.Exp(x), 2), Op.Mul(Op.Exp(x), 2))
    const graph = Graph.make({ name: "test", outputs: { value } })
    expect(graph.nodes.map(({ operator }) => operator)).toEqual(["Exp", "Mul", "Add"])
    expect(graph.initializers).toHaveLength(1)
  })

  it("keeps nodes apart that differ in an attribute or in the order of inputs", () => {
    const value = Op.Add(Op.Softmax(x), Op.Softmax(x, { axis: 0 }))
    expect(Graph.make({ name: "test", outputs: { value } }).nodes).toHaveLength(3)
    const swapped = Op.Add(Op.Sub(x, 1), Op.Sub(1, x))
    expect(Graph.make({ name: "test", outputs: { swapped } }).nodes).toHaveLength(3)
  })

  it("names values after their hint, and numbers what has none or shares one", () => {
    const first = Value.named(Op.Exp(x), "scores")
    const second = Value.named(Op.Tanh(first), "scores")
    const graph = Graph.make({ name: "test", outputs: { y: Op.Add(Op.Add(first, second), Op.Neg(x)) } })
    expect(graph.nodes.flatMap(({ outputs }) => outputs.map(({ name }) => name))).toEqual([
      "scores",
      "scores.0",
      "Add.0",
      "Neg.0",
      "y",
    ])
  })

  it("leaves out the names of further outputs that nothing uses", () => {
    const scale = Value.input("scale", "float32", [2])
    const { Y, InvStdDev } = Op.LayerNormalization(x, scale)
    const names = (outputs: Record<string, Value.Value>) =>
      Graph.make({ name: "test", outputs }).nodes[0]!.outputs.map(({ name }) => name)
    expect(names({ Y })).toEqual(["Y", "", ""])
    expect(names({ Y, InvStdDev })).toEqual(["Y", "", "InvStdDev"])
    expect(names({ InvStdDev })).toEqual(["LayerNormalization.0", "", "InvStdDev"])
  })

  it("copies an output that is an input, a constant or another output", async () => {
    const y = Op.Add(x, x)
    const graph = Graph.make({ name: "test", outputs: { y, again: y, input: x, constant: Value.constant(x12) } })
    expect(graph.nodes.map(({ operator }) => operator)).toEqual(["Add", "Identity", "Identity", "Identity"])
    const results = await Onnxruntime.evaluate(graph, { x: x12 })
    expect(Object.entries(results).map(([name, tensor]) => [name, ...Tensor.numbers(tensor)])).toEqual([
      ["y", 2, 4],
      ["again", 2, 4],
      ["input", 1, 2],
      ["constant", 1, 2],
    ])
  })

  it("takes one name for one input", () => {
    const other = Value.input("x", "float32", ["batch", 3])
    expect(() => Graph.make({ name: "test", outputs: { a: Op.Exp(x), b: Op.Exp(other) } })).toThrow(
      'graph "test": expected one type for the input "x", got float32[batch, 2] and float32[batch, 3].',
    )
    const same = Value.input("x", "float32", ["batch", 2])
    expect(Graph.make({ name: "test", outputs: { y: Op.Add(x, same) } }).inputs).toHaveLength(1)
  })

  it("refuses names that are used twice", () => {
    const tensor = Tensor.float32([2], [1, 2])
    const other = Tensor.float32([2], [1, 2])
    const two = Op.Add(Value.initializer("w", tensor), Value.initializer("w", other))
    expect(() => Graph.make({ name: "test", outputs: { two } })).toThrow(
      'graph "test": expected one tensor for the initializer "w", got two.',
    )
    const same = Op.Add(Value.initializer("w", tensor), Value.initializer("w", tensor))
    expect(Graph.make({ name: "test", outputs: { same } }).initializers).toHaveLength(1)
    expect(() => Graph.make({ name: "test", outputs: { x: Op.Exp(x) } })).toThrow('got "x" twice.')
    expect(() => Graph.make({ name: "test", outputs: { y: Op.Add(x, Value.initializer("x", tensor)) } })).toThrow(
      'got "x" twice.',
    )
  })

  it("may be a hundred thousand nodes deep", () => {
    let value: Value.Value = x
    for (let count = 0; count < 100_000; count++) value = Op.Neg(value)
    expect(Graph.make({ name: "deep", outputs: { value } }).nodes).toHaveLength(100_000)
  })
})

describe("the bytes", () => {
  it("decode to the graph that was written", () => {
    const graph = attention()
    const model = ModelProto.decode(Graph.bytes(graph))
    const proto = model.graph!
    expect(model.opsetImport.map(({ domain, version }) => [domain, version])).toEqual([
      ["", 20n],
      ["com.microsoft", 1n],
    ])
    expect(proto.name).toBe("attention")
    expect(proto.input.map(({ name }) => name)).toEqual(graph.inputs.map(({ name }) => name))
    expect(proto.output.map(({ name }) => name)).toEqual(["loss", "mean", "query_copy"])
    expect(proto.node.map(({ opType }) => opType)).toEqual(graph.nodes.map(({ operator }) => operator))
    for (const [index, node] of proto.node.entries()) {
      const padded = (names: ReadonlyArray<string>, count: number) => [
        ...names,
        ...Array<string>(count - names.length).fill(""),
      ]
      const written = graph.nodes[index]!
      expect(padded(node.input, written.inputs.length)).toEqual(written.inputs)
      expect(padded(node.output, written.outputs.length)).toEqual(written.outputs.map(({ name }) => name))
    }
    for (const [index, initializer] of proto.initializer.entries()) {
      const { name, tensor } = graph.initializers[index]!
      expect(initializer.name).toBe(name)
      expect(initializer.dims.map(Number)).toEqual(tensor.shape)
      expect(Buffer.compare(initializer.rawData, Tensor.bytes(tensor))).toBe(0)
    }
    const ids = proto.input[0]!.type!.value
    expect(ids.case === "tensorType" && ids.value.shape!.dim.map(({ value }) => value)).toEqual([
      { case: "dimParam", value: "batch" },
      { case: "dimParam", value: "tokens" },
    ])
    const fused = proto.node.find(({ opType }) => opType === "FusedMatMul")!
    expect(fused.domain).toBe("com.microsoft")
    expect(fused.attribute.map(({ name, type, f, i }) => [name, type, f, i])).toEqual([
      ["alpha", AttributeProto_AttributeType.FLOAT, 0.5, 0n],
      ["transB", AttributeProto_AttributeType.INT, 0, 1n],
    ])
  })

  it("run in the runtime at several batch shapes", async () => {
    const graph = attention()
    const feeds = (batch: number, tokens: number) => ({
      ids: Tensor.int32(
        [batch, tokens],
        Array.from({ length: batch * tokens }, (_, index) => (index * 7) % 10),
      ),
      query: Tensor.full("float32", [8, 8], 0.1),
      bias: Tensor.full("float32", [8], 0),
    })
    for (const [batch, tokens] of [
      [1, 1],
      [2, 3],
      [4, 7],
    ] as const) {
      const results = await Onnxruntime.evaluate(graph, feeds(batch, tokens), { threads: 1 })
      expect(results["mean"]!.shape).toEqual([batch * tokens, 1])
      // Every word is 0.25 everywhere, so attention gives 0.25 back and the residual doubles it.
      for (const mean of Tensor.numbers(results["mean"]!)) expect(mean).toBeCloseTo(0.5, 6)
      expect(results["loss"]!.shape).toEqual([])
    }
  })

  it("hold every data type as it is", async () => {
    const tensors = [
      Tensor.float64([2], [Math.PI, -1e-300]),
      Tensor.int64([2], BigInt64Array.of(2n ** 62n, -5n)),
      Tensor.from("uint8", [2], [0, 255]),
      Tensor.from("int8", [2], [-128, 127]),
      Tensor.from("uint32", [2], [0, 2 ** 32 - 1]),
      Tensor.bool([2], [true, false]),
      Tensor.float32([0], []),
    ]
    const outputs = Object.fromEntries(tensors.map((tensor, index) => [`out.${index}`, Value.constant(tensor)]))
    const results = await Onnxruntime.evaluate(Graph.make({ name: "constants", outputs }), {})
    for (const [index, tensor] of tensors.entries()) expect(results[`out.${index}`]).toEqual(tensor)
  })

  it("of 128 MB of weights are made with one copy, in well under a second", () => {
    const sizes = [96, 32].map((megabytes) => (megabytes * 2 ** 20) / 4)
    const weights = sizes.map((size, index) =>
      Value.initializer(`weight.${index}`, Tensor.float32([size], new Float32Array(size))),
    )
    const outputs = Object.fromEntries(weights.map((each, index) => [`sum.${index}`, Op.ReduceSum(each)]))
    const graph = Graph.make({ name: "large", outputs })
    const start = performance.now()
    const bytes = Graph.bytes(graph)
    const seconds = (performance.now() - start) / 1000
    expect(bytes.length).toBeGreaterThan(128 * 2 ** 20)
    expect(bytes.length).toBeLessThan(128 * 2 ** 20 + 1000)
    expect(seconds).toBeLessThan(1)
  })
})
