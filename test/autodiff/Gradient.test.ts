import { GradientError } from "@thaw/autodiff/Errors"
import * as Gradient from "@thaw/autodiff/Gradient"
import * as Graph from "@thaw/onnx/Graph"
import * as Op from "@thaw/onnx/Op"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Value from "@thaw/onnx/Value"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { differences, evaluator, type Feeds } from "./numeric.ts"

const sum = (x: Value.Value): Value.Value => Op.ReduceSum(x, { keepdims: 0 })

/** Gradients as numbers, in the order wanted. */
const numbersOf = async (
  loss: Value.Value,
  wanted: ReadonlyArray<Value.Value>,
  feeds: Feeds,
): Promise<ReadonlyArray<ReadonlyArray<number>>> => {
  const gradients = Gradient.of(loss, wanted)
  const { run, release } = await evaluator(Object.fromEntries(gradients.map((gradient, at) => [`${at}`, gradient!])))
  const results = await run(feeds)
  await release()
  return gradients.map((_, at) => Tensor.numbers(results[`${at}`]!))
}

/** How often each operator occurs in what an output needs. */
const counts = (outputs: Readonly<Record<string, Value.Value>>): Readonly<Record<string, number>> => {
  const count: Record<string, number> = {}
  for (const { operator } of Graph.make({ name: "count", outputs }).nodes) count[operator] = (count[operator] ?? 0) + 1
  return count
}

/** Two dense blocks with a bias each, and a mean of squares. */
const perceptron = () => {
  const x = Value.input("x", "float32", ["batch", 8])
  const weights = {
    lower: Value.input("lower", "float32", [8, 6]),
    lowerBias: Value.input("lowerBias", "float32", [6]),
    upper: Value.input("upper", "float32", [6, 4]),
    upperBias: Value.input("upperBias", "float32", [4]),
  }
  const hidden = Op.Tanh(Op.Gemm(x, weights.lower, weights.lowerBias))
  const output = Op.Gemm(hidden, weights.upper, weights.upperBias)
  return { x, ...weights, hidden, output, loss: Op.ReduceMean(Op.Mul(output, output), { keepdims: 0 }) }
}

describe("Gradient.of", () => {
  it("adds up what reaches a value on several ways", async () => {
    const x = Value.input("x", "float64", [3])
    const square = Op.Mul(x, x)
    const loss = sum(Op.Add(Op.Add(Op.Mul(square, x), square), x))
    const at = [-1, 0.5, 2]
    const [gradient] = await numbersOf(loss, [x], { x: Tensor.float64([3], at) })
    expect(gradient).toEqual(at.map((value) => 3 * value ** 2 + 2 * value + 1))
  })

  it("gives the closed form of the cross-entropy of a softmax", async () => {
    const logits = Value.input("logits", "float64", ["batch", 3])
    const labels = Value.input("labels", "int64", ["batch", 1])
    const loss = Op.Neg(Op.ReduceMean(Op.GatherElements(Op.LogSoftmax(logits), labels, { axis: 1 }), { keepdims: 0 }))
    const rows = [
      [0.2, -1, 3],
      [1, 1.5, -0.5],
    ]
    const [gradient] = await numbersOf(loss, [logits], {
      logits: Tensor.float64([2, 3], rows.flat()),
      labels: Tensor.int64([2, 1], [2, 0]),
    })
    const expected = rows.flatMap((row, at) => {
      const total = row.reduce((all, logit) => all + Math.exp(logit), 0)
      return row.map((logit, place) => (Math.exp(logit) / total - (place === [2, 0][at] ? 1 : 0)) / 2)
    })
    for (const [place, number] of gradient!.entries()) expect(number).toBeCloseTo(expected[place]!, 12)
  })

  it("gives undefined where the loss does not depend on a value, or only through integers", () => {
    const x = Value.input("x", "float32", ["batch"])
    const other = Value.input("other", "float32", ["batch"])
    const rounded = Op.Cast(Op.Cast(other, "int32"), "float32")
    const compared = Op.Cast(Op.Greater(other, 0), "float32")
    const [toX, toOther] = Gradient.of(sum(Op.Mul(Op.Mul(x, rounded), compared)), [x, other])
    expect(toX).toBeDefined()
    expect(toOther).toBeUndefined()
  })

  it("gives gradients of values in between, and of the loss itself", async () => {
    const { hidden, output, loss, ...inputs } = perceptron()
    const feeds = {
      x: Tensor.float32([1, 8], [1, 0, 0, 0, 0, 0, 0, 0]),
      lower: Tensor.full("float32", [8, 6], 0.5),
      lowerBias: Tensor.full("float32", [6], 0),
      upper: Tensor.full("float32", [6, 4], 0.25),
      upperBias: Tensor.full("float32", [4], 0),
    }
    const [toLoss, toOutput, toHidden, toBias] = await numbersOf(loss, [loss, output, hidden, inputs.upperBias], feeds)
    const y = 6 * 0.25 * Math.tanh(0.5)
    expect(toLoss).toEqual([1])
    for (const number of toOutput!) expect(number).toBeCloseTo((2 * y) / 4, 6)
    for (const number of toHidden!) expect(number).toBeCloseTo(4 * 0.25 * ((2 * y) / 4), 6)
    expect(toBias).toEqual(toOutput)
  })

  it("takes two inputs of one name for one", () => {
    const [first, second] = [Value.input("w", "float32", [2]), Value.input("w", "float32", [2])]
    const [gradient] = Gradient.of(sum(Op.Mul(first, second)), [Value.input("w", "float32", [2])])
    expect(counts({ gradient: gradient! })["Mul"]).toBe(2)
  })

  it("makes only what the wanted values need: nothing below the lowest trainable weight", () => {
    const { upper, upperBias, lower, loss } = perceptron()
    const forward = counts({ loss })
    expect(forward["Gemm"]).toBe(2)
    const [toUpper, toUpperBias] = Gradient.of(loss, [upper, upperBias])
    // One product for the weight, one for the column sums of the bias; none for the activations below.
    expect(counts({ loss, toUpper: toUpper!, toUpperBias: toUpperBias! })["Gemm"]).toBe(4)
    const [onlyUpper] = Gradient.of(loss, [upper])
    expect(counts({ loss, onlyUpper: onlyUpper! })["Gemm"]).toBe(3)
    const [toLower] = Gradient.of(loss, [lower])
    // Through the activations down to the lower weight, with no product for the upper weight itself.
    expect(counts({ loss, toLower: toLower! })["Gemm"]).toBe(4)
    const { nodes } = Graph.make({ name: "upper", outputs: { toUpper: toUpper! } })
    const uses = (name: string) => nodes.filter(({ inputs }) => inputs.includes(name)).length
    expect(uses("upper")).toBe(1)
    expect(uses("lower")).toBe(1)
  })

  it("transposes inside the products and sums columns by a product with ones", () => {
    const { lower, lowerBias, upper, upperBias, loss } = perceptron()
    const gradients = Gradient.of(loss, [lower, lowerBias, upper, upperBias])
    const outputs = Object.fromEntries(gradients.map((gradient, at) => [`gradient.${at}`, gradient!]))
    const count = counts(outputs)
    expect(count["Transpose"]).toBeUndefined()
    expect(count["ReduceSum"]).toBeUndefined()
    // One row of ones serves both biases.
    expect(count["ConstantOfShape"]).toBe(1)
  })

  it("gives the same graph for the same values, gradients named after what they belong to", () => {
    const text = () => {
      const { lower, upper, loss, hidden } = perceptron()
      const [toLower, toUpper] = Gradient.of(loss, [lower, upper])
      expect(hidden.hint).toBeUndefined()
      return Graph.text(Graph.make({ name: "perceptron", outputs: { loss, toLower: toLower!, toUpper: toUpper! } }))
    }
    expect(text()).toBe(text())
    const x = Value.input("x", "float32", ["batch", 2])
    const scores = Value.named(Op.Tanh(x), "scores")
    const [gradient] = Gradient.of(sum(Op.Mul(scores, 3)), [x])
    expect(Graph.text(Graph.make({ name: "named", outputs: { gradient: gradient! } }))).toMatchInlineSnapshot(`
      "graph "named"
        input x: float32[batch, 2]
        Unsqueeze.0: float32[1, 1] = Unsqueeze(1, [0, 1])
        scores: float32[batch, 2] = Tanh(x)
        Mul.0: float32[batch, 2] = Mul(scores, 3)
        Shape.0: int64[1] = Shape(Mul.0) end=1
        Concat.0: int64[2] = Concat(Shape.0, [2]) axis=0
        Expand.0: float32[batch, 2] = Expand(Unsqueeze.0, Concat.0)
        gradient/scores: float32[batch, 2] = Mul(Expand.0, 3)
        Mul.1: float32[batch, 2] = Mul(scores, scores)
        Sub.0: float32[batch, 2] = Sub(1, Mul.1)
        output gradient: float32[batch, 2] = Mul(gradient/scores, Sub.0)
      "
    `)
  })

  it("differentiates graphs deeper than the call stack", () => {
    const x = Value.input("x", "float32", [2])
    let value: Value.Value = x
    for (let depth = 0; depth < 20_000; depth++) value = Op.Tanh(value)
    const [gradient] = Gradient.of(sum(value), [x])
    expect(counts({ gradient: gradient! })["Tanh"]).toBe(20_000)
  })

  it("gives the same bits with one thread and with two", async () => {
    const { x: _, hidden: __, output: ___, loss, ...weights } = perceptron()
    const gradients = Gradient.of(loss, Object.values(weights))
    const outputs = Object.fromEntries(gradients.map((gradient, at) => [`gradient.${at}`, gradient!]))
    const random = (shape: ReadonlyArray<number>, salt: number) =>
      Tensor.float32(
        shape,
        Array.from({ length: Tensor.elements(shape) }, (_, at) => Math.sin(at * 12.9898 + salt) * 0.7),
      )
    const feeds = {
      x: random([4096, 8], 1),
      lower: random([8, 6], 2),
      lowerBias: random([6], 3),
      upper: random([6, 4], 4),
      upperBias: random([4], 5),
    }
    const results = await Promise.all(
      [1, 2].map(async (threads) => {
        const { run, release } = await evaluator(outputs, threads)
        const result = await run(feeds)
        await release()
        return result
      }),
    )
    expect(results[0]).toEqual(results[1])
  })

  it("refuses a loss that is not one number, and integers", () => {
    const x = Value.input("x", "float32", ["batch"])
    const ids = Value.input("ids", "int32", ["batch"])
    expect(() => Gradient.of(x, [x])).toThrow(GradientError)
    expect(() => Gradient.of(x, [x])).toThrow("expected one floating-point number, got float32[batch] (x)")
    expect(() => Gradient.of(sum(x), [ids])).toThrow("expected floating-point elements, got int32[batch] (ids)")
    expect(() => Gradient.of(sum(ids), [x])).toThrow(GradientError)
  })
})

/** One way to combine two earlier values of a random graph; every result is smooth and of moderate size. */
const combinations: ReadonlyArray<(a: Value.Value, b: Value.Value) => Value.Value> = [
  (a, b) => Op.Add(a, b),
  (a, b) => Op.Sub(a, b),
  (a, b) => Op.Mul(a, b),
  (a, b) => Op.Div(a, Op.Add(Op.Mul(b, b), 1)),
  (a) => Op.Tanh(a),
  (a) => Op.Sigmoid(a),
  (a) => Op.ReduceMean(a, { axes: [0] }),
  (a) => Op.ReduceSum(Op.Tanh(a), { axes: [1] }),
  (a) => Op.Softmax(a),
  (a, b) =>
    Op.FusedMatMul(
      Op.Add(a, Value.constant(Tensor.full("float64", [3, 2], 0))),
      Op.Tanh(Op.Add(b, Value.constant(Tensor.full("float64", [3, 2], 0)))),
      { transA: 1 },
    ),
]

describe("random graphs", () => {
  it("have the gradients that differences give, with every kind of broadcasting and sharing", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ how: fc.nat(), first: fc.nat(), second: fc.nat() }), { minLength: 1, maxLength: 12 }),
        async (steps) => {
          const shapes = [[3, 2], [3, 1], [1, 2], [2], []]
          const inputs = shapes.map((shape, at) => Value.input(`${at}`, "float64", shape))
          const values: Array<Value.Value> = inputs.map((input) =>
            Op.Add(input, Value.constant(Tensor.full("float64", [1, 1], 0))),
          )
          for (const { how, first, second } of steps) {
            const [a, b] = [values[first % values.length]!, values[second % values.length]!]
            try {
              values.push(combinations[how % combinations.length]!(a, b))
            } catch {
              // A product of [2, 2] does not broadcast with everything.
            }
          }
          const loss = sum(Op.Tanh(values.at(-1)!))
          const gradients = Gradient.of(loss, inputs)
          const outputs = gradients.flatMap((gradient, at) =>
            gradient === undefined ? [] : [[`g${at}`, gradient] as const],
          )
          const { run, release } = await evaluator({ loss, ...Object.fromEntries(outputs) })
          const feeds = Object.fromEntries(
            shapes.map((shape, at) => {
              const numbers = Array.from({ length: Tensor.elements(shape) }, (_, place) => Math.sin(place * 2.1 + at))
              return [`${at}`, Tensor.float64(shape, numbers)]
            }),
          )
          const results = await run(feeds)
          const lossAt = async (changed: Feeds) => Tensor.numbers((await run(changed))["loss"]!)[0]!
          for (const at of shapes.keys()) {
            const expected = await differences(lossAt, feeds, `${at}`, 1e-3)
            const actual = results[`g${at}`]
            for (const [place, slope] of expected.entries()) {
              const number = actual === undefined ? 0 : Tensor.numbers(actual)[place]!
              expect(Math.abs(number - slope)).toBeLessThan(1e-8 * Math.max(1, Math.abs(slope)))
            }
          }
          await release()
        },
      ),
      { numRuns: 60, seed: 7 },
    ))
})
