import * as Gradient from "@thaw/autodiff/Gradient"
import { rules } from "@thaw/autodiff/Rules"
import * as DataType from "@thaw/onnx/DataType"
import * as Extent from "@thaw/onnx/Extent"
import * as Op from "@thaw/onnx/Op"
import { names } from "@thaw/onnx/Operators"
import * as Shape from "@thaw/onnx/Shape"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Type from "@thaw/onnx/Type"
import * as Value from "@thaw/onnx/Value"
import { describe, expect, it } from "vitest"
import { cases, lengths, type Case } from "../onnx/cases.ts"
import { differences, evaluator, type Feeds } from "./numeric.ts"

const inputNames = ({ inputs }: Case) => inputs.map((_, index) => `input.${index}`)

/** A loss that weighs every element of the value differently, so that no two errors cancel. */
const weighted = (value: Value.Value): Value.Value => {
  const precise = value.dtype === "float64" ? value : Op.Cast(value, "float64")
  return Op.ReduceSum(Op.Mul(precise, Value.input("weights", "float64", value.shape)), { keepdims: 0 })
}
const weightsFor = (value: Value.Value): Tensor.Tensor => {
  const shape = Shape.bind(value.shape, lengths).map(Number)
  const weights = Array.from({ length: Tensor.elements(shape) }, (_, index) => 0.4 + ((index * 0.6180339887 + 0.1) % 1))
  return Tensor.float64(shape, weights)
}

/**
 * Compares the gradients of a case with differences, for every floating-point input; gives how many inputs had one. No
 * gradient must mean that the differences are 0.
 */
const check = async (each: Case, shapes: ReadonlyArray<Shape.Shape>): Promise<number> => {
  const inputs = each.inputs.map(({ dtype }, index) => Value.input(`input.${index}`, dtype, shapes[index]!))
  const value = each.build(inputs)
  const wanted = inputs.flatMap((input, index) => (DataType.isFloat(input.dtype) ? [{ input, index }] : []))
  if (!DataType.isFloat(value.dtype) || wanted.length === 0) return 0
  const loss = weighted(value)
  const gradients = Gradient.of(
    loss,
    wanted.map(({ input }) => input),
  )
  const outputs = gradients.flatMap((gradient, at) =>
    gradient === undefined ? [] : [[`gradient.${at}`, gradient] as const],
  )
  const { run, release } = await evaluator({ loss, ...Object.fromEntries(outputs) })
  const named = Object.fromEntries(inputNames(each).map((name, index) => [name, each.inputs[index]!]))
  const feeds: Feeds = { ...named, weights: weightsFor(value) }
  const results = await run(feeds)
  const lossAt = async (changed: Feeds) => Tensor.numbers((await run(changed))["loss"]!)[0]!

  const coarse = [...inputs, value].some(({ dtype }) => dtype === "float32")
  const tolerance = coarse ? 5e-4 : 1e-8
  for (const [at, { input, index }] of wanted.entries()) {
    const name = `input.${index}`
    const expected = await differences(lossAt, feeds, name, coarse ? 0.02 : 1e-3)
    const gradient = gradients[at]
    const actual = results[`gradient.${at}`]
    if (gradient === undefined || actual === undefined) {
      expect(expected, `${each.name}, ${name}, which has no gradient`).toEqual(expected.map(() => 0))
      continue
    }
    expect(Type.text(gradient)).toBe(Type.text(input))
    expect(actual.shape).toEqual(feeds[name]!.shape)
    for (const [place, number] of Tensor.numbers(actual).entries()) {
      const slope = expected[place]!
      expect(
        Math.abs(number - slope),
        `${each.name}, ${name}[${place}]: ${number}, by differences ${slope}`,
      ).toBeLessThan(tolerance * Math.max(1, Math.abs(slope)))
    }
  }
  await release()
  return outputs.length
}

const input = (dtype: "float64" | "int64" | "int32", shape: Shape.Shape, numbers: ReadonlyArray<number>) => ({
  shape,
  tensor: Tensor.from(dtype, Shape.bind(shape, lengths).map(Number), numbers),
})
const grid = (count: number, salt = 0) =>
  Array.from({ length: count }, (_, index) => ((index + 1) * 0.6180339887 + salt * 0.37) % 1)

/** What gradients need beyond the cases that types need: broadcasts with column sums, long sums, several places. */
const extra: ReadonlyArray<Case> = [
  {
    name: "Add of a bias to three axes (column sums)",
    inputs: [input("float64", ["batch", "tokens", "hidden"], grid(24)), input("float64", ["hidden"], grid(4, 1))],
    build: ([x, bias]: ReadonlyArray<Value.Value>) => Op.Exp(Op.Add(x!, bias!)),
  },
  {
    name: "Mul by a matrix under a batch (column sums of two axes)",
    inputs: [input("float64", ["batch", 3, 2], grid(12)), input("float64", [3, 2], grid(6, 1))],
    build: ([x, y]: ReadonlyArray<Value.Value>) => Op.Mul(x!, y!),
  },
  {
    name: "Mul by one number for each token",
    inputs: [
      input("float64", ["batch", "tokens", "hidden"], grid(24)),
      input("float64", ["batch", "tokens", 1], grid(6, 1)),
    ],
    build: ([x, y]: ReadonlyArray<Value.Value>) => Op.Mul(x!, y!),
  },
  {
    name: "Mul by a row with leading axes of 1",
    inputs: [input("float64", ["batch", "tokens", "hidden"], grid(24)), input("float64", [1, 1, "hidden"], grid(4, 1))],
    build: ([x, y]: ReadonlyArray<Value.Value>) => Op.Mul(x!, y!),
  },
  {
    name: "Gather of the first token",
    inputs: [input("float64", ["batch", "tokens", "hidden"], grid(24)), input("int64", [], [0])],
    build: ([x, at]: ReadonlyArray<Value.Value>) => Op.Gather(x!, at!, { axis: 1 }),
  },
  {
    name: "Gather by a matrix of indices along a middle axis",
    inputs: [input("float64", ["batch", 3, 2], grid(12)), input("int32", [2, 2], [2, 0, -1, 2])],
    build: ([x, at]: ReadonlyArray<Value.Value>) => Op.Gather(x!, at!, { axis: 1 }),
  },
  {
    name: "ScatterND at single elements with negative indices",
    inputs: [
      input("float64", [3, 2], grid(6)),
      input("int64", [3, 2], [0, 1, -1, -2, 1, 0]),
      input("float64", [3], grid(3, 1)),
    ],
    build: ([x, at, y]: ReadonlyArray<Value.Value>) => Op.ScatterND(x!, at!, y!),
  },
  {
    name: "ScatterND of rows under named axes",
    inputs: [
      input("float64", ["batch", "tokens", 2], grid(12)),
      input("int64", [2, 2], [1, 2, 0, 0]),
      input("float64", [2, 2], grid(4, 1)),
    ],
    build: ([x, at, y]: ReadonlyArray<Value.Value>) => Op.ScatterND(x!, at!, y!),
  },
  {
    name: "attention heads split, transposed and merged",
    inputs: [input("float64", ["batch*tokens", 4], grid(24)), input("float64", ["batch", "tokens"], grid(6, 1))],
    build: ([x, ids]: ReadonlyArray<Value.Value>) => {
      const [batch, tokens] = [Extent.of(ids!, 0), Extent.of(ids!, 1)]
      const heads = Op.Transpose(Op.Reshape(x!, [batch, tokens, 2, 2]), { perm: [0, 2, 1, 3] })
      const mixed = Op.FusedMatMul(Op.Softmax(Op.FusedMatMul(heads, heads, { transB: 1, alpha: 0.5 })), heads)
      return Op.Reshape(Op.Transpose(mixed, { perm: [0, 2, 1, 3] }), [-1, 4])
    },
  },
].map(({ inputs, ...rest }) => ({
  ...rest,
  inputs: inputs.map(({ tensor }) => tensor),
  symbolic: inputs.map(({ shape }) => shape),
}))

describe("the table of gradients", () => {
  it("has a rule for every operator", () => {
    expect(Object.keys(rules).sort()).toEqual(names)
  })

  /** Each differentiable operator must show a gradient in some case, or its rule was never tried. */
  it.each(names)("%s agrees with differences, or has no gradient and says why", async (operator) => {
    let tried = 0
    for (const each of cases[operator]) {
      tried += await check(each, each.symbolic)
      tried += await check(
        each,
        each.inputs.map(({ shape }) => shape),
      )
    }
    const rule = rules[operator]
    if (rule._tag === "None") {
      expect(rule.reason).not.toBe("")
      expect(tried).toBe(0)
    } else {
      expect(tried).toBeGreaterThan(0)
    }
  })

  it.each(extra.map((each) => [each.name, each] as const))("%s agrees with differences", async (_, each) => {
    expect(await check(each, each.symbolic)).toBeGreaterThan(0)
    expect(
      await check(
        each,
        each.inputs.map(({ shape }) => shape),
      ),
    ).toBeGreaterThan(0)
  })
})

/** Gradients of the sum of a value at given inputs, float64. */
const gradientsAt = async (
  numbers: ReadonlyArray<ReadonlyArray<number>>,
  build: (...inputs: ReadonlyArray<Value.Value>) => Value.Value,
): Promise<ReadonlyArray<ReadonlyArray<number>>> => {
  const inputs = numbers.map((row, index) => Value.input(`input.${index}`, "float64", [row.length]))
  const gradients = Gradient.of(Op.ReduceSum(build(...inputs), { keepdims: 0 }), inputs)
  const { run, release } = await evaluator(
    Object.fromEntries(gradients.map((gradient, index) => [`${index}`, gradient!])),
  )
  const results = await run(
    Object.fromEntries(numbers.map((row, index) => [`input.${index}`, Tensor.float64([row.length], row)])),
  )
  await release()
  return gradients.map((_, index) => Tensor.numbers(results[`${index}`]!))
}

describe("at kinks, gradients are PyTorch's", () => {
  it("Relu and Abs have none at 0", async () => {
    expect(await gradientsAt([[0, -1, 2]], (x) => Op.Relu(x))).toEqual([[0, 0, 1]])
    expect(await gradientsAt([[0, -1, 2]], (x) => Op.Abs(x))).toEqual([[0, -1, 1]])
  })

  it("equal operands of Max and Min, and equal maxima, share", async () => {
    const equal = [
      [1, 2, 3],
      [1, 5, 0],
    ]
    expect(await gradientsAt(equal, (a, b) => Op.Max(a, b))).toEqual([
      [0.5, 0, 1],
      [0.5, 1, 0],
    ])
    expect(await gradientsAt(equal, (a, b) => Op.Min(a, b))).toEqual([
      [0.5, 1, 0],
      [0.5, 0, 1],
    ])
    expect(await gradientsAt([[3, 1, 3, 2]], (x) => Op.ReduceMax(x))).toEqual([[0.5, 0, 0.5, 0]])
  })

  it("what Where does not choose has no gradient, even where it would be infinite", async () => {
    const [gradient] = await gradientsAt([[0, 4]], (x) => Op.Where(Op.Greater(x, 0), Op.Mul(x, 3), Op.Mul(x, -1)))
    expect(gradient).toEqual([-1, 3])
  })
})
